"""What ``optima table`` shows in the terminal comes as soon as it is known, to whoever still reads."""

import os
import sys

import pytest

from optima.cli import main
from optima.report.winners import ROWS
from optima.tables import table
from optima.tables.table import LossTable

GIVEN = ("table", "--depths", "2", "--lambdas", "1e-3", "--structures", "simplex")


@pytest.fixture
def one_by_one(monkeypatch):
    """Cells in batches of one number of classes."""
    monkeypatch.setattr(table, "WORK", 1)


@pytest.mark.parametrize(
    ("more", "shown", "last"), [((), ROWS, f"{ROWS + 1}  DNC"), (("--rows", "3"), 3, "scale: the factor")]
)
def test_what_is_shown_does_not_wait_for_what_is_only_counted(monkeypatch, capsys, call, one_by_one, more, shown, last):
    """Nothing was printed before the last cell."""
    every, early = LossTable.batches, []

    def watched(grid):
        for number, batch in enumerate(every(grid)):
            if number in (0, shown):
                early.append(capsys.readouterr().out)
            yield batch

    monkeypatch.setattr(LossTable, "batches", watched)
    code, out, _ = call(*GIVEN, "--classes", f"2:{ROWS + 3}", *more)
    assert code == 0
    assert early[0] == "optimal losses (cross-entropy)\n"
    assert last in early[1]
    assert f"won by: simplex {ROWS + 2}" in out


@pytest.mark.skipif(sys.platform == "win32", reason="pipes cannot be asked whether somebody reads")
def test_a_table_that_nobody_reads_ends_at_the_next_batch(monkeypatch, capsys, one_by_one):
    """Of 2999 numbers of classes all were computed for a reader that had gone after the first line."""
    every, seen = LossTable.batches, []
    reader, writer = os.pipe()

    def watched(grid):
        for batch in every(grid):
            seen.append(batch)
            if len(seen) == 2:
                os.close(reader)
            yield batch

    monkeypatch.setattr(LossTable, "batches", watched)
    # The descriptor stands for a broken pipe at the end.
    with os.fdopen(writer, "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        assert main([*GIVEN, "--classes", "2:40"]) == 2
    assert "standard output was closed before the end" in capsys.readouterr().err
    assert len(seen) == 2

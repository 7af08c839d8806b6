"""Reproductions: every figure in its quick version, and the rows behind it."""

import csv

import pytest

from optima.cli import main
from optima.reproduce import FIGURES, find
from optima.reproduce.rows import read, write


@pytest.mark.parametrize("name", FIGURES)
def test_quick(name, tmp_path, capsys):
    assert main(["reproduce", name, "--quick", "--out", str(tmp_path)]) == 0
    written = set(capsys.readouterr().out.split())
    for ending in ("png", "pdf", "csv"):
        file = tmp_path / f"{name}.quick.{ending}"
        assert str(file) in written
        assert file.stat().st_size > 100
    assert {str(path) for path in tmp_path.iterdir()} == written
    with open(tmp_path / f"{name}.quick.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert rows
    assert not any("nan" in row.values() for row in rows)


def test_figures_two_and_five_share_their_runs(tmp_path, capsys):
    for name in ("garrod2025.fig2", "garrod2025.fig5"):
        assert main(["reproduce", name, "--quick", "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert out.count("garrod2025.sweeps.quick.csv") == 1


def test_rows_survive_the_file(tmp_path):
    rows = [{"a": 1, "b": 0.1 + 0.2, "c": None, "d": True, "e": "simplex(8)+pairs(1)"}]
    write(tmp_path / "rows.csv", rows)
    assert read(tmp_path / "rows.csv") == rows


def test_a_short_name_that_several_figures_have_is_refused_with_all_of_them():
    assert find("basins") is FIGURES["garrod2026depth.basins"]
    with pytest.raises(ValueError, match=r"more than one figure 'fig2'; pass garrod2025.fig2 or .*sukenik2024.fig2"):
        find("fig2")
    with pytest.raises(ValueError, match="no figure 'fig12'"):
        find("fig12")

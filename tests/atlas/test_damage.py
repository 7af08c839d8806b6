"""What was lost or altered in an atlas file is noticed, and a file nobody may write can be read."""

import dataclasses
import os
import shutil
import sqlite3
import tempfile
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest

from optima import DeepUFM
from optima.atlas import Hyperparameters, Record, Runs, Store
from optima.atlas.trained import Trained
from optima.proofs import Certificate

READERS = (["show"], ["export"], ["verify"], ["page", "--out", "page.html"], ["show", "--trained"])
READERS += (["export", "--trained"],)


@pytest.fixture(scope="module")
def whole(solution, tmp_path_factory):
    """Cells small and large (logits of several pages), certificates, a replaced minimum, and runs."""
    path = tmp_path_factory.mktemp("atlas") / "atlas.sqlite"
    record = Record.of(solution)
    data = {"form": np.random.default_rng(0).standard_normal(5000)}
    proof = Certificate(record.problem, 0.0, record.loss, record.means, "one direction", "words", 0.0, data)
    factors = np.random.default_rng(0).standard_normal((2, 60, 40))
    with Store(path, write=True) as store:
        small = [dataclasses.replace(record, problem=DeepUFM(4, L, 1e-3)) for L in range(2, 80)]
        store.put([dataclasses.replace(each, loss=2 * each.loss) for each in small[:3]])
        store.put(small)
        store.put([dataclasses.replace(record, problem=DeepUFM(60, 2, 1e-3), factors=factors)])
        store.put([dataclasses.replace(record, certificate=proof)])
        run = Trained(DeepUFM(4, 2, 1e-3, width=5), Hyperparameters(), 0, "converged", 9, 1.0, 0.0, "simplex", 3)
        Runs(store).put([dataclasses.replace(run, seed=seed, means=np.eye(4)) for seed in range(9)])
    return path


@pytest.fixture
def path(whole, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copy(whole, tmp_path / "copy.sqlite"))


@pytest.fixture
def call(capsys):
    from optima.cli import main

    def run(command, path):
        code = main(["atlas", command[0], str(path), *command[1:]])
        return code, *capsys.readouterr()

    return run


def refused(result, words=""):
    code, _, err = result
    assert code == 2
    assert err.startswith("optima: ")
    assert err.count("\n") == 1
    assert words in err


def change(path, *statements):
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            assert connection.execute(statement).rowcount != 0


def test_every_page_that_is_zeroed_is_noticed_by_every_reader(path, call):
    data = path.read_bytes()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA freelist_count").fetchone() == (0,)
    pages = range(0, len(data), 16384)
    assert len(pages) > 10
    for start in pages:
        path.write_bytes(data[:start] + bytes(16384) + data[start + 16384 :])
        found = [call(command, path)[0] for command in READERS[:3]]
        assert found == [2, 2, 2], start // 16384
    path.write_bytes(data[:16384] + bytes(16384) + data[2 * 16384 :])
    for command in READERS:
        refused(call(command, path), "pass an undamaged copy")


@pytest.mark.parametrize("column", ["structure", "factors"])
def test_a_cell_that_is_altered_is_noticed(path, call, column):
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.create_function("altered", 1, lambda blob: bytes([blob[0] ^ 1]) + blob[1:])
        other = "altered(factors)" if column == "factors" else "'another'"
        connection.execute(f"UPDATE cell SET {column} = {other} WHERE depth = 5")
    for command in READERS[:4]:
        refused(call(command, path), "damaged row (its checksum is another)")


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("DELETE FROM cell", "has lost 80 of its 80 cells"),
        ("DELETE FROM cell WHERE depth > 70", "has lost 9 of its 80 cells"),
        ("DELETE FROM source", "has lost 80 of its 80 cells"),
        ("DELETE FROM certificate", "has lost 80 of its 80 certificates"),
        ("DELETE FROM history WHERE rowid = 2", "has lost 1 of its 3 replaced minima"),
        ("DELETE FROM run WHERE seed > 3", "has lost 5 of its 9 runs"),
        ("DELETE FROM training", "has lost 9 of its 9 runs"),
        ("DELETE FROM ledger WHERE kind = 0", "has lost 80 of its 80 cells, or their entries"),
    ],
)
def test_rows_that_are_lost_are_noticed(path, call, statement, words):
    change(path, statement)
    code, out, _ = call(["verify"], path)
    assert code == 1
    assert words in out


def test_a_table_that_is_lost_is_noticed(path, call):
    change(path, "DROP TABLE cell")
    for command in READERS[:3]:
        refused(call(command, path), "no such table")


def test_what_is_lost_can_be_filled_again(path, call, solution):
    with Store(path) as store:
        records = list(store.records(classes=[4]))
    change(path, "DELETE FROM cell WHERE classes = 4 AND depth = 9", "DELETE FROM run WHERE seed = 1")
    with Store(path, write=True) as store:
        assert store.lost() == {"cells": (1, 80), "certificates": (1, 80), "runs": (1, 9)}
        assert len(store.put(records)) == 1
        run = Trained(DeepUFM(4, 2, 1e-3, width=5), Hyperparameters(), 1, "converged", 9, 1.0, 0.0, "simplex", 3)
        Runs(store).put([run])
        assert store.lost() == {}


def older(path):
    """A file as it was before the ledger."""
    change(path, "DROP TABLE ledger", "PRAGMA user_version = 2")


def test_an_older_file_is_read_and_said_to_be_without_a_ledger(path, call):
    older(path)
    assert "80 cells" in call(["show"], path)[1]
    _, out, _ = call(["verify"], path)
    assert "older version, which does not say what it holds" in out
    Store(path, write=True).close()
    with Store(path, write=True) as store:
        assert store.lost() == {}
    change(path, "DELETE FROM cell WHERE depth = 9", "DELETE FROM history WHERE rowid = 1")
    with Store(path) as store:
        assert store.lost() == {"cells": (1, 80), "certificates": (1, 80), "replaced minima": (1, 3)}
    assert "older version" not in call(["verify"], path)[1]


def test_an_older_file_without_a_row_is_not_said_to_hold(path, call):
    older(path)
    change(path, "DELETE FROM cell", "DELETE FROM run")
    assert call(["verify"], path)[0] == 1


@contextmanager
def unwritable():
    """A folder that this process may not write to, not for the superuser either."""
    root = os.geteuid() == 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            yield folder, lambda: (folder.chmod(0o555), os.seteuid(65534) if root else None)
        finally:
            if root:
                os.seteuid(0)
            folder.chmod(0o755)


def test_a_closed_atlas_in_a_folder_that_may_not_be_written(path, call):
    with unwritable() as (folder, close):
        for name in ("new", "old"):
            shutil.copy(path, folder / name)
        older(folder / "old")
        with Store(path) as store:
            # What is imported on the way may lie where another user may not read.
            assert list(store.records())
        close()
        for name in ("new", "old"):
            with Store(folder / name) as store:
                assert len(list(store.records())) == 80
                assert len(list(Runs(store).all())) == 9
        with pytest.raises(ValueError, match="pass a file in a folder you may write to"):
            Store(folder / "new", write=True)
        found = sorted(each.name for each in folder.iterdir())
    assert found == ["new", "old"]


def test_changes_in_a_log_that_cannot_be_read_are_not_left_out(path):
    with Store(path, write=True) as store, unwritable() as (folder, close):
        store._connection.execute("UPDATE cell SET named = 1")
        for end in ("", "-wal"):
            shutil.copy(f"{path}{end}", folder / f"copy{end}")
        close()
        with pytest.raises(ValueError, match="changes in copy-wal that are read only where files can be written"):
            Store(folder / "copy")


def test_a_log_beside_the_file_that_a_link_points_to(path, tmp_path):
    (tmp_path / "folder").mkdir()
    link = tmp_path / "folder" / "link"
    link.symlink_to(path)
    with Store(path, write=True) as store:
        store.put([dataclasses.replace(next(store.records()), problem=DeepUFM(4, 99, 1e-3))])
        with Store(link) as reader:
            assert len(reader) == 81


@pytest.mark.parametrize("name", ["/dev/null", "/dev/zero", "."])
def test_what_is_no_file_is_no_atlas(name):
    for write in (False, True):
        with pytest.raises(ValueError, match="is not a file"):
            Store(name, write=write)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE source SET seed = -1",
        "UPDATE source SET known_by = char(0)",
        "UPDATE source SET known_by = x'ff'",
        "UPDATE source SET effort = 'some'",
        "UPDATE cell SET rank = 77",
        "UPDATE cell SET loss = 'low'",
        "UPDATE cell SET loss = 9e999",
        "UPDATE cell SET classes = classes + 1 WHERE depth = 5",
        "UPDATE cell SET depth = 4 WHERE depth = 5",
        "UPDATE cell SET reg = 9e999 WHERE depth = 5",
        "UPDATE cell SET reg = 'low' WHERE depth = 5",
        "UPDATE certificate SET words = '{}'",
        "UPDATE certificate SET words = '[[['",
        "UPDATE certificate SET data = x'00'",
    ],
)
@pytest.mark.parametrize("ledger", [True, False])
def test_hostile_rows_are_one_sentence(path, call, statement, ledger):
    change(path, statement, *([] if ledger else ["UPDATE ledger SET crc = NULL, proof = -1"]))
    for command in READERS[:3]:
        refused(call(command, path), "pass an undamaged copy")

"""The atlas file: what is kept, what is refused, and what a damaged file says."""

import dataclasses
import shutil
import sqlite3

import numpy as np
import pytest

from optima import DeepUFM, solve
from optima.atlas import Record, Store, schema
from optima.model.key import content_key, normalised, problem_of, problem_text


@pytest.fixture
def path(tmp_path):
    return tmp_path / "atlas.sqlite"


@pytest.fixture
def record(solution):
    return Record.of(solution, certify=True)


def worse(record, factor=1.01, **changes):
    """The same problem with logits of a larger scale, and their loss."""
    from optima import Reduction

    factors = record.factors * factor
    loss = Reduction(record.problem).value(factors[0] @ factors[1].T)
    return dataclasses.replace(record, factors=factors, loss=loss, description="other (rank 2)", **changes)


RELU = DeepUFM(4, 2, 1e-3, activation="relu")


@pytest.mark.parametrize(
    ("twin", "problem"),
    [
        (DeepUFM(4, 2, (1e-3, 1e-3, 1e-3)), DeepUFM(4, 2, 1e-3)),
        (DeepUFM(4, 2, 1e-3, width=4), DeepUFM(4, 2, 1e-3)),
        (DeepUFM(4, 2, 1e-3, width=70), DeepUFM(4, 2, 1e-3)),
        (DeepUFM(4, 2, 1e-3, samples=(1, 1, 1, 1)), DeepUFM(4, 2, 1e-3)),
        (dataclasses.replace(RELU, width=10), RELU),
        (DeepUFM(4, 1, 1e-3, activation="relu"), DeepUFM(4, 1, 1e-3)),
    ],
)
def test_one_key_for_one_problem(twin, problem):
    assert content_key(twin) == content_key(problem)


@pytest.mark.parametrize(
    "other",
    [
        DeepUFM(4, 2, np.nextafter(1e-3, 1)),
        DeepUFM(4, 2, 1e-3, width=3),
        DeepUFM(4, 2, 1e-3, samples=2),
        DeepUFM(4, 2, 1e-3, loss="mse"),
        DeepUFM(4, 2, (1e-3, 2e-3, 5e-4)),
        DeepUFM(4, 3, 1e-3),
        RELU,
    ],
)
def test_other_problems_have_other_keys(other):
    assert content_key(other) != content_key(DeepUFM(4, 2, 1e-3))
    assert content_key(dataclasses.replace(RELU, width=9)) != content_key(RELU), "ten neurons are enough, nine are not"
    assert problem_of(problem_text(normalised(other))) == normalised(other)


def test_what_is_put_comes_back(path, record):
    with Store(path, write=True) as store:
        assert store.put([record]) == [record]
    with Store(path) as store:
        found = store.get(record.problem)
        assert len(store) == 1
        assert store.get(DeepUFM(9, 9, 1e-3)) is None
    assert np.array_equal(found.factors, record.factors)
    for name in ("problem", "loss", "structure", "named", "known_by", "version", "seed", "effort", "rank", "kind"):
        assert getattr(found, name) == getattr(record, name)
    assert found.certificate.lower == record.certificate.lower
    assert found.certificate.verify()
    assert found.solution().loss == pytest.approx(record.loss, rel=1e-14)


def test_unbalanced_and_mse_problems(path):
    problems = [DeepUFM(3, 2, 1e-3, samples=(1, 2, 3)), DeepUFM(3, 2, 1e-3, loss="mse"), DeepUFM(3, 2, 10.0)]
    records = [Record.of(solve(problem, effort="quick")) for problem in problems]
    with Store(path, write=True) as store:
        store.put(records)
        found = [store.get(problem) for problem in problems]
        assert set(store.known([*problems, DeepUFM(3, 2, 1.0)])) == set(problems)
    assert [r.loss for r in found] == [r.loss for r in records]
    assert found[2].rank == 0


def test_the_better_minimum_stays(path, record):
    poor = worse(record, seed=7)
    with Store(path, write=True) as store:
        store.put([poor])
        assert store.put([record])
        assert not store.put([poor])
        assert not store.put([record])
        assert store.get(record.problem).loss == record.loss
        (past,) = store.history(record.problem)
        assert (past.loss, past.structure, past.seed) == (poor.loss, poor.structure, 7)
        assert len(store) == 1


def test_the_higher_bound_stays(path, record):
    low = dataclasses.replace(record.certificate, lower=record.certificate.lower / 2)
    with Store(path, write=True) as store:
        store.put([dataclasses.replace(record, certificate=low)])
        assert not store.put([record]), "the minimum is no better"
        assert store.get(record.problem).certificate.lower == record.certificate.lower
        store.put([dataclasses.replace(record, certificate=low)])
        assert store.get(record.problem).certificate.lower == record.certificate.lower


def test_a_loss_under_a_proved_bound_is_refused_with_all_that_came_with_it(path, record):
    wrong = dataclasses.replace(record, certificate=dataclasses.replace(record.certificate, lower=record.loss * 1.1))
    other = dataclasses.replace(record, problem=DeepUFM(4, 2, 1e-3))
    with Store(path, write=True) as store:
        with pytest.raises(ValueError, match="lies under the proved bound"):
            store.put([other, wrong])
        assert len(store) == 0


def test_queries(path, record):
    records = [dataclasses.replace(record, problem=DeepUFM(4, L, reg)) for L in (3, 2) for reg in (1e-2, 1e-3)]
    with Store(path, write=True) as store:
        store.put([*records, dataclasses.replace(worse(record), problem=DeepUFM(4, 9, 1e-3))])
        places = [(r.problem.depth, r.problem.reg) for r in store.records()]
        assert places == [(2, 1e-3), (2, 1e-2), (3, 1e-3), (3, 1e-2), (9, 1e-3)]
        assert len(list(store.records(classes=[4], depths=[2, 3], regs=(1e-3, 1e-3)))) == 2
        assert [r.problem.depth for r in store.records(structure="other")] == [9]
        assert [r.problem.depth for r in store.records(structure="other (rank 2)")] == [9]
        assert not list(store.records(structure="oth"))
        assert not list(store.records(rank=3))


def test_readers_beside_a_writer(path, record):
    with Store(path, write=True) as writer, Store(path) as one, Store(path) as two:
        writer.put([record])
        assert len(one) == len(two) == 1


def test_a_missing_file(path):
    with pytest.raises(ValueError, match="no atlas yet; pass a file written by optima atlas build"):
        Store(path)
    assert not path.exists()


@pytest.mark.parametrize("write", [False, True])
def test_a_foreign_file(path, write):
    path.write_text("classes,depth\n4,2\n")
    with pytest.raises(ValueError, match="is not an atlas"):
        Store(path, write)
    assert path.read_text() == "classes,depth\n4,2\n"


@pytest.mark.parametrize("write", [False, True])
def test_a_database_of_another_program(path, write):
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE mine (x)")
    other.close()
    with pytest.raises(ValueError, match="a database but not an atlas"):
        Store(path, write)


@pytest.mark.parametrize("write", [False, True])
@pytest.mark.parametrize("share", [0.01, 0.3, 0.9])
def test_a_truncated_file(path, record, write, share):
    with Store(path, write=True) as store:
        store.put(dataclasses.replace(record, problem=DeepUFM(4, L, 1e-3)) for L in range(2, 60))
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(ValueError, match="damaged or cut short"):
        Store(path, write)


def test_an_atlas_of_a_newer_version(path, record):
    Store(path, write=True).close()
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {len(schema.STEPS) + 1}")
    connection.close()
    with pytest.raises(ValueError, match="newer than this optima; update optima"):
        Store(path)


def test_an_atlas_of_an_older_version_is_brought_up_to_date(path, record, monkeypatch):
    with Store(path, write=True) as store:
        store.put([record])
    steps = (*schema.STEPS, "CREATE TABLE note (cell INTEGER); INSERT INTO note VALUES (1);")
    monkeypatch.setattr("optima.atlas.schema.STEPS", steps)
    monkeypatch.setattr("optima.atlas.database.STEPS", steps)
    with pytest.raises(ValueError, match="older version; pass it to optima atlas build once"):
        Store(path)
    Store(path, write=True).close()
    with Store(path) as store:
        assert store.get(record.problem).loss == record.loss
        assert store._connection.execute("SELECT cell FROM note").fetchall() == [(1,)]


def test_a_copy_taken_in_the_middle_of_a_write_holds_what_was_stored(path, tmp_path, record):
    """The files of a machine that lost its power: the transaction begun is gone, those before it are whole."""
    with Store(path, write=True) as store:
        store.put([record])
        store._connection.execute("BEGIN IMMEDIATE")
        store._insert(dataclasses.replace(record, problem=DeepUFM(4, 5, 1e-3)))
        (tmp_path / "after").mkdir()
        for name in (path.name, path.name + "-wal"):
            shutil.copy(tmp_path / name, tmp_path / "after" / name)
        store._connection.execute("ROLLBACK")
    with Store(tmp_path / "after" / path.name, write=True) as store:
        assert [r.problem for r in store.records()] == [record.problem]


def test_a_full_disk_keeps_what_was_stored(path, record):
    with Store(path, write=True) as store:
        store.put([record])
        pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
        store._connection.execute(f"PRAGMA max_page_count = {pages + 2}")
        many = [dataclasses.replace(record, problem=DeepUFM(4, L, 1e-3)) for L in range(2, 400)]
        with pytest.raises(OSError, match="No space left"):
            store.put(many)
        assert len(store) == 1
        store._connection.execute("PRAGMA max_page_count = 100000")
        assert len(store.put(many)) == len(many)


def test_a_cell_of_twenty_classes_at_rank_four_takes_less_than_two_kilobytes(path, record):
    factors = np.random.default_rng(0).standard_normal((2, 20, 4))
    big = [
        dataclasses.replace(record, problem=DeepUFM(20, L, reg), factors=factors)
        for L in range(2, 12)
        for reg in np.geomspace(1e-7, 1e-2, 100).tolist()
    ]
    with Store(path, write=True) as store:
        store.put(big)
    assert path.stat().st_size / len(big) < 2048

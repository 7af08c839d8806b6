"""Building an atlas: only what is missing, the same values whoever computes them, nothing lost to kills."""

import dataclasses
from itertools import chain

import numpy as np
import pytest

from optima import DeepUFM, Reduction, solve
from optima.atlas import Record, Store, add, build, check, dask, processes
from optima.atlas.jobs import cut
from optima.structures.recognition.result import Recognition


def values(path):
    with Store(path) as store:
        return {record.key: (record.loss, record.factors.tobytes(), record.structure) for record in store.records()}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "atlas.sqlite"


def test_pieces_cover_the_grid_once_and_do_not_depend_on_its_order(grid):
    wide = [DeepUFM(20, L, float(reg)) for L in range(1, 11) for reg in np.geomspace(1e-8, 1e-1, 97)]
    pieces = cut([*wide, *grid])
    assert cut([*grid, *wide[::-1]]) == pieces
    assert sorted(map(str, chain(*pieces))) == sorted(map(str, [*wide, *grid]))
    assert max(map(len, pieces)) <= 400
    assert all(len({problem.classes for problem in piece}) == 1 for piece in pieces)


def test_a_build_solves_what_is_missing(path, grid, thread):
    told = []
    with Store(path, write=True) as store:
        state = build(store, grid, effort="quick", executors=thread, progress=lambda now: told.append(now.done))
        assert (state.done, state.kept, len(store)) == (12, 12, 12)
        assert told == [6, 12]
        assert "12 of 12 cells" in str(state)
        assert build(store, grid, effort="quick", executors=thread).total == 0
        state = build(store, [*grid, DeepUFM(4, 4, 1e-3)], effort="quick", executors=thread)
        assert (state.total, len(store)) == (1, 13)
        assert build(store, grid, effort="quick", again=True, executors=thread).kept == 0
        for record in store.records():
            cold = solve(record.problem, effort="quick")
            assert record.loss <= cold.loss * (1 + 1e-9)


def test_an_interrupted_build_ends_with_the_same_values(tmp_path, grid, thread):
    paths = [tmp_path / "whole.sqlite", tmp_path / "in_parts.sqlite"]

    def stop(state):
        raise KeyboardInterrupt

    for path in paths:
        with Store(path, write=True) as store:
            if path.name.startswith("in_parts"):
                with pytest.raises(KeyboardInterrupt):
                    build(store, grid, effort="quick", executors=thread, progress=stop)
                assert 0 < len(store) < len(grid)
            build(store, grid, effort="quick", executors=thread)
    assert values(paths[0]) == values(paths[1])


def test_certificates_come_later_too(path, thread):
    problems = [DeepUFM(2, 2, 1e-3), DeepUFM(4, 1, 1e-3)]
    with Store(path, write=True) as store:
        build(store, problems, effort="quick", executors=thread)
        assert not any(store.known(problems).values())
        build(store, problems, effort="quick", certify=True, executors=thread)
        assert all(store.known(problems).values())
        assert all(abs(store.get(problem).gap) < 2e-3 for problem in problems)


def test_every_stored_loss_is_that_of_its_weights(path, grid, thread):
    with Store(path, write=True) as store:
        build(store, grid, effort="quick", executors=thread)
        records = list(store.records())
    assert all(check(record).holds for record in records)
    assert not check(dataclasses.replace(records[0], loss=records[0].loss * 1.0001)).holds


def test_finds_are_verified_before_they_are_added(path, solution):
    with Store(path, write=True) as store:
        poor = dataclasses.replace(solution, means=1.01 * solution.means, recognition=Recognition.read("best ever"))
        assert add(store, poor)
        assert store.get(solution.problem).structure == "pairs"
        assert add(store, solution)
        assert not add(store, poor)
        with pytest.raises(ValueError, match=r"have loss 0\.\d+, not 1e-05 as claimed"):
            add(store, solution, claimed=1e-5)
        wrong = dataclasses.replace(solution.certificate, lower=solution.loss * 0.999)
        with pytest.raises(ValueError, match="certificate does not hold"):
            add(store, dataclasses.replace(solution, proof=wrong))


def test_unknown_effort(path):
    with Store(path, write=True) as store, pytest.raises(ValueError, match="pass one of 'quick'"):
        build(store, [], effort="hard")


def test_a_model_with_several_regularisations_is_verified_too(path, thread):
    problem = DeepUFM(4, 2, (1e-2, 1e-3, 1e-4), samples=(1, 2, 2, 3))
    with Store(path, write=True) as store:
        build(store, [problem], effort="quick", executors=thread)
        record = store.get(problem)
    assert check(record).holds
    assert record.loss == Reduction(problem).value(record.means)


@pytest.mark.slow
@pytest.mark.needs("distributed")
def test_one_process_two_and_dask_store_the_same(tmp_path, grid):
    ways = {"one": processes(1), "two": processes(2), "cluster": dask("local", 2)}
    for name, executors in ways.items():
        with Store(tmp_path / name, write=True) as store:
            build(store, grid, effort="quick", executors=executors)
    one = values(tmp_path / "one")
    assert len(one) == len(grid)
    assert all(values(tmp_path / name) == one for name in ways)


def test_records_of_a_sweep_need_little_room(solution):
    record = Record.of(solution)
    assert record.factors.nbytes == 2 * 4 * 2 * 8

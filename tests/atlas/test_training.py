"""Runs of gradient descent in an atlas: those of the trainer, each trained once, whatever interrupts."""

import dataclasses
import multiprocessing
import os
import signal

import numpy as np
import pytest

from optima import DeepUFM
from optima.atlas import Hyperparameters, Runs, Store, check_trained, dask, processes, train
from optima.atlas.training import cut
from optima.training import train as descend

# Coarse: what is tested is the keeping of books.
SETTINGS = Hyperparameters(steps=300, tolerance=1e-3)
PROBLEMS = [DeepUFM(4, 2, reg, 2, width) for width in (6, 12) for reg in (0.02, 0.1)]


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "atlas.sqlite", write=True) as opened:
        yield opened


def kept(store):
    """Everything that is stored of the runs, comparable."""
    rows = [dataclasses.asdict(run) for run in Runs(store).all()]
    return [row | {"means": None if row["means"] is None else row["means"].tobytes()} for row in rows]


def test_the_runs_are_those_of_the_trainer(store, thread):
    train(store, PROBLEMS, SETTINGS, seeds=3, executors=thread)
    direct = descend(PROBLEMS, lr=0.5, steps=300, seeds=3, tolerance=1e-3, record=False).polished()
    for run in direct.runs:
        (found,) = Runs(store).of(run.problem, SETTINGS, [run.seed])
        assert (found.ending, found.steps, found.structure) == (run.ending, run.steps, run.structure)
        assert found.polished_structure == run.polished.structure
        assert found.loss == pytest.approx(run.loss, rel=1e-12)
        assert found.polished_loss == pytest.approx(run.polished.loss, rel=1e-9)
        np.testing.assert_allclose(found.means, run.polished.means, atol=1e-6)
    assert len(Runs(store)) == len(direct.runs)


def test_only_what_is_missing_is_trained(store, thread):
    told = []
    state = train(store, PROBLEMS[:2], SETTINGS, 2, thread, lambda now: told.append((now.done, now.fraction)))
    assert (state.done, state.total, told[-1]) == (4, 4, (4, 1.0))
    assert str(state) == "4 of 4 runs"
    assert train(store, PROBLEMS[:2], SETTINGS, 2, thread).total == 0
    assert train(store, PROBLEMS, SETTINGS, 3, thread).total == 2 * 1 + 2 * 3
    assert train(store, PROBLEMS, dataclasses.replace(SETTINGS, lr=0.3), 1, thread).total == 4
    assert train(store, PROBLEMS[:1], SETTINGS, [7, 1, 7], thread).total == 1


def test_an_interrupted_training_ends_with_the_same_runs(tmp_path, thread):
    def stop(state):
        raise KeyboardInterrupt

    found = []
    for name in ("whole", "in_parts"):
        with Store(tmp_path / name, write=True) as store:
            if name == "in_parts":
                with pytest.raises(KeyboardInterrupt):
                    train(store, PROBLEMS, SETTINGS, 3, thread, stop)
                assert 0 < len(Runs(store)) < 12
            train(store, PROBLEMS, SETTINGS, 3, thread)
            found.append(kept(store))
    assert found[0] == found[1]


def test_how_runs_share_jobs_does_not_matter(tmp_path, thread, monkeypatch):
    found = []
    for batch in (1, 10**6):
        monkeypatch.setattr("optima.atlas.training.BATCH", batch)
        with Store(tmp_path / str(batch), write=True) as store:
            train(store, PROBLEMS[:2], SETTINGS, 2, thread)
            found.append(kept(store))
    # One run alone may be summed in another order.
    for alone, together in zip(*found, strict=True):
        assert alone["loss"] == pytest.approx(together["loss"], rel=1e-12)
        assert (alone["structure"], alone["steps"]) == (together["structure"], together["steps"])


def test_jobs_cover_what_is_missing_once():
    missing = dict.fromkeys(PROBLEMS, (0, 1, 2)) | {PROBLEMS[0]: (), DeepUFM(10, 3, 0.1, 5, 300): (0, 4)}
    found = cut(missing, SETTINGS)
    pairs = [(problem, seed) for job in found for problem in job.problems for seed in job.seeds]
    assert sorted(map(str, pairs)) == sorted(str((p, seed)) for p, seeds in missing.items() for seed in seeds)
    assert [job.cost for job in found] == sorted((job.cost for job in found), reverse=True)
    assert max(job.size for job in found if job.problems[0].width == 300) == 1


def test_diverged_runs_are_kept(store, thread):
    state = train(store, PROBLEMS[:1], Hyperparameters(lr=1e4, steps=200), 2, thread)
    assert str(state) == "2 of 2 runs, 2 diverged"
    for run in Runs(store).all():
        assert (run.ending, run.structure, run.loss, run.means) == ("diverged", "diverged", None, None)
        assert run.end(True) == ("diverged", None)
        assert check_trained(run) is None


def test_critical_points_are_verified(store, thread):
    train(store, PROBLEMS[:2], SETTINGS, 2, thread)
    for run in Runs(store).all():
        assert check_trained(run).holds
        assert not check_trained(dataclasses.replace(run, polished_loss=run.polished_loss * 1.0001)).holds


def test_relu_networks_and_runs_without_critical_points(store, thread):
    problem = DeepUFM(3, 2, 0.05, 2, 8, activation="relu")
    settings = Hyperparameters(steps=100, polish=False)
    train(store, [problem], settings, 2, thread)
    for run in Runs(store).of(problem, settings):
        assert run.polished_loss is run.polished_structure is None
        assert run.end(True) == run.end(False) == (run.structure, run.loss)
        assert check_trained(run) is None


def test_runs_by_place(store, thread):
    train(store, [*PROBLEMS, DeepUFM(3, 1, (0.1, 0.4), width=3)], dataclasses.replace(SETTINGS, steps=5), 1, thread)
    runs = Runs(store)
    assert [run.problem.classes for run in runs.all(classes=[3])] == [3]
    assert {run.problem.reg for run in runs.all(regs=(0.02, 0.03))} == {0.02}
    assert [run.problem.reg for run in runs.all(depths=[1], regs=(0.2, 0.2))] == [(0.1, 0.4)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lr": 0}, "lr is 0; pass a positive"),
        ({"steps": 0}, "steps is 0; pass an integer"),
        ({"momentum": 1}, "momentum is 1; pass a number"),
        ({"nesterov": True}, "nesterov needs momentum"),
    ],
)
def test_bad_hyperparameters(change, message):
    with pytest.raises(ValueError, match=message):
        Hyperparameters(**change)


def test_bad_input_before_any_training(store, thread):
    with pytest.raises(ValueError, match="the width is not given"):
        train(store, [DeepUFM(3, 2, 0.1)], executors=thread)
    with pytest.raises(ValueError, match="init is 'pears'"):
        train(store, PROBLEMS, Hyperparameters(init="pears"), executors=thread)


def test_hyperparameters_survive_as_text():
    settings = Hyperparameters(0.1, 7, "pairs", 0.25, 0.9, True, tolerance=1e-7, polish=False)
    assert Hyperparameters.of(settings.text) == settings
    assert Hyperparameters(lr=1).text == Hyperparameters(lr=1.0).text


@pytest.mark.slow
@pytest.mark.needs("distributed")
def test_one_process_two_and_dask_store_the_same_runs(tmp_path):
    for name, executors in {"one": processes(1), "two": processes(2), "cluster": dask("local", 2)}.items():
        with Store(tmp_path / name, write=True) as store:
            train(store, PROBLEMS, SETTINGS, 3, executors)
    found = []
    for name in ("one", "two", "cluster"):
        with Store(tmp_path / name) as store:
            found.append(kept(store))
    assert len(found[0]) == 12
    assert found[0] == found[1] == found[2]


@pytest.mark.slow
def test_killed_workers_are_replaced(tmp_path):
    killed = []

    def kill(state):
        if not killed:
            (victim,) = multiprocessing.active_children()
            os.kill(victim.pid, signal.SIGKILL)
            killed.append(victim.pid)

    with Store(tmp_path / "atlas.sqlite", write=True) as store:
        state = train(store, PROBLEMS, SETTINGS, 3, processes(1), kill)
        assert state.lost
        assert (state.done, len(Runs(store))) == (12, 12)

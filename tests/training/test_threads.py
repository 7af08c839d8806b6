"""Threads share out the runs and change none of the numbers; they end when the call does, however it ends."""

import os
import signal
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from importlib import import_module
from multiprocessing import get_context

import numpy as np
import pytest
from test_trainer import RULES, same_to_the_bit
from threadpoolctl import threadpool_info

from optima import DeepUFM, train
from optima.cli import main
from optima.model.arrays import Backend
from optima.workers.threads import Crew, cores, crew

descent = import_module("optima.training.descent")
SMALL = DeepUFM(4, 2, 2**-6, 2, width=5)
DEEP = DeepUFM(5, 3, (0.01, 0.02, 0.03, 0.04), (1, 2, 3, 1, 2), width=17, activation="relu")


@pytest.fixture(autouse=True)
def _every_run_is_worth_a_thread(monkeypatch):
    monkeypatch.setattr(descent, "GRAIN", 1)


def blas_threads():
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


@pytest.mark.parametrize("rule", RULES, ids=str)
@pytest.mark.parametrize("problem", [SMALL, DEEP, replace(DEEP, loss="mse")], ids=lambda p: f"{p.activation}-{p.loss}")
def test_any_number_of_threads_gives_the_same_bits(problem, rule):
    """Also more threads than runs, runs that diverge, and runs that converge while others go on."""
    settings = {"lr": [0.02, 0.5, 1e4], "steps": 100, "seeds": 2, "rule": rule, "tolerance": 0.6, "record": False}
    alone = train(problem, threads=1, **settings)
    assert {run.ending for run in alone.runs} == {"converged", "diverged", "out of steps"}
    for threads in (2, 3, 12):
        same_to_the_bit(train(problem, threads=threads, **settings), alone)


@pytest.mark.parametrize("width", [20, 70])
def test_also_at_the_sizes_of_the_papers(width):
    problem = DeepUFM(10, 2, 2**-10, 5, width=width, activation="relu")
    settings = {"steps": 40, "seeds": 5, "record": False}
    same_to_the_bit(train(problem, threads=2, **settings), train(problem, threads=1, **settings))


def test_the_comparison_can_fail():
    one, other = (train(SMALL, steps=20, seeds=[seed]) for seed in (0, 1))
    with pytest.raises(AssertionError):
        same_to_the_bit(one, other)


def test_runs_are_spread_over_threads_of_equal_load():
    trials = [descent.Trial(SMALL, 0.5, seed) for seed in range(7)]
    with crew(3, Backend()) as hands:
        going = descent.Descent(trials, descent.Settings(9, RULES[1], 1e-5, False), Backend(), hands)
        going.begin([[np.zeros((5, 5)), np.zeros((4, 5)), np.zeros((5, 8))] for _ in trials])
        parts = going._parts()
    assert sorted(len(lr) for _, _, lr, _ in parts) == [2, 2, 3]
    assert [len(factors[0]) for factors, _, _, _ in parts] == [len(lr) for _, _, lr, _ in parts]
    assert all(np.shares_memory(factors[0], going.batch[0]) for factors, _, _, _ in parts)


def test_work_is_done_on_several_threads():
    names = set()
    meeting = threading.Barrier(2, timeout=600)

    def work(part):
        meeting.wait()
        names.add(threading.current_thread().name)

    with crew(2, Backend()) as hands:
        hands.repeat(3, work, [(1,), (2,)])
    assert len(names) == 2


def test_linear_algebra_is_on_one_thread_meanwhile():
    before, during = blas_threads(), []
    with crew(2, Backend()) as hands:
        hands.repeat(1, lambda part: during.append(blas_threads()), [(1,), (2,)])
    assert during == [{1}, {1}]
    assert blas_threads() == before


def test_no_warnings_from_threads_in_which_a_run_overflows():
    with crew(2, Backend()) as hands:
        hands.repeat(1, lambda part: part * part, [(np.array(1e300),), (np.array(1e300),)])


def test_one_failure_ends_all_threads():
    done = []

    def work(part):
        if part == "bad":
            raise RuntimeError("of its own")
        done.append(part)
        time.sleep(0.001)

    with pytest.raises(RuntimeError, match="of its own"), crew(2, Backend()) as hands:
        hands.repeat(100_000, work, [("bad",), ("good",)])
    assert len(done) < 50_000
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("optima-train")]


@pytest.fixture
def heeds_ctrl_c():
    """Ctrl-C may be ignored by the parent, and so here."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeds_ctrl_c")
@pytest.mark.parametrize("threads", [1, 3])
def test_ctrl_c_ends_all_threads_and_the_checkpoint_goes_on(threads, tmp_path, monkeypatch):
    """An interrupt in the midst of a block of steps; the same call then ends at the numbers of an undisturbed one."""
    file = tmp_path / "training.npz"
    settings = {"steps": 500, "seeds": 4, "record": False, "threads": threads}
    whole = train(DEEP, **settings)
    monkeypatch.setattr(import_module("optima.training.trainer"), "STORE", 0.0)
    plain, calls = Crew.repeat, []

    def interrupted(self, count, work, parts):
        def disturbed(*part):
            calls.append(1)
            if len(calls) == 300:
                os.kill(os.getpid(), signal.SIGINT)
            work(*part)

        plain(self, count, disturbed, parts)

    with monkeypatch.context() as patch:
        patch.setattr(Crew, "repeat", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train(DEEP, checkpoint=file, **settings)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("optima-train")]
    resumed = train(DEEP, checkpoint=file, **settings | {"threads": 4 - threads})
    same_to_the_bit(resumed, whole)


def test_the_default_is_every_core_of_the_process():
    with crew(None, Backend()) as hands:
        assert hands.threads == cores()
    assert 1 <= cores() <= (os.cpu_count() or 1)


def test_a_worker_process_takes_one():
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        assert pool.submit(cores).result() == 1


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [({"threads": 0}, "threads is 0"), ({"threads": 2.5}, "threads is 2.5"), ({"threads": "2"}, "threads is '2'")],
)
def test_bad_input(changes, sentence):
    with pytest.raises((ValueError, TypeError), match=sentence):
        train(SMALL, steps=2, seeds=1, **changes)


def test_on_the_command_line(capsys):
    problem = ["--classes", "4", "--depth", "2", "--width", "5", "--reg", "2^-6"]
    command = ["train", *problem, "--steps", "30", "--seeds", "3", "--json", "--threads"]
    printed = [(main([*command, threads]), capsys.readouterr().out) for threads in ("1", "2")]
    assert printed[0] == printed[1]
    assert main([*command, "0"]) != 0
    assert "threads" in capsys.readouterr().err


def test_other_libraries_have_threads_of_their_own():
    with pytest.raises(ValueError, match="threads is 2 but array_api_strict has threads of its own"):
        train(SMALL, steps=2, seeds=1, backend="array_api_strict", threads=2)

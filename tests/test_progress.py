"""What callbacks of progress are given: words, and the part that is done where it is known."""

import importlib
import inspect
import pkgutil
from types import NoneType
from typing import Self, get_args, get_type_hints

import numpy as np
import pytest

import optima
from optima import DeepUFM, certify, compare, solve, sweep, train
from optima.atlas import Store, build, processes
from optima.claims import claims_of, run
from optima.progress import Part, Words
from optima.proofs.invariant.certificate import certify_invariant
from optima.training import Progress

MODULES = [
    each.name for each in pkgutil.walk_packages(optima.__path__, "optima.") if not each.name.endswith("__main__")
]


def test_words_know_of_no_part():
    assert (str(Words("depth 2")), Words("depth 2").fraction) == ("depth 2", None)


def test_a_part_is_a_share_of_all_and_of_nothing_all():
    assert (str(Part(1, 4, "cells")), Part(1, 4).fraction, Part(0, 0).fraction) == ("cells", 0.25, 1.0)


def test_the_progress_of_training_is_the_share_of_its_steps():
    assert (str(Progress(10, 40, 0.123456789)), Progress(10, 40, 0.1).fraction) == ("loss 0.123457", 0.25)


def taking_progress():
    """All functions and methods with a parameter of that name, and the class they are of."""
    for module in map(importlib.import_module, MODULES):
        own = [each for each in vars(module).values() if getattr(each, "__module__", "") == module.__name__]
        methods = [(each, of) for of in own if inspect.isclass(of) for each in vars(of).values()]
        for each, of in [*((each, None) for each in own), *methods]:
            function = inspect.unwrap(each) if inspect.isfunction(each) else None
            if function and "progress" in inspect.signature(function).parameters:
                yield function, of


def test_every_parameter_of_progress_takes_whoever_is_told_words_and_a_part():
    found = list(taking_progress())
    known = {"solve", "sweep", "certify", "compare", "train", "prove", "polished", "build", "phase_diagram"}
    assert {each.__name__ for each, _ in found} >= known
    for function, of in found:
        hint = get_type_hints(function)["progress"]
        callback = get_args(hint)[0] if NoneType in get_args(hint) else hint
        told = get_args(callback)[0][0]
        assert hasattr(of if told is Self else told, "fraction"), function


PROBLEM = DeepUFM(3, 2, 0.01)
LONG = {
    "solve": lambda tell: solve(DeepUFM(5, 3, 1e-3), effort="quick", progress=tell),
    "sweep": lambda tell: sweep([PROBLEM], effort="quick", progress=tell),
    "compare": lambda tell: compare(np.eye(3), PROBLEM, effort="quick", progress=tell),
    "certify": lambda tell: certify(PROBLEM, 1e-2, progress=tell),
    "invariant": lambda tell: certify_invariant(DeepUFM(8, 3, 1e-3), boxes=20_000, progress=tell),
    "train": lambda tell: train(PROBLEM, width=3, steps=3000, seeds=2, progress=tell),
    "polished": lambda tell: train(PROBLEM, width=3, steps=10, seeds=2).polished(tell),
}


@pytest.mark.parametrize("name", LONG)
def test_long_functions_tell_words_and_a_part(name, monkeypatch):
    monkeypatch.setattr("optima.training.trainer.REPORT", 0.0)
    told = []
    LONG[name](lambda now: told.append((str(now), now.fraction)))
    assert told
    assert all("\n" not in words and "<" not in words for words, _ in told)
    parts = [part for _, part in told]
    if name in ("solve", "sweep", "compare"):
        assert set(parts) == {None}
    else:
        assert parts == sorted(parts)
        assert 0 < parts[0] <= parts[-1] <= 1


def test_nobody_need_be_told():
    assert solve(PROBLEM, effort="quick", progress=None).ladder
    assert sweep(PROBLEM, effort="quick", progress=None)[0].ladder
    assert certify(PROBLEM, 1e-2, progress=None).gap <= 1e-2
    assert train(PROBLEM, width=3, steps=10, seeds=1, progress=None).runs


def test_a_proof_tells_bound_gap_and_boxes():
    said = []
    solution = certify(PROBLEM, 1e-3, progress=lambda now: said.append((str(now), now.bound, now.size, now.best)))
    words, bound, size, best = said[-1]
    assert words.startswith(f"bound {bound:.8g}, gap {1 - bound / best:.1e}, {size} boxes, ")
    assert best == pytest.approx(solution.loss, rel=1e-14)


def test_computations_tell_how_far_they_are(tmp_path):
    told = []
    with Store(tmp_path / "a.atlas", write=True) as store:
        build(store, [DeepUFM(3, 2, 0.01)], effort="quick", executors=processes(1), progress=told.append)
    assert told[-1].fraction == 1.0
    assert str(told[-1]).startswith("1 of 1 cells, ")
    claims, _ = claims_of(["model.minimal_rank"])
    said = []
    run(claims[0], {"classes": (2, 3)}, progress=said.append)
    assert str(said[0]) == "model.minimal_rank"
    assert all(now.fraction is None for now in said)
    assert any(str(now).startswith("control of model.minimal_rank, ") for now in said)

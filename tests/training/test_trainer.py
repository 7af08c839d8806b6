"""Training: faithful to a plain loop, independent runs, endings, grids, bad input."""

from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from models import problems

from optima import DeepUFM, solve, structure_losses, train
from optima.model.arrays import Backend
from optima.training import Rule
from optima.training.descent import Descent, Settings, Track, Trial, check_steps
from optima.training.initial import Initialisation
from optima.workers.threads import Crew

SMALL = DeepUFM(4, 2, 2**-6, 2, width=5)
RULES = [Rule(), Rule(0.9), Rule(0.9, nesterov=True), Rule(0.9, decay="decoupled"), Rule(decay="decoupled")]


def plain_loop(problem, lr, factors, steps, rule):
    """Gradient descent as one would write it down, from the model's own gradient."""
    velocity = [np.zeros_like(factor) for factor in factors]
    for _ in range(steps):
        full = problem.gradient(factors)
        for i, reg in enumerate(problem.regs):
            if rule.decay == "coupled":
                velocity[i] = rule.momentum * velocity[i] + full[i]
                way = full[i] + rule.momentum * velocity[i] if rule.nesterov else velocity[i]
                factors[i] = factors[i] - lr * way
            else:
                velocity[i] = rule.momentum * velocity[i] + (1 - rule.momentum) * (full[i] - reg * factors[i])
                factors[i] = factors[i] - lr * reg * factors[i] - lr * velocity[i]
    return factors


@pytest.mark.parametrize("rule", RULES, ids=str)
@pytest.mark.parametrize("activation", ["linear", "relu"])
@pytest.mark.parametrize("loss", ["ce", "mse"])
def test_as_a_plain_loop(rule, activation, loss):
    problem = replace(
        SMALL, depth=3, reg=(0.01, 0.02, 0.03, 0.04), samples=(1, 2, 3, 1), loss=loss, activation=activation
    )
    run = train(problem, lr=0.3, steps=60, seeds=[7], rule=rule).runs[0]
    expected = plain_loop(problem, 0.3, Initialisation(problem).factors(7), 60, rule)
    for mine, plain in zip(run.factors, expected, strict=True):
        assert mine == pytest.approx(plain, rel=1e-9, abs=1e-12)
    assert run.loss == pytest.approx(problem.objective(expected), rel=1e-12)
    assert run.gradient_norm == pytest.approx(
        np.sqrt(sum(np.sum(g**2) for g in problem.gradient(list(run.factors)))), rel=1e-9
    )


def test_a_grid_is_its_runs_one_by_one():
    problems_ = [SMALL, replace(SMALL, reg=2**-5), replace(SMALL, depth=3)]
    grid = train(problems_, [3, 6], [0.2, 0.5], steps=40, seeds=[1, 4])
    assert len(grid.runs) == 3 * 2 * 2 * 2
    for run in grid.runs:
        alone = train(replace(run.problem), lr=run.lr, steps=40, seeds=[run.seed]).runs[0]
        assert run.loss == pytest.approx(alone.loss, rel=1e-12)
        assert run.history["loss"] == pytest.approx(alone.history["loss"], rel=1e-12)


def test_other_array_libraries_end_at_the_same_numbers():
    ours = train(SMALL, steps=100, seeds=2)
    for name in ("array_api_strict", "torch"):
        try:
            theirs = train(SMALL, steps=100, seeds=2, backend=name)
        except ValueError:
            continue
        assert [run.loss for run in theirs.runs] == pytest.approx([run.loss for run in ours.runs], rel=1e-10)


@pytest.mark.parametrize("rule", RULES[:4], ids=str)
def test_converged_runs_have_the_predicted_loss(rule):
    training = train(SMALL, lr=0.1, steps=20_000, seeds=4, rule=rule, record=False)
    predicted = structure_losses(SMALL)
    assert all(run.converged for run in training.runs)
    for run in training.runs:
        assert run.loss == pytest.approx(predicted[run.structure].loss, rel=1e-6)
        assert run.relative_gradient <= 1e-5
        assert run.steps < 20_000


@settings(derandomize=True, deadline=None, max_examples=40)
@given(problems(activations=("linear",), regs=(1e-3, 0.3)), st.integers(0, 2**32 - 1))
def test_no_run_ends_below_the_global_minimum(problem, seed):
    """The reduced value and the objective at every recorded step are at least the global minimum."""
    least = solve(problem, effort="quick").loss
    training = train(problem, lr=0.3, steps=300, seeds=[seed % 1000], record=False).polished()
    for run in training.runs:
        if not run.diverged:
            assert run.history["loss"].min() >= least * (1 - 1e-9)
            assert run.polished.loss >= least * (1 - 1e-9)


def test_the_bound_above_can_fail():
    """A minimum of the wrong problem is not a bound: descent falls below it."""
    run = train(SMALL, lr=0.1, steps=5000, seeds=1, record=False).runs[0]
    assert run.loss < solve(replace(SMALL, reg=2**-5)).loss


def test_converged_to_zero_where_the_penalty_is_strong():
    run = train(DeepUFM(3, 2, 1.0), 4, 0.1, 5000, 1).runs[0]
    assert (run.structure, run.converged, run.rank) == ("zero", True, 0)
    assert run.loss == pytest.approx(np.log(3), rel=1e-9)


def test_divergence_is_reported_run_by_run():
    training = train(SMALL, lr=[0.5, 1e4], steps=400, seeds=2)
    good, bad = training.runs[:2], training.runs[2:]
    assert all(run.diverged and run.structure == "diverged" and run.steps <= 64 for run in bad)
    assert not any(run.diverged for run in good)
    alone = train(SMALL, lr=0.5, steps=400, seeds=2)
    assert [run.loss for run in good] == [run.loss for run in alone.runs]
    entry = bad[0].as_dict()
    assert entry["diverged"] is True
    assert entry["loss"] is entry["gradient_norm"] is entry["singular_values"] is None
    with pytest.raises(ValueError, match="smaller learning rate"):
        _ = bad[0].means
    assert np.isfinite(np.concatenate([run.history["loss"] for run in bad])).all()


def test_a_batch_in_which_all_runs_diverge_ends():
    assert all(run.diverged for run in train(SMALL, lr=1e9, steps=10**9, seeds=3).runs)


def test_no_convergence_while_the_structure_changes():
    """A small gradient alone is not enough: the name must be the same at all checks since half the steps."""
    descent = Descent([Trial(SMALL, 0.1, 0)], Settings(100, Rule(), 1e-3, False), Backend(), Crew())
    simplex = 5.0 * (np.eye(4) - 0.25)
    pairs = 5.0 * np.kron(np.eye(2), [[1.0, -1.0], [-1.0, 1.0]])

    def settled(*records):
        descent.step = records[-1][0]
        seen = [
            {"step": np.asarray(float(step)), "relative_gradient": np.asarray(gradient), "means": means}
            for step, gradient, means in records
        ]
        return descent._settled(Track(seen), SMALL)

    assert settled((39, 1.0, pairs), (50, 1.0, simplex), (63, 1e-4, simplex), (80, 1e-4, simplex))
    assert not settled((40, 1.0, pairs), (50, 1e-4, simplex), (63, 1e-4, simplex))
    assert not settled((50, 1.0, simplex), (63, 1e-4, simplex), (80, 2e-3, simplex))


def test_checks_are_logarithmic():
    points = check_steps(20_000)
    assert points[:12] == [0, 1, 2, 3, 4, 5, 6, 8, 10, 13, 16, 20]
    assert points[-1] == 20_000
    assert check_steps(1) == [0, 1]
    assert points == sorted(set(points))


def test_history_is_recorded_at_the_checks():
    run = train(SMALL, steps=100, seeds=1).runs[0]
    history = run.history
    count = len(check_steps(100))
    assert history["step"].tolist() == check_steps(100)
    assert history["means"].shape == (count, 4, 4)
    assert history["factor_singular_values"].shape == (count, 3, 5)
    assert history["feature_singular_values"].shape == (count, 2, 5)
    assert history["dnc1"].shape == history["dnc2"].shape == history["dnc3"].shape == (count, 2)
    assert history["loss"] == pytest.approx(history["fit"] + history["penalty"], rel=1e-14)
    short = train(SMALL, steps=100, seeds=1, record=False).runs[0].history
    assert "dnc1" not in short
    assert np.array_equal(short["loss"], history["loss"])


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"width": 0}, "width is 0"),
        ({"lr": -1.0}, "lr is -1.0; pass a positive finite number"),
        ({"steps": 0}, "steps is 0"),
        ({"seeds": 0}, "seeds is 0"),
        ({"seeds": [1, 1]}, "without repeats"),
        ({"seeds": [-1]}, "seeds is -1"),
        ({"tolerance": 0.0}, "tolerance is 0.0"),
        ({"init": "gauss"}, "'gaussian', 'spectral', 'hadamard'"),
        ({"scale": -1.0}, "scale is -1.0"),
        ({"backend": "numpie"}, "pass one of"),
        ({"init": "simplex", "width": 2}, "cannot carry"),
        ({"init": np.zeros((3, 3))}, "pass shape"),
        ({"checkpoint": "/nowhere/at/all.npz"}, "is not a folder"),
    ],
)
def test_bad_input(changes, sentence):
    with pytest.raises((ValueError, TypeError), match=sentence):
        train(**{"problem": SMALL, "steps": 2, "seeds": 1} | changes)


def test_a_problem_without_width():
    with pytest.raises(ValueError, match="the width is not given; pass width=70"):
        train(DeepUFM(4, 2, 0.1), steps=2, seeds=1)


@pytest.mark.parametrize(
    ("settings_", "sentence"),
    [
        ({"momentum": 1.0}, "below 1"),
        ({"momentum": -0.1}, "at least 0"),
        ({"nesterov": True}, "nesterov needs momentum"),
        ({"decay": "none"}, "pass one of 'coupled', 'decoupled'"),
    ],
)
def test_bad_rules(settings_, sentence):
    with pytest.raises(ValueError, match=sentence):
        Rule(**settings_)


def same_to_the_bit(one, other):
    assert [run.ending for run in one.runs] == [run.ending for run in other.runs]
    for mine, theirs in zip(one.runs, other.runs, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(mine.factors, theirs.factors, strict=True))
        assert all(np.array_equal(mine.history[name], theirs.history[name]) for name in theirs.history)


def test_rows_worked_on_one_at_a_time_give_the_same_numbers(monkeypatch):
    settings_ = {"lr": [0.2, 0.5], "steps": 50, "seeds": 2, "rule": Rule(0.5)}
    together = train(SMALL, **settings_)
    monkeypatch.setattr(import_module("optima.training.descent"), "CACHE", 1)
    same_to_the_bit(train(SMALL, **settings_), together)

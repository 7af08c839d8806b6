"""Polishing, shares and predictions."""

from dataclasses import replace

import numpy as np
import pytest

from optima import DeepUFM, solve, structure_losses, train
from optima.training import Share, predict
from optima.training.polish import polish

TEN = DeepUFM(10, 2, 2**-7, 5, width=12)
MIXTURES = [f"simplex({10 - 2 * pairs})+pairs({pairs})" for pairs in (1, 2, 3)]


@pytest.mark.parametrize("name", ["simplex", "pairs", *MIXTURES])
def test_structures_are_critical_points_that_are_found_again_by_name(name):
    """Beginning near a structure with a tiny disturbance: recognised at once, and its loss where that is a minimum."""
    problem = replace(TEN, reg=2.0**-10)
    run = train(problem, steps=5, seeds=1, init=name, scale=1e-7, record=False).runs[0]
    assert run.structure == name
    expected = structure_losses(problem)[name].loss
    assert run.loss == pytest.approx(expected, rel=1e-6)
    found = polish(problem, run.factors)
    assert found.structure == name
    assert found.loss == pytest.approx(expected, rel=1e-12)
    assert found.verdict == ("saddle" if name == "simplex(4)+pairs(3)" else "minimum")


def test_polish_goes_where_descent_goes():
    problem = DeepUFM(4, 2, 2**-6, 2, width=6)
    short = train(problem, lr=0.1, steps=600, seeds=5, record=False).polished()
    long = train(problem, lr=0.1, steps=20_000, seeds=5, record=False)
    for early, late in zip(short.runs, long.runs, strict=True):
        assert early.polished.structure == late.structure
        assert early.polished.loss == pytest.approx(late.loss, rel=1e-8)
        assert early.polished.verdict == "minimum"
        assert not early.converged


@pytest.mark.parametrize("samples", [2, (1, 2, 3)])
def test_depth_one_has_no_other_minima(samples):
    problem = DeepUFM(3, 1, 0.02, samples, width=5)
    end = train(problem, steps=100, seeds=1).polished().runs[0].polished
    assert end.verdict == "minimum"
    assert end.loss == pytest.approx(solve(problem).loss, rel=1e-9)


def test_zero_is_no_minimum_at_depth_one():
    """At zero logits every gradient vanishes, but with one weight matrix the loss falls on the way to rank one."""
    problem = DeepUFM(4, 1, 0.01, width=6)
    zero = [np.zeros((4, 6)), np.zeros((6, 4))]
    assert polish(problem, zero).verdict == "saddle"
    assert polish(replace(problem, reg=0.5), zero).verdict == "minimum"
    deep = replace(problem, depth=2)
    assert polish(deep, [np.zeros((6, 6)), *zero]).verdict == "minimum"


def test_verdicts_of_relu_networks():
    problem = DeepUFM(4, 3, 2**-6, 2, width=6, activation="relu")
    zero = [np.zeros((6, 6)), np.zeros((6, 6)), np.zeros((4, 6)), np.zeros((6, 8))]
    assert polish(problem, zero).verdict == "minimum"
    assert polish(replace(problem, depth=1), zero[2:]).verdict == "saddle"
    run = train(problem, steps=3000, seeds=[1], record=False).polished().runs[0]
    assert run.polished.loss <= run.loss


def test_wilson_intervals():
    share = Share("simplex", 0, 10)
    assert share.fraction == 0
    assert share.interval == pytest.approx((0.0, 0.27754), abs=1e-4)
    assert Share("simplex", 5, 10).interval == pytest.approx((0.23659, 0.76341), abs=1e-4)
    assert Share("simplex", 9, 9).interval[1] == 1.0


def test_predictions():
    found = predict(TEN)
    assert found["simplex"] == structure_losses(TEN)["simplex"].loss
    assert found["global"] <= min(found.values()) * (1 + 1e-12)
    assert set(predict(replace(TEN, samples=(1,) * 9 + (2,)))) == {"global"}


def test_the_bound_on_collapse_of_relu_networks():
    problem = DeepUFM(10, 3, 2**-9, 5, width=70, activation="relu")
    found = predict(problem)
    assert found["dnc"] == pytest.approx(0.147060765694726951461, rel=1e-12)
    assert found["dnc"] < found["collapse"]
    assert {"zero", "collapse", "lifted(pairs)", "srg-first"} <= set(found)
    squares = predict(replace(problem, loss="mse"))
    assert "dnc" not in squares
    assert squares["srg"] == structure_losses(replace(problem, loss="mse"))["srg"].loss
    unequal = predict(replace(problem, samples=(5,) * 9 + (6,)))
    assert {"zero", "collapse", "lifted(srg-rook-3)(9)[n=5]+collapse(1)"} <= set(unequal)
    assert unequal["collapse"] == pytest.approx(found["collapse"], rel=0.05)


def test_comparison_counts_both_ways():
    training = train(DeepUFM(4, 2, 2**-6, 2, width=6), lr=[0.1, 1e6], steps=100, seeds=3).polished()
    good, bad = training.compare()
    assert sum(share.count for share in good.shares.values()) == 3
    assert sum(share.count for share in good.polished_shares.values()) == 3
    assert set(bad.shares) == {"diverged"}
    assert bad.polished_shares == {}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("width", "steps", "name", "loss"), [(15, 60_000, "pairs", 0.0800126592), (200, 40_000, "simplex", 0.0906621832)]
)
def test_narrow_networks_reach_pairs_and_wide_ones_the_simplex(width, steps, name, loss):
    """K = 10, n = 5, L = 2, lambda = 2^-10 (Figures 1 and 2 of garrod2025)."""
    training = train(DeepUFM(10, 2, 2**-10, 5, width=width), steps=steps, seeds=[1, 2, 4], record=False).polished()
    assert [run.polished.structure for run in training.runs] == [name] * 3
    assert [run.polished.loss for run in training.runs] == pytest.approx([loss] * 3, abs=1e-10)
    assert [run.loss for run in training.runs] == pytest.approx([loss] * 3, rel=1e-6)

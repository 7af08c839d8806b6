"""Named relu networks on classes of different sizes: formulas against factors, scalar problems, and each other."""

import json
import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from optima import DeepUFM
from optima.scales.collapse_loss import collapse_loss
from optima.scales.losses import structure_losses
from optima.scales.scale import best_scales
from optima.scales.unequal import unequal_losses
from optima.structures import named

RELU = {"activation": "relu"}
PROBLEMS = [
    DeepUFM(4, 3, 1e-3, (1, 2, 3, 4), loss="mse", **RELU),
    DeepUFM(9, 4, 1e-3, (3, 1, 3, 1, 3, 3, 1, 1, 3), loss="mse", **RELU),
    DeepUFM(9, 4, (1e-3, 2e-3, 5e-4, 3e-3, 7e-4), (3, 1, 3, 1, 3, 3, 1, 1, 3), **RELU),
    DeepUFM(11, 2, 1e-3, (7,) * 10 + (2,), **RELU),
    DeepUFM(4, 5, 2e-2, (50, 50, 50, 1), loss="mse", **RELU),
]


@pytest.mark.parametrize("problem", PROBLEMS, ids=repr)
def test_losses_are_objectives_of_stationary_factors(problem):
    found = unequal_losses(problem)
    assert [each.loss for each in found] == sorted(each.loss for each in found)
    for each in found:
        factors = each.network.repeated()
        assert problem.objective(factors) == pytest.approx(each.loss, rel=1e-12)
        assert np.ptp(each.network.penalties) <= 1e-12
        # Along each factor as a whole: kinks leave no other derivative.
        pulls = [np.vdot(g, f) for g, f in zip(problem.gradient(factors), factors, strict=True)]
        assert max(map(abs, pulls)) < 1e-10


@pytest.mark.parametrize("problem", PROBLEMS, ids=repr)
def test_collapse_is_a_scalar_problem_for_each_class(problem):
    K, L, N = problem.classes, problem.depth, problem.size
    reg = math.exp(np.mean(np.log(problem.regs)))
    total = 0.0
    for n in problem.class_sizes:

        def of_scale(log_y, n=n):
            y = math.exp(log_y)
            fit = (1 - y) ** 2 / 2 if problem.loss == "mse" else math.log1p((K - 1) * math.exp(-y))
            length = y if problem.loss == "mse" else y * math.sqrt((K - 1) / K)
            return n / N * fit + (L + 1) / 2 * reg * n ** (1 / (L + 1)) * length ** (2 / (L + 1))

        grid = np.linspace(-3, 5, 400)
        best = grid[np.argmin([of_scale(x) for x in grid])]
        around = (best - 0.05, best + 0.05)
        least = minimize_scalar(of_scale, bounds=around, method="bounded", options={"xatol": 1e-10}).fun
        total += min(least, n / N * (0.5 if problem.loss == "mse" else math.log(K)))
    assert collapse_loss(problem) == pytest.approx(total, rel=1e-9)


def test_the_best_networks_of_two_sizes_stand_side_by_side():
    found = {each.structure.name: each.loss for each in unequal_losses(PROBLEMS[1])}
    best = "hinged-pairs(4)[n=3]+hinged-pairs(4)[n=1]+collapse(1)"
    gains = [found["collapse"] - found[f"hinged-pairs(4)[n={n}]+collapse(5)"] for n in (1, 3)]
    assert min(gains) > 0
    assert found["collapse"] - found[best] == pytest.approx(sum(gains), rel=1e-9)


def test_a_class_of_one_sample_more_changes_little():
    """Near equal sizes the loss is near that of the sum with equal ones; cross-entropy has cheaper columns here."""
    close = DeepUFM(7, 4, 1e-3, (1000,) * 6 + (1001,), loss="mse", **RELU)
    found = {each.structure.name: each.loss for each in unequal_losses(close)}
    equal = best_scales(named("hinged-pairs(6)+collapse(1)", 7, "relu"), 4, 1e-3, 1000, "mse").loss
    assert found["hinged-pairs(6)[n=1000]+collapse(1)"] == pytest.approx(float(equal), rel=1e-3)


def test_a_small_class_is_given_up():
    found = unequal_losses(DeepUFM(4, 5, 2e-2, (50, 50, 50, 1), loss="mse", **RELU))
    collapse = next(each for each in found if each.structure.name == "collapse")
    assert collapse.scales[0] > 0
    assert collapse.scales[1] == 0
    assert collapse.network.logits[:, 3] == pytest.approx(0)


def test_widths_names_and_what_is_refused():
    narrow = DeepUFM(5, 3, 1e-3, (4, 4, 4, 4, 1), 5, "mse", "relu")
    assert {each.structure.name for each in unequal_losses(narrow)} == {"collapse", "fan(4)[n=4]+collapse(1)"}
    wide = structure_losses(DeepUFM(5, 3, 1e-3, (4, 4, 4, 4, 1), loss="mse", **RELU), ["hinged-pairs", "dnc", "zero"])
    assert set(wide) == {"collapse", "hinged-pairs(4)[n=4]+collapse(1)", "zero"}
    data = json.loads(json.dumps(wide["collapse"].as_dict(), allow_nan=False))
    assert data["rank"] == 5
    with pytest.raises(ValueError, match="classes of these sizes form no srg"):
        structure_losses(DeepUFM(5, 3, 1e-3, (4, 4, 4, 4, 1), loss="mse", **RELU), ["srg"])

"""The class-level objective is that of the model, and its gradient that of the objective."""

import numpy as np
import pytest

from optima.model import DeepUFM
from optima.relu.descent import WIDTHS, smooth
from optima.relu.objective import Objective, relu

PROBLEMS = [
    DeepUFM(4, 3, 1e-3, loss="mse", activation="relu"),
    DeepUFM(3, 2, 1e-2, 5, activation="relu"),
    DeepUFM(4, 4, (1e-3, 2e-3, 5e-4, 3e-3, 7e-4), 3, loss="mse", activation="relu"),
    DeepUFM(4, 3, (1e-3, 2e-3, 5e-4, 3e-3), (4, 3, 1, 1), loss="mse", activation="relu"),
    DeepUFM(3, 3, (1e-3, 2e-3, 5e-4, 3e-3), (5, 2, 1), activation="relu"),
]


def random_point(problem, seed=0, width=5):
    objective = Objective(problem, (problem.classes, *[width] * (problem.depth - 1)))
    return objective, np.random.default_rng(seed).standard_normal((2, objective.size))


@pytest.mark.parametrize("problem", PROBLEMS, ids=repr)
def test_the_value_is_the_objective_of_the_model_at_balanced_factors(problem):
    # With factors F_l of the model and one lambda, lam ||F||^2 = lam_l ||F_l||^2 for F = sqrt(lam_l / lam) F_l.
    objective, points = random_point(problem)
    for point in points:
        network = objective.network(point)
        assert problem.objective(network.repeated()) == pytest.approx(network.loss, rel=1e-12)
        assert objective.value(point[None])[0] == pytest.approx(network.loss, rel=1e-10)


@pytest.mark.parametrize("problem", [p for p in PROBLEMS if p.loss == "mse"], ids=repr)
def test_no_other_last_layer_is_better_for_squared_error(problem):
    objective, points = random_point(problem)
    network = objective.network(points[0])
    rng = np.random.default_rng(1)
    for size in (1e-3, 1e-1):
        factors = [factor.copy() for factor in network.repeated()]
        factors[-2] += size * rng.standard_normal(factors[-2].shape)
        assert problem.objective(factors) > network.loss


@pytest.mark.parametrize("problem", PROBLEMS, ids=repr)
@pytest.mark.parametrize("width", [0.0, WIDTHS[0]])
def test_the_gradient_is_that_of_the_value(problem, width):
    objective, points = random_point(problem)
    gate = smooth(objective, width) if width else relu
    _, gradient = objective.log_value(points, gate)
    direction = np.random.default_rng(2).standard_normal(points.shape)
    step = 1e-5
    ahead, behind = (objective.log_value(points + sign * step * direction, gate)[0] for sign in (1, -1))
    assert (ahead - behind) / (2 * step) == pytest.approx(np.sum(gradient * direction, axis=1), rel=1e-5, abs=1e-6)


def test_smoothing_is_from_inside():
    objective, _ = random_point(PROBLEMS[0])
    at = np.linspace(-1, 1, 401)
    activations, derivative = smooth(objective, 0.1)(at, 0)
    assert (activations <= np.maximum(at, 0)).all()
    assert (activations[at <= 0] == 0).all()
    assert activations[at >= 0.1] == pytest.approx(at[at >= 0.1] - 0.05)
    assert np.diff(activations) / np.diff(at) == pytest.approx((derivative[1:] + derivative[:-1]) / 2, abs=0.03)


def test_splitting_and_joining_are_inverse():
    objective, points = random_point(PROBLEMS[1])
    assert (objective.joined(objective.split(points)) == points).all()

"""Which relu network gradient descent was heading for."""

from dataclasses import replace

import numpy as np
import pytest

from optima import DeepUFM
from optima.model.arrays import Backend
from optima.model.class_network import ClassNetwork
from optima.relu.objective import Objective
from optima.scales import best_scales
from optima.structures import named
from optima.structures.networks import at_scales
from optima.training import Rule
from optima.training.descent import Descent, Settings, Trial
from optima.training.polish import polish
from optima.workers.threads import Crew

THREE = DeepUFM(3, 4, 5e-3, 2, width=10, loss="mse", activation="relu")
STEPS = 1500


def near(problem, name, noise, seed=0):
    """Factors of a named network with its neurons turned into copies of random sizes, and some noise."""
    rng = np.random.default_rng(seed)
    network = named(name, problem.classes, activation="relu")
    scales = best_scales(network, problem.depth, problem.reg, problem.samples, problem.loss).scales
    factors = at_scales(problem, network, np.ravel(scales).tolist()).repeated()
    for layer in range(problem.depth - 1):
        # Each neuron goes to several new ones with weights of norm one: the same network, no higher cost.
        copies = np.zeros((problem.width, problem.width))
        for new, old in enumerate(rng.permutation(problem.width) % (np.abs(factors[layer]).max(axis=1) > 0).sum()):
            copies[new, old] = rng.uniform(0.3, 1)
        norms = np.linalg.norm(copies, axis=0, keepdims=True)
        copies /= np.where(norms > 0, norms, 1)
        factors[layer], factors[layer + 1] = copies @ factors[layer], factors[layer + 1] @ copies.T
    return [factor + noise * rng.standard_normal(factor.shape) for factor in factors]


def descended(problem, factors):
    descent = Descent([Trial(problem, 0.5, 0)], Settings(STEPS, Rule(), 1e-9, False), Backend(), Crew())
    descent.begin([factors])
    descent.advance(STEPS)
    return [factor[0] for factor in descent.batch]


@pytest.mark.parametrize("name", ["triangle", "collapse"])
def test_descent_that_begins_near_a_network_is_heading_for_it(name):
    end = descended(THREE, near(THREE, name, 3e-3))
    found = polish(THREE, end)
    assert (found.structure, found.verdict) == (name, "minimum")
    closed = best_scales(named(name, 3, activation="relu"), 4, THREE.reg, 2, "mse").loss
    # The triangle follows lambda a little, its closed form does not.
    assert found.loss == pytest.approx(float(closed), rel=1e-12 if name == "collapse" else 1e-4)
    assert found.loss <= closed * (1 + 1e-12)
    assert found.loss < THREE.objective(end)
    assert THREE.objective(found.network.repeated()) == pytest.approx(found.loss, rel=1e-12)
    # Gradient descent is not at rest there: what is reported is not where it stopped.
    assert np.linalg.norm(np.concatenate([g.ravel() for g in THREE.gradient(end)])) > 1e-6


def test_the_other_network_has_another_loss():
    lower, higher = (polish(THREE, near(THREE, name, 1e-4)).loss for name in ("triangle", "collapse"))
    assert lower < higher * (1 - 1e-2)


def test_large_networks_are_not_verified(monkeypatch):
    factors = near(THREE, "collapse", 1e-4)
    exact = polish(THREE, factors)
    monkeypatch.setattr("optima.relu.finish.LARGEST", 10)
    found = polish(THREE, factors)
    assert (found.structure, found.verdict) == ("collapse", "unverified")
    assert exact.loss < found.loss < exact.loss * (1 + 1e-3)


def test_descent_to_zero_is_heading_for_zero():
    problem = replace(THREE, reg=0.2)
    found = polish(problem, descended(problem, near(THREE, "collapse", 1e-2)))
    assert (found.structure, found.verdict, found.loss) == ("zero", "minimum", 0.5)


@pytest.mark.parametrize("loss", ["ce", "mse"])
def test_the_best_column_of_each_class(loss):
    problem = DeepUFM(3, 2, (1e-2, 2e-2, 3e-2), (1, 2, 3), width=5, loss=loss, activation="relu")
    rng = np.random.default_rng(1)
    factors = [rng.standard_normal(shape) for shape in problem.factor_shapes()]
    network = ClassNetwork.of_samples(problem, factors)
    for c in range(3):
        # All columns of a class as one of them: the objective is least at the one that was taken.
        losses = {}
        for column in np.flatnonzero(problem.labels == c):
            moved = factors[-1].copy()
            moved[:, problem.labels == c] = moved[:, [column]]
            losses[column] = problem.objective([*factors[:-1], moved])
        best = min(losses, key=losses.get)
        assert np.array_equal(network.factors[-1][:, c], factors[-1][:, best])
    assert network.loss <= problem.objective(factors)


@pytest.mark.parametrize("loss", ["ce", "mse"])
def test_points_of_networks_are_the_networks(loss):
    problem = DeepUFM(3, 3, (1e-2, 2e-2, 3e-2, 1e-2), (1, 2, 3), width=5, loss=loss, activation="relu")
    rng = np.random.default_rng(2)
    network = ClassNetwork.of_samples(problem, [rng.standard_normal(shape) for shape in problem.factor_shapes()])
    objective = Objective.of(network)
    again = objective.network(objective.point(network))
    kept = slice(None) if loss == "ce" else [0, 1, 3]
    for before, after in zip(
        np.array(network.factors, object)[kept], np.array(again.factors, object)[kept], strict=True
    ):
        assert after == pytest.approx(before, rel=1e-12)
    assert again.loss <= network.loss * (1 + 1e-12)
    assert objective.value(objective.point(network)[None])[0] == pytest.approx(again.loss, rel=1e-12)

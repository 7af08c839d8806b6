"""One neuron more in a layer: its first-order gain by formula against the objective itself."""

import numpy as np
import pytest

from optima import DeepUFM
from optima.relu.descent import WIDTHS, descend, rescaled
from optima.relu.growth import grown, paying, sides
from optima.relu.objective import Objective, relu
from optima.relu.starts import chain_start


def problem(loss, samples=(3, 1, 2, 1)):
    return DeepUFM(len(samples), 3, 1e-2, samples, loss=loss, activation="relu")


def with_neuron(objective, point, index, before, after):
    """The point with its last neuron of a layer, which is dead, brought to life."""
    parts = [part.copy() for part in objective.split(point)]
    parts[index][-1] = before
    if index + 1 < len(parts):
        parts[index + 1][:, -1] = after
    return objective.joined(parts)


@pytest.mark.parametrize("index", [1, 2])
@pytest.mark.parametrize("loss", ["ce", "mse"])
def test_the_gain_is_the_change_of_the_objective(loss, index):
    rng = np.random.default_rng(3)
    objective = Objective(problem(loss), (4, 5, 5))
    parts = [rng.standard_normal(shape) for shape in objective.shapes]
    for k in (1, 2):
        parts[k][-1] = 0.0
        if k + 1 < len(parts):
            parts[k + 1][:, -1] = 0.0
    point = objective.joined(parts)
    before, slope = sides(objective, point, relu)[index - 1]
    a, gain = paying(before, slope, rng)
    b = -slope @ np.maximum(a @ before, 0.0) / gain
    size = 1e-4
    change = float(
        np.subtract(*objective.value(np.array([with_neuron(objective, point, index, size * a, size * b), point])))
    )
    eliminated = loss == "mse" and index == 2
    unit = objective.reg * size**2 * (0.5 if eliminated else 1.0)
    assert change / unit == pytest.approx(1 - gain ** (2 if eliminated else 1), rel=1e-4)


def test_no_direction_pays_more():
    rng = np.random.default_rng(0)
    features, slope = rng.standard_normal((2, 5)), rng.standard_normal((3, 5))
    _, gain = paying(features, slope, rng)
    angles = np.linspace(0, 2 * np.pi, 20001)
    every = np.maximum(np.column_stack([np.cos(angles), np.sin(angles)]) @ features, 0.0) @ slope.T
    assert gain == pytest.approx(np.linalg.norm(every, axis=1).max(), rel=1e-6)


@pytest.mark.parametrize("loss", ["ce", "mse"])
def test_a_class_without_a_neuron_gets_one_and_collapse_needs_none(loss):
    objective = Objective(problem(loss, (1, 1, 1)), (3, 4, 4))
    whole = chain_start(objective, [np.eye(3)] * 2)
    (whole,) = descend(objective, rescaled(objective, whole[None]), WIDTHS[-2:])
    parts = [part.copy() for part in objective.split(whole)]
    dead = int(np.argmax(parts[2].sum(axis=1)))
    parts[2][dead] = 0.0
    lost = objective.joined(parts)
    better = grown(objective, lost[None], np.random.default_rng(0))
    assert len(better)
    assert objective.value(better).min() < objective.value(lost[None])[0] * (1 - 1e-3)
    # Smoothing takes a little off every neuron, which one more may seem to give.
    gains = [paying(*each, np.random.default_rng(0))[1] for each in sides(objective, whole, relu)]
    assert max(gains) < 1 + 2e-2

"""From the end of a smoothed descent to the network itself, with all digits and a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from optima.model import Array, DeepUFM
from optima.model.class_network import ClassNetwork
from optima.relu.descent import WIDTHS, descend, rescaled, smooth
from optima.relu.kinks import NEAR, Pattern, Rest, settle, trimmed
from optima.relu.objective import Objective
from optima.relu.starts import chain_start

STEPS = 300
# Length, relative to the usual one, under which a descent has ended at zero, as where a layer is dead.
DEAD = 1e-2
# Relative size of features that are zero up to rounding.
ROUNDING = 1e-9
# Difference of rows of norm one that are the same up to rounding, and that are about to become so in a descent.
PROPORTIONAL = 1e-7
NEARLY = (3e-2, 1e-2)
LARGEST = 1500
# Steps of a descent from where gradient descent ended.
LONG = 1000
# How a pattern is read, one after the other until one leads to a minimum: the width of the smoothed kink of a last
# descent, and how many widths from zero a pre-activation counts as at the kink.
READINGS = ((WIDTHS[-1], NEAR), (WIDTHS[-1], 1.0), (1e-4, NEAR), (1e-4, 1.0))


@dataclass(frozen=True)
class Finished:
    """A network with the verdict on it: where Newton's method came to rest, or where the descent ended."""

    network: ClassNetwork
    verdict: str
    residual: float
    curvature: float


def zero_network(problem: DeepUFM) -> ClassNetwork:
    """Factors of zeros: with two weight matrices or more always a local minimum."""
    shapes = [*[(1, 1)] * (problem.depth - 1), (problem.classes, 1), (1, problem.classes)]
    return ClassNetwork(problem, tuple(np.zeros(shape) for shape in shapes))


def finish_network(network: ClassNetwork) -> Finished:
    """The minimum near a given network, of whatever widths, with logits that are not zero."""
    chain = network.layers[:-1]
    K = network.problem.classes
    objective = Objective(network.problem, (min(K, len(chain[0])), *(len(layer) for layer in chain)))
    start = rescaled(objective, chain_start(objective, chain)[None])
    return finish(objective, descend(objective, start, WIDTHS[-2:], STEPS)[0])


def finish_descent(network: ClassNetwork) -> Finished:
    """The minimum that gradient descent on all parameters was heading for when it left off at a network.

    Networks of more than 1500 numbers are left as smoothed descents end, unverified: the time of a step of
    Newton's method grows with the cube.
    """
    near = heading(network)
    objective = Objective.of(near)
    if objective.size > LARGEST:
        return Finished(near, "unverified", float("nan"), float("nan"))
    return finish(objective, objective.point(near), READINGS[:2])


def heading(network: ClassNetwork) -> ClassNetwork:
    """A network near the minimum that gradient descent was heading for, its kinks smoothed, its neurons few.

    Gradient descent rests at kinks of relu without a vanishing gradient, and at copies of neurons whose rows have not
    quite become proportional: smoothed descents come to rest there, and one neuron is made of the copies.
    """
    for tolerance in NEARLY:
        objective = Objective.of(network)
        point = objective.point(network)
        if _dead(objective, point):
            return zero_network(network.problem)
        smaller, start = trimmed(objective, point, objective.layers(point))
        network = simplified(smaller.network(descend(smaller, start[None], WIDTHS[-2:], LONG)[0]), tolerance)
    return network


def finish(objective: Objective, point: Array, readings: Sequence[tuple[float, float]] = READINGS) -> Finished:
    """The best network that Newton's method reaches from a smoothed minimum, of a stationary one if there is any."""
    if _dead(objective, point):
        return _at_zero(objective)
    smaller, start = trimmed(objective, point, objective.layers(point))
    network = smaller.network(start)
    best = Finished(network, "not converged", float("nan"), float("nan"))
    start, last = start[None], 0.0
    for width, near in readings:
        if width != last:
            start, last = descend(smaller, start, (width,), STEPS), width
        rest = _settled(smaller, start[0], width, near)
        reached = simplified(smaller.network(rest.point))
        better = reached.loss < best.network.loss * (1 + 1e-9)
        if rest.verdict != "not converged" and better:
            best = Finished(reached, rest.verdict, rest.residual, rest.curvature)
        if best.verdict == "minimum":
            break
    return best


def _dead(objective: Objective, point: Array) -> bool:
    small = np.linalg.norm(point) <= DEAD * objective.usual_length
    return bool(small) or not all((layer > 0).any() for layer in objective.layers(point))


def _at_zero(objective: Objective) -> Finished:
    return Finished(zero_network(objective.problem), "minimum", 0.0, objective.reg)


def simplified(network: ClassNetwork, tolerance: float = PROPORTIONAL) -> ClassNetwork:
    """The same logits at no higher cost: dead neurons are left out, and those whose rows are proportional made one.

    Rows count as proportional up to ``tolerance`` where they have norm one.

    Neurons a v and b v with the weights p and q behind them become one, r v with r^2 = a^2 + b^2 and behind it
    (a p + b q) / r, which is no longer than p and q together.
    """
    factors = list(network.factors)
    for number, layer in enumerate(network.layers[:-1]):
        groups = _alike(layer, tolerance)
        parts = np.zeros((len(groups), len(layer)))
        for row, group in enumerate(groups):
            parts[row, group] = np.linalg.norm(layer[group], axis=1)
        parts /= np.linalg.norm(parts, axis=1, keepdims=True)
        factors[number] = parts @ factors[number]
        factors[number + 1] = factors[number + 1] @ parts.T
    return ClassNetwork(network.problem, tuple(factors))


def _alike(layer: Array, tolerance: float) -> list[list[int]]:
    """Neurons that are not zero for all classes, in groups of proportional rows."""
    largest = np.maximum(layer, 0.0).max(axis=1)
    groups: list[list[int]] = []
    for neuron in np.flatnonzero(largest > ROUNDING * largest.max()):
        row = layer[neuron] / np.linalg.norm(layer[neuron])
        for group in groups:
            first = layer[group[0]] / np.linalg.norm(layer[group[0]])
            if np.linalg.norm(row - first) <= tolerance:
                group.append(int(neuron))
                break
        else:
            groups.append([int(neuron)])
    return groups


def _settled(objective: Objective, point: Array, width: float, near: float) -> Rest:
    layers = objective.layers(point, smooth(objective, width))
    return settle(objective, point, Pattern.of(layers, near * width * objective.units))

"""From the end of a smoothed descent to the network itself, with all digits and a verdict."""

from __future__ import annotations

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
# Difference of rows of norm one that are the same up to rounding.
PROPORTIONAL = 1e-7
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


def finish(objective: Objective, point: Array) -> Finished:
    """The best network that Newton's method reaches from a smoothed minimum, of a stationary one if there is any."""
    layers = objective.layers(point)
    if np.linalg.norm(point) <= DEAD * objective.usual_length or not all((layer > 0).any() for layer in layers):
        return Finished(zero_network(objective.problem), "minimum", 0.0, objective.reg)
    smaller, start = trimmed(objective, point, layers)
    network = smaller.network(start)
    best = Finished(network, "not converged", float("nan"), float("nan"))
    start, last = start[None], 0.0
    for width, near in READINGS:
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


def simplified(network: ClassNetwork) -> ClassNetwork:
    """The same logits at no higher cost: dead neurons are left out, and those whose rows are proportional made one.

    Neurons a v and b v with the weights p and q behind them become one, r v with r^2 = a^2 + b^2 and behind it
    (a p + b q) / r, which is no longer than p and q together.
    """
    factors = list(network.factors)
    for number, layer in enumerate(network.layers[:-1]):
        groups = _alike(layer)
        parts = np.zeros((len(groups), len(layer)))
        for row, group in enumerate(groups):
            parts[row, group] = np.linalg.norm(layer[group], axis=1)
        parts /= np.linalg.norm(parts, axis=1, keepdims=True)
        factors[number] = parts @ factors[number]
        factors[number + 1] = factors[number + 1] @ parts.T
    return ClassNetwork(network.problem, tuple(factors))


def _alike(layer: Array) -> list[list[int]]:
    """Neurons that are not zero for all classes, in groups of proportional rows."""
    largest = np.maximum(layer, 0.0).max(axis=1)
    groups: list[list[int]] = []
    for neuron in np.flatnonzero(largest > ROUNDING * largest.max()):
        row = layer[neuron] / np.linalg.norm(layer[neuron])
        for group in groups:
            first = layer[group[0]] / np.linalg.norm(layer[group[0]])
            if np.linalg.norm(row - first) <= PROPORTIONAL:
                group.append(int(neuron))
                break
        else:
            groups.append([int(neuron)])
    return groups


def _settled(objective: Objective, point: Array, width: float, near: float) -> Rest:
    layers = objective.layers(point, smooth(objective, width))
    return settle(objective, point, Pattern.of(layers, near * width * objective.units))

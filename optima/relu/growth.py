"""Neurons that pay: what a network that is a minimum of its own width gains by one more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from optima.model import Array
from optima.relu.descent import WIDTHS, smooth
from optima.relu.kinks import Rest
from optima.relu.objective import Gate, Objective

# Directions that an ascent begins from, and its steps.
TRIES, STEPS = 24, 40
# Sizes of a new neuron that are tried, in those of the others of its layer.
SIZES = np.geomspace(1e-2, 1.0, 8)
# The norm ||B s(aX)|| of the neurons of a minimum, which are among all directions, is one up to rounding.
PAYS = 1 + 1e-7


def grown(objective: Objective, points: Array, rng: np.random.Generator) -> Array:
    r"""Points (S', D), each of ``points`` (S, D) with one more neuron in one layer where that lowers f.

    .. math:: \max_{|a| = 1} \|B\, s(a X)\| > 1, \qquad f(\epsilon) = f - \tfrac{\lambda \epsilon^2}2
        \bigl(\|B\, s(aX)\|^q - 1\bigr) + O(\epsilon^4)

    for a neuron with the weights a before it and b, along -B s(aX), behind it, of squared length epsilon^2 in all. X
    are the features before the layer, B the slope of f in the pre-activations behind it over lambda and q = 1; for the
    last layer of squared error, whose W_L is eliminated, B = (share / N)^(1/2) (X_L^T X_L / N + lambda)^-1 and q = 2.
    This is the certificate of the last, convex step of the Gram chain, for every layer, with relu smoothed as at the
    end of a descent. Descents find no such neuron by themselves: one that is dead has a vanishing gradient. It takes
    the place of the weakest.

    Source: derivations/network_gram_chain.py.
    """
    made = [point for each in points for point in _with_neurons(objective, each, rng)]
    return np.reshape(made, (-1, objective.size))


def _with_neurons(objective: Objective, point: Array, rng: np.random.Generator) -> Iterator[Array]:
    for sized in _paying_neurons(objective, point, sides(objective, point, smooth(objective, WIDTHS[-1])), rng, 1.0):
        yield sized[int(np.argmin(objective.value(sized)))]


def sprouts(objective: Objective, rest: Rest, rng: np.random.Generator) -> Array:
    """Points (S, D), a stationary one with one more neuron that pays, of several sizes, in place of the weakest.

    B has the multipliers in place of the slopes at the kinks: relu is as it is, and neurons are found that pay less
    than smoothing takes from them.
    """
    found = sides(objective, rest.point, rest.pattern.gate, rest.added)
    return np.concatenate([np.empty((0, objective.size)), *_paying_neurons(objective, rest.point, found, rng, PAYS)])


def _paying_neurons(
    objective: Objective, point: Array, found: Sequence[tuple[Array, Array]], rng: np.random.Generator, least: float
) -> Iterator[Array]:
    """For each layer in which a neuron pays more than ``least`` the points with it, at some sizes."""
    parts, layers = objective.split(point), objective.layers(point)
    for index, (before, after) in enumerate(found, start=1):
        direction, gain = paying(before, after, rng)
        if gain > least:
            weakest = int(np.argmin(np.maximum(layers[index - 1], 0.0).max(axis=1)))
            behind = -after @ np.maximum(direction @ before, 0.0) / gain
            yield _sized(objective, parts, index, weakest, (direction, behind))


def sides(objective: Objective, point: Array, gate: Gate, added: Sequence[Array] = ()) -> list[tuple[Array, Array]]:
    """X and B of each hidden layer; ``added`` as of :meth:`Objective.evaluate`."""
    _, _, layers, slopes = objective.evaluate(point, gate, added)
    passed = [gate(layer, index) for index, layer in enumerate(layers)]
    features = [objective.split(point)[0], *(activations for activations, _ in passed)]
    behind = [slope * derivative for slope, (_, derivative) in zip(slopes, passed, strict=True)]
    if added:
        behind = [slope + more for slope, more in zip(behind, added, strict=True)]
    behind = [*behind[1:], objective.last_slope(point, features[-1])]
    return [(before, after / objective.reg) for before, after in zip(features[:-1], behind, strict=True)]


def paying(features: Array, slope: Array, rng: np.random.Generator) -> tuple[Array, float]:
    """The direction a, |a| = 1, of the largest ||B s(aX)|| that ascents find, and that norm."""
    gram = slope.T @ slope
    a = rng.standard_normal((TRIES, len(features)))
    a /= np.linalg.norm(a, axis=1, keepdims=True)
    value, length = _squares(a @ features, gram), np.ones((TRIES, 1))
    for _ in range(STEPS):
        layer = a @ features
        uphill = (np.maximum(layer, 0.0) @ gram * (layer > 0)) @ features.T
        moved = a + length * uphill / np.maximum(np.linalg.norm(uphill, axis=1, keepdims=True), 1e-300)
        moved /= np.linalg.norm(moved, axis=1, keepdims=True)
        new = _squares(moved @ features, gram)
        higher = (new > value)[:, None]
        a, value = np.where(higher, moved, a), np.maximum(value, new)
        length = np.where(higher, 1.3 * length, 0.5 * length)
    best = int(np.argmax(value))
    return a[best], float(np.sqrt(value[best]))


def _squares(layer: Array, gram: Array) -> Array:
    features = np.maximum(layer, 0.0)
    return np.asarray(np.sum(features @ gram * features, axis=1))


def _sized(objective: Objective, parts: list[Array], index: int, neuron: int, weights: tuple[Array, Array]) -> Array:
    """The points with the neuron at some sizes."""
    usual = np.sqrt(np.mean(np.sum(parts[index] ** 2, axis=1)))
    made = []
    for size in usual * SIZES:
        new = [part.copy() for part in parts]
        new[index][neuron] = size * weights[0]
        if index + 1 < len(new):
            new[index + 1][:, neuron] = size * weights[1]
        made.append(objective.joined(new))
    return np.array(made)

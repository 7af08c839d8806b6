"""Moves from one code to others near it: classes change places, go elsewhere, or all points are shaken."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from optima.model import Array
from optima.search.rung_objective import RungObjective, products

Permutations = NDArray[np.intp]

# Logits that are worked on together.
CHUNK = 2**21
# Logits of all exchanges that are compared for one code.
COMPARED = 2**28
# Exchanges with losses this close (relative) are taken for one that the symmetry of the code repeats.
ALIKE = 1e-11
# Sizes of a shake, in units of the root mean square of the coordinates.
GENTLE, STRONG = 0.4, 0.8


def exchanges(objective: RungObjective, rng: np.random.Generator) -> Permutations:
    """Permutations (T, K) that exchange two classes of different size; a random part of them where K is large."""
    i, j = np.triu_indices(objective.classes, 1)
    differ = objective.column[i] != objective.column[j]
    i, j = i[differ], j[differ]
    most = max(objective.classes, COMPARED // objective.classes**2)
    if i.size > most:
        chosen = np.sort(rng.choice(i.size, most, replace=False))
        i, j = i[chosen], j[chosen]
    out = np.tile(np.arange(objective.classes), (i.size, 1))
    rows = np.arange(i.size)
    out[rows, i], out[rows, j] = j, i
    return out


def permuted(objective: RungObjective, factors: Array, permutations: Permutations) -> Array:
    """The code (2, K, r) with the places of its classes permuted: points (T, 2, K, r) with logits M[q][:, q].

    Class-mean logits move, not A B^T: each class takes over the margins of the place it comes to.
    """
    column = objective.column
    return np.stack([factors[0][permutations], (factors[1] * column[:, None])[permutations] / column[:, None]], axis=1)


def most_promising(objective: RungObjective, factors: Array, permutations: Permutations, most: int) -> Permutations:
    """The permutations with the least losses of the code as it stands, those that its symmetry repeats once.

    None of a code whose losses are beyond the range of floats.
    """
    step = max(1, CHUNK // objective.classes**2)
    losses = np.concatenate(
        [
            _losses(objective, permuted(objective, factors, permutations[i : i + step]))
            for i in range(0, len(permutations), step)
        ]
        or [np.zeros(0)]
    )
    order = np.argsort(losses, kind="stable")
    order = order[np.isfinite(losses[order])]
    ascending = losses[order]
    new = np.ones(order.size, dtype=bool)
    new[1:] = np.diff(ascending) > ALIKE * ascending[1:]
    return permutations[order[new][:most]]


def _losses(objective: RungObjective, points: Array) -> Array:
    return objective.fit_value(products(points)) + objective.penalty(points)


def disjoint(permutations: Permutations) -> Permutations:
    """One permutation that makes all the exchanges which do not touch a class of an earlier one."""
    together = np.arange(permutations.shape[1])
    for permutation in permutations:
        moved = np.flatnonzero(permutation != np.arange(permutation.size))
        if np.array_equal(together[moved], moved):
            together[moved] = permutation[moved]
    return together


def cycled(objective: RungObjective, factors: Array, rng: np.random.Generator) -> Array:
    """Three to six classes change places in a ring."""
    K = objective.classes
    ring = rng.choice(K, min(K, int(rng.integers(3, 7))), replace=False)
    return _once(objective, factors, ring, np.roll(ring, 1))


def exchanged(objective: RungObjective, factors: Array, rng: np.random.Generator) -> Array:
    """Up to four pairs of classes change places."""
    K = objective.classes
    chosen = rng.choice(K, 2 * min(4, K // 2), replace=False)
    return _once(objective, factors, chosen, chosen.reshape(-1, 2)[:, ::-1].ravel())


def _once(objective: RungObjective, factors: Array, places: Permutations, sources: Permutations) -> Array:
    permutation = np.arange(objective.classes)
    permutation[places] = sources
    return permuted(objective, factors, permutation[None])


def relocated(objective: RungObjective, factors: Array, count: int, rng: np.random.Generator) -> Array:
    """Points (count, 2, K, r) in which one or two classes went to random places at a typical distance."""
    out = np.tile(factors, (count, 1, 1, 1))
    radius = np.linalg.norm(factors, axis=2).mean(axis=1)
    for point in out:
        for c in rng.choice(objective.classes, int(rng.integers(1, 3)), replace=False):
            direction = rng.standard_normal(factors.shape[2])
            point[:, c] = radius[:, None] * direction / np.linalg.norm(direction)
    return out


def shaken(factors: Array, size: float, count: int, rng: np.random.Generator) -> Array:
    """Points (count, 2, K, r) with noise of ``size`` times the root mean square of the coordinates."""
    unit = float(np.linalg.norm(factors)) / factors.size**0.5
    return factors + size * unit * rng.standard_normal((count, *factors.shape))

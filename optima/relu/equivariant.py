"""Random networks with a symmetry: a group acts on the classes and on the neurons of every layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from optima.model import Array

Permutation = NDArray[np.intp]

# Chances of the groups on m points (symmetric, cyclic, dihedral), and of the sets (points, pairs, fixed points).
GROUPS = (0.25, 0.4, 0.35)
SETS = (0.5, 0.25, 0.25)
# How often a set of classes is drawn anew before the rest are fixed points.
DRAWS = 20
# Chance that the numbers of an orbit are not zero.
FILLED = 0.6


@dataclass(frozen=True)
class Group:
    """Generators of a permutation group, as permutations of its ``points`` points."""

    points: int
    generators: tuple[Permutation, ...]

    @classmethod
    def random(cls, most: int, rng: np.random.Generator) -> Group:
        """A symmetric, cyclic or dihedral group on 2 to ``most`` points, on m of them with a chance as 1/m."""
        weight = 1 / np.arange(2.0, most + 1)
        m = int(2 + rng.choice(most - 1, p=weight / weight.sum()))
        turn, swap, mirror = np.roll(np.arange(m), 1), np.arange(m), np.arange(m)[::-1].copy()
        swap[:2] = (1, 0)
        return cls(m, ((turn, swap), (turn,), (turn, mirror))[rng.choice(3, p=GROUPS)])

    def action(self, kind: int) -> list[Permutation]:
        """The generators as permutations of the points (kind 0), the pairs of points (1), or one fixed point (2)."""
        if kind == 0:
            return list(self.generators)
        if kind == 2:
            return [np.zeros(1, dtype=np.intp)] * len(self.generators)
        pairs = list(combinations(range(self.points), 2))
        number = {pair: index for index, pair in enumerate(pairs)}
        return [np.array([number[_sorted(g[a], g[b])] for a, b in pairs]) for g in self.generators]

    def drawn(self, size: int, full: bool, rng: np.random.Generator) -> list[Permutation]:
        """Its action on a random union of such sets with ``size`` elements, or with at most that many."""
        parts: list[list[Permutation]] = []
        room = size
        for _ in range(DRAWS):
            kind = int(rng.choice(3, p=SETS))
            action = self.action(kind)
            if len(action[0]) <= room:
                parts.append(action)
                room -= len(action[0])
            if not room or (not full and parts and rng.random() < 0.4):
                break
        parts += [self.action(2)] * (room if full or not parts else 0)
        return [joined_actions([part[i] for part in parts]) for i in range(len(self.generators))]


def equivariant_chain(widths: Sequence[int], classes: int, rng: np.random.Generator) -> list[Array]:
    """Pre-activations (d_l, K), d_l at most ``widths[l]``, equal under a random group: g M g^-1 = M in every layer.

    Numbers are one on each orbit of the pairs of a neuron and a class; or, every other time, of the pairs of two
    neurons, for the weights between them, after some first layers that copy.
    """
    group = Group.random(classes, rng)
    on_classes = group.drawn(classes, True, rng)
    return (_layer_by_layer if rng.random() < 0.5 else _through_weights)(group, on_classes, widths, rng)


def _layer_by_layer(
    group: Group, on_classes: list[Permutation], widths: Sequence[int], rng: np.random.Generator
) -> list[Array]:
    chain: list[Array] = []
    neurons = group.drawn(widths[0], False, rng)
    for index, width in enumerate(widths):
        # Middle layers mostly copy.
        last = index == len(widths) - 1
        if index and (last or rng.random() < 0.5):
            neurons = group.drawn(width, last, rng)
        chain.append(np.abs(equivariant_matrix(neurons, on_classes, rng)))
    return chain


def _through_weights(
    group: Group, on_classes: list[Permutation], widths: Sequence[int], rng: np.random.Generator
) -> list[Array]:
    neurons = group.drawn(widths[0], False, rng)
    chain = [np.abs(equivariant_matrix(neurons, on_classes, rng))]
    alike = int(rng.integers(1, max(2, len(widths))))
    for index, width in enumerate(widths[1:], start=1):
        features = np.maximum(chain[-1], 0.0)
        if index >= alike:
            # Given the features before it the last layer is a convex problem: it chooses among many neurons.
            before, neurons = neurons, group.drawn(width, index == len(widths) - 1, rng)
            features = equivariant_matrix(neurons, before, rng) @ features
        chain.append(features)
    return chain


def equivariant_matrix(rows: Sequence[Permutation], columns: Sequence[Permutation], rng: np.random.Generator) -> Array:
    """A matrix with one number on each orbit: zero, or random, or of random sign."""
    orbits = pair_orbits(rows, columns)
    values = rng.standard_normal(orbits.max() + 1)
    if rng.random() < 0.5:
        values = np.sign(values)
    values *= rng.random(len(values)) < FILLED
    return np.asarray(values[orbits] if values.any() else np.ones(orbits.shape))


def pair_orbits(rows: Sequence[Permutation], columns: Sequence[Permutation]) -> NDArray[np.intp]:
    """The number of the orbit of each pair, under permutations that move rows and columns together."""
    shape = (len(rows[0]), len(columns[0]))
    number = np.arange(shape[0] * shape[1]).reshape(shape)
    while True:
        before = number
        for row, column in zip(rows, columns, strict=True):
            moved = number[np.ix_(row, column)]
            number = np.minimum(number, moved)
        if np.array_equal(before, number):
            return np.unique(number, return_inverse=True)[1].reshape(shape)


def joined_actions(parts: Sequence[Permutation]) -> Permutation:
    """Permutations of disjoint sets as one of their union."""
    starts = np.cumsum([0, *(len(part) for part in parts[:-1])])
    return np.concatenate([part + start for part, start in zip(parts, starts, strict=True)])


def _sorted(a: int, b: int) -> tuple[int, int]:
    return (int(a), int(b)) if a < b else (int(b), int(a))

"""ReLU networks that are invariant under a group: problems with a handful of unknowns, one for each orbit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement, pairwise

import numpy as np

from optima.model import Array, DeepUFM
from optima.model.class_network import ClassNetwork
from optima.relu.descent import WIDTHS, descend, rescaled
from optima.relu.equivariant import Group, Permutation, equivariant_matrix, joined_actions, pair_orbits
from optima.relu.groups import set_orbits, transitive_groups, with_fixed_points
from optima.relu.objective import Objective
from optima.relu.starts import chain_start

# Descents that are made together, of one kind of network.
BATCH = 16
# A kind counts as solved when so many descents ended at the best loss met; at most so many batches.
HITS, BATCHES = 4, 4
NARROW = WIDTHS[2:]
# Part of a point that may have left the invariant points by rounding.
BROKEN = 1e-5
# Relative difference of losses that are the same.
SAME = 1e-6
# Classes that a group may leave alone.
FIXED = 2


@dataclass(frozen=True)
class Kind:
    """A group with its action on the classes, and on the neurons of the first hidden layers and of the last one."""

    group: str
    classes: Sequence[Permutation]
    stem: Sequence[Permutation]
    last: Sequence[Permutation]

    @property
    def neurons(self) -> tuple[int, int]:
        """Of a first hidden layer, and of the last."""
        return len(self.stem[0]), len(self.last[0])


class Invariant:
    r"""The objective over factors that commute with a group: :math:`W_{g(i) g(j)} = W_{ij}`.

    A point of :class:`optima.relu.objective.Objective` is B t with t of shape (m,), one number for each orbit of pairs,
    and B orthonormal: an indicator of an orbit over the root of its size. The features H are K x K, which is no loss:
    (M_2^T M_2)^{1/4} commutes with the group. Hidden layers but the last have the neurons of the stem.
    """

    def __init__(self, problem: DeepUFM, kind: Kind) -> None:
        self.kind = kind
        stem, last = kind.neurons
        hidden = [kind.stem] * (problem.depth - 2) + [kind.last]
        self.objective = Objective(problem, (problem.classes, *[stem] * (problem.depth - 2), last))
        ends = [kind.classes, kind.classes, *hidden, *([kind.classes] if problem.loss == "ce" else [])]
        parts, count = [], 0
        for before, after in pairwise(ends):
            orbits = pair_orbits(after, before)
            parts.append(orbits.ravel() + count)
            count += int(orbits.max()) + 1
        self.orbit = np.concatenate(parts)
        self.size = np.bincount(self.orbit)

    def points(self, unknowns: Array) -> Array:
        """B t, shapes (S, m) to (S, D)."""
        return np.asarray((unknowns / np.sqrt(self.size))[:, self.orbit])

    def unknowns(self, points: Array) -> Array:
        """B^T x, shapes (S, D) to (S, m)."""
        sums = np.stack([np.bincount(self.orbit, row, len(self.size)) for row in points])
        return np.asarray(sums / np.sqrt(self.size))

    def descended(self, points: Array) -> Array:
        """The minima that descents from invariant points (S, D) reach, fewer where rounding broke the symmetry.

        Half of them leave out the widest kinks, which carry some away from narrow minima such as the lifted pairs.
        Descents keep the symmetry but for rounding, which grows at saddles: an end is taken back onto invariant points.
        """
        half = len(points) // 2
        ends = np.concatenate(
            [descend(self.objective, points[:half], NARROW), descend(self.objective, points[half:], WIDTHS)]
        )
        ends = ends[np.isfinite(ends).all(axis=1)]
        kept = self.points(self.unknowns(ends))
        near = np.linalg.norm(kept - ends, axis=1) <= BROKEN * np.linalg.norm(ends, axis=1)
        return np.asarray(kept[near])

    def starts(self, rng: np.random.Generator, count: int) -> Array:
        """Random invariant points (count, D) at their best scale: through nonnegative layers, copied up to the last."""
        drawn = np.array([self._start(rng, bool(rng.random() < 0.5)) for _ in range(count)])
        return rescaled(self.objective, self.points(self.unknowns(drawn)))

    def _start(self, rng: np.random.Generator, through_weights: bool) -> Array:
        kind, hidden = self.kind, self.objective.hidden
        stem = np.abs(equivariant_matrix(kind.stem if hidden > 1 else kind.last, kind.classes, rng))
        chain = [stem] * max(1, hidden - 1)
        if hidden > 1:
            signed = equivariant_matrix(kind.last, kind.stem, rng) @ stem
            chain.append(signed if through_weights else np.abs(equivariant_matrix(kind.last, kind.classes, rng)))
        parts = self.objective.split(chain_start(self.objective, chain))
        # Of all factors of M_2 those that commute with the group.
        u, s, v = np.linalg.svd(parts[1] @ parts[0], full_matrices=False)
        parts[0], parts[1] = (v.T * np.sqrt(s)) @ v, (u * np.sqrt(s)) @ v
        return np.asarray(self.objective.joined(parts))


@dataclass(frozen=True)
class Least:
    """The best network of a kind that descents met, how many ended there, of how many."""

    network: ClassNetwork
    loss: float
    unknowns: int
    hits: int
    descents: int


def least(problem: DeepUFM, kind: Kind, seed: int = 0) -> Least | None:
    """The least loss over the networks of a kind: batches of descents until four of them ended at the best.

    None where all descents ended at zero, or none kept the symmetry.
    """
    invariant, rng = Invariant(problem, kind), np.random.default_rng(seed)
    points = np.empty((0, invariant.objective.size))
    values = np.empty(0)
    zero = float(invariant.objective.value(np.zeros((1, invariant.objective.size)))[0])
    descents = 0
    while descents < BATCHES * BATCH:
        descents += BATCH
        found = invariant.descended(invariant.starts(rng, BATCH))
        reached = invariant.objective.value(found)
        alive = reached < zero * (1 - SAME)
        points, values = np.concatenate([points, found[alive]]), np.concatenate([values, reached[alive]])
        hits = int(np.sum(values <= values.min(initial=np.inf) * (1 + SAME)))
        if hits >= HITS:
            break
    if not values.size:
        return None
    best = int(np.argmin(values))
    network = invariant.objective.network(points[best])
    return Least(network, float(values[best]), len(invariant.size), hits, descents)


def kinds(problem: DeepUFM, most_neurons: int) -> Iterator[Kind]:
    """Every group of :func:`optima.relu.groups.transitive_groups` on K classes or all but one or two of them.

    Neurons are an orbit of small sets of classes, or two of them, at most ``most_neurons`` in all, one orbit at least
    of more than one set; the last layer has as many as there are classes or more.
    """
    K = problem.classes
    for fixed in range(min(FIXED, K - 2) + 1):
        for name, group in transitive_groups(K - fixed).items():
            moved = with_fixed_points(group, fixed)
            layers = list(_unions(moved, most_neurons))
            for stem in layers if problem.depth > 2 else layers[:1]:
                for last in layers:
                    if len(last[0]) >= K:
                        yield Kind(name, moved.generators, stem, last)


def _unions(group: Group, most: int) -> Iterator[list[Permutation]]:
    orbits = set_orbits(group, most)
    yield from (orbit for orbit in orbits if len(orbit[0]) > 1)
    for pair in combinations_with_replacement(orbits, 2):
        count = sum(len(orbit[0]) for orbit in pair)
        if 2 < count <= most:
            yield [joined_actions([orbit[i] for orbit in pair]) for i in range(len(group.generators))]

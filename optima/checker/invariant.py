r"""Bounds for logits that are invariant under an abelian group, proved again from a tree of boxes.

For singular values s_b = t_b^((L+1)/2) of multiplicity m_b and shares q_j of the rivals j, the convexity of the
fit in s gives, for every point r (whose shares are q),

.. math:: f \ge H(q) + \sum_b \min_{t_b} \bigl[c\,m_b t_b - m_b w_b t_b^{(L+1)/2}\bigr],
    \qquad w_b = \frac1K \sum_j q_j (1 - \cos\theta_{bj}),

with the entropy H(q) = -sum q_j log q_j - (1 - |q|) log(1 - |q|): Gibbs' variational principle, and a concave function
of each t_b, least at an end of its range. Source: derivations/invariant_bound.py.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optima.checker.arithmetic import Balls, Numbers
from optima.checker.instance import Instance
from optima.checker.loss import loss_of
from optima.checker.verification import Refuted, Verification
from optima.checker.verify import judged
from optima.model import Array, DeepUFM

# Part of the largest sum of t by which boxes are made larger.
SLACK = 1e-14
# Relative distance of entries of logits that are taken to be equal.
SAME = 1e-9
# Endomorphisms that are tried, at most, to show that an order of singular values is allowed.
MOST_MAPS = 100_000


@dataclass(frozen=True)
class InvariantVerification(Verification):
    """A verification whose lower bound holds for invariant logits only, not for the problem."""

    def __str__(self) -> str:
        return super().__str__().replace("minimum", "minimum over invariant logits")


def verify_invariant(
    problem: DeepUFM,
    group: Sequence[int],
    lower: float,
    upper: float,
    means: Array,
    data: dict[str, Array],
    intervals: bool = False,
) -> InvariantVerification:
    r"""Whether lower <= min f over invariant logits, and f(means) <= upper for invariant means.

    .. math:: \text{lower} \le \min\{f(Z) : Z_{jc} = z(j - c),\; j, c \in G\} \le f(\text{means}) \le \text{upper}

    Parameters
    ----------
    group
        Orders of the cyclic factors of G, whose elements in lexicographic order are the classes.
    lower, upper, means
        The claim, up to a relative 1e-12.
    data
        "top", the largest sum of t; the tree "axis", "where", "child"; the points "point" (nodes, m); and "base", the
        blocks of characters whose values are made as large as automorphisms allow, one after the other. Blocks
        {k, -k} are numbered as their first characters are in lexicographic order.

    intervals
        Compute in balls that enclose the true values.

    Nothing is raised for a proof that fails. Raises ValueError when python-flint is needed and missing.
    Source: derivations/invariant_bound.py.
    """
    return judged(
        InvariantVerification,
        (lower, upper),
        intervals,
        lambda numbers: _upper(problem, tuple(group), means, numbers),
        lambda numbers, wanted: _lower(problem, tuple(group), data, numbers),
    )


def _upper(problem: DeepUFM, group: tuple[int, ...], means: Array, numbers: Numbers) -> float:
    if problem.activation != "linear" or problem.loss != "ce" or not problem.balanced:
        raise Refuted("invariant logits are searched for linear cross-entropy with balanced classes only")
    if problem.max_rank < problem.classes - 1:
        raise Refuted("the width bounds the rank of the logits, which the search leaves free")
    if math.prod(group) != problem.classes or min(group) < 2:
        raise Refuted(f"the group {group} has not {problem.classes} elements")
    means = np.asarray(means, dtype=float)
    found = loss_of(problem, means, numbers)
    # Moving all classes by one generator must move the logits to themselves.
    classes = np.arange(problem.classes).reshape(group)
    for axis in range(len(group)):
        moved = np.roll(classes, 1, axis=axis).ravel()
        if np.abs(means[np.ix_(moved, moved)] - means).max() > SAME * np.abs(means).max():
            raise Refuted("the logits are not invariant under the group")
    return found


def _lower(problem: DeepUFM, group: tuple[int, ...], data: dict[str, Array], numbers: Numbers) -> float:
    missing = {"top", "base", "axis", "where", "child", "point"} - set(data)
    if missing:
        raise Refuted(f"the data lack {', '.join(sorted(missing))}")
    top = float(np.asarray(data["top"], dtype=float).max(initial=0.0))
    if not 0 < top < math.inf:
        raise Refuted(f"the box of all singular values ends at {top}")
    characters = _Characters.of(group)
    low, high, point = _leaves(characters, top, data)
    strength, depth = Instance.of(problem, numbers).strength, problem.depth
    if isinstance(numbers, Balls):
        least = _least_in_balls(characters, strength, depth, low, high, point, numbers)
    else:
        least = float(_bounds(characters, strength, depth, low, high, point).min(initial=math.inf))
    # Outside the boxes the penalty alone reaches this.
    return min(numbers.low(strength * numbers.number(top)), least)


@dataclass(frozen=True)
class _Characters:
    """Blocks of nontrivial characters of a group: ``number`` (of each element its block, -1 for the trivial one),

    ``multiplicity`` (m,), and ``decline`` (K - 1, m), (1 - cos theta_bj) / K for the rivals j.
    """

    group: tuple[int, ...]
    number: NDArray[np.int64]
    multiplicity: Array
    decline: Array

    @classmethod
    def of(cls, group: tuple[int, ...]) -> _Characters:
        K = math.prod(group)
        coordinates = np.stack(np.unravel_index(np.arange(K), group), axis=1)
        opposite = np.ravel_multi_index(tuple((-coordinates % group).T), group)
        first = np.minimum(np.arange(K), opposite)
        blocks, number, counts = np.unique(first[1:], return_inverse=True, return_counts=True)
        # e_j at the class 0 and at j under the Fourier transform of the group.
        indicator = np.eye(K).reshape(K, *group)
        waves = np.fft.fftn(indicator, axes=tuple(range(1, len(group) + 1))).reshape(K, K).real
        decline = (1 - waves[1:][:, blocks]) / K
        return cls(group, np.concatenate([[-1], number]), counts.astype(float), decline)

    @property
    def elements(self) -> list[tuple[int, ...]]:
        """The elements of the group, the classes, in lexicographic order; characters are numbered as they are."""
        return list(itertools.product(*(range(n) for n in self.group)))

    @property
    def blocks(self) -> NDArray[np.int64]:
        """Number of the first character of each block, shape (m,)."""
        return np.array([np.flatnonzero(self.number == b)[0] for b in range(self.multiplicity.size)])

    def declines(self, numbers: Balls) -> list[list[Any]]:
        """``decline`` in balls."""
        elements = self.elements
        return [[self._decline(j, elements[k], numbers) for k in self.blocks] for j in elements[1:]]

    def _decline(self, j: tuple[int, ...], k: tuple[int, ...], numbers: Balls) -> Any:
        turn = sum((Fraction(a * b, n) for a, b, n in zip(j, k, self.group, strict=True)), Fraction(0)) % 1
        angle = 2 * numbers.ratio(turn.numerator, turn.denominator) * numbers.flint.arb.pi()
        return (1 - angle.cos()) / len(self.number)

    def larger(self, base: NDArray[np.int64]) -> list[tuple[int, int]]:
        """Pairs (a, b): a is in the base, and b where automorphisms that fix the base before a bring it."""
        maps, pairs = self._automorphisms(), []
        for a in base:
            pairs += [(int(a), int(b)) for b in set(maps[:, a].tolist()) - {int(a)}]
            maps = maps[maps[:, a] == a]
        return pairs

    def _automorphisms(self) -> NDArray[np.int64]:
        """Permutations of the blocks by automorphisms: images of the generators that keep orders and lose nothing."""
        group, elements = self.group, self.elements
        allowed = [[g for g in elements if all(n * a % N == 0 for a, N in zip(g, group, strict=True))] for n in group]
        if math.prod(len(images) for images in allowed) > MOST_MAPS:
            raise Refuted("the group is too large for its automorphisms to be listed")
        images = np.array(list(itertools.product(*allowed)), dtype=np.int64).reshape(-1, len(group), len(group))
        moved = np.einsum("ki,nij->nkj", np.array(elements), images) % group
        to = np.ravel_multi_index(tuple(np.moveaxis(moved, 2, 0)), group)
        # A homomorphism is injective when only zero goes to zero.
        to = to[np.count_nonzero(to == 0, axis=1) == 1]
        return np.asarray(self.number[to[:, self.blocks]])


def _leaves(characters: _Characters, top: float, data: dict[str, Array]) -> tuple[Array, Array, Array]:
    """Corners in t and points of the leaves that are not empty."""
    m = characters.multiplicity.size
    axis, child, base = (np.asarray(data[name], dtype=np.int64).ravel() for name in ("axis", "child", "base"))
    where, point = (np.asarray(data[name], dtype=float) for name in ("where", "point"))
    N = axis.size
    if not N or child.shape != (N,) or where.shape != (N,) or point.shape != (N, m):
        raise Refuted("axis, child, where and point are not arrays of one length")
    if axis.min() < -1 or axis.max() >= m or base.min(initial=0) < 0 or base.max(initial=0) >= m:
        raise Refuted("a box is split along a block that does not exist")
    inner = np.flatnonzero(axis >= 0)
    halves = np.concatenate([child[inner], child[inner] + 1])
    if not np.array_equal(np.sort(halves), np.arange(1, N)) or (child[inner] <= inner).any():
        raise Refuted("the boxes do not form a binary tree")
    low, high = np.zeros((N, m)), np.tile(top / characters.multiplicity, (N, 1))
    pairs = characters.larger(base) if base.size else []
    nodes = np.zeros(1, dtype=np.int64)
    while nodes.size:
        low[nodes], high[nodes] = _cut(characters, pairs, top, low[nodes], high[nodes])
        nodes = nodes[axis[nodes] >= 0]
        along, first, at = axis[nodes], child[nodes], where[nodes]
        if not np.isfinite(at).all():
            raise Refuted("a box is split nowhere")
        for half in (first, first + 1):
            low[half], high[half] = low[nodes], high[nodes]
        # Whatever the place, both sides of it together are the box.
        high[first, along] = np.minimum(at, high[nodes, along])
        low[first + 1, along] = np.maximum(at, low[nodes, along])
        nodes = np.concatenate([first, first + 1])
    # More than the rounding of the cuts, so that no matrix falls between the boxes.
    high += SLACK * top
    kept = np.flatnonzero((axis < 0) & np.all(low <= high, axis=1))
    return low[kept], high[kept], point[kept]


def _cut(
    characters: _Characters, pairs: list[tuple[int, int]], top: float, low: Array, high: Array
) -> tuple[Array, Array]:
    """Boxes without what is out of order, or where sum m_b t_b exceeds top."""
    for a, b in pairs:
        low[:, a] = np.maximum(low[:, a], low[:, b])
        high[:, b] = np.minimum(high[:, b], high[:, a])
    left = top - low @ characters.multiplicity
    return low, np.minimum(high, low + left[:, None] / characters.multiplicity)


def _bounds(characters: _Characters, strength: float, depth: int, low: Array, high: Array, point: Array) -> Array:
    """Lower bounds of the loss on boxes, at least the least penalty."""
    spent = strength * low @ characters.multiplicity
    usable = np.all(np.isfinite(point) & (point >= 0), axis=1)
    odds = np.exp(-np.where(usable[:, None], point, 0.0) * characters.multiplicity @ characters.decline.T)
    q = odds / (1 + odds.sum(axis=1, keepdims=True))
    total = q.sum(axis=1)
    entropy = -np.sum(np.where(q > 0, q * np.log(np.where(q > 0, q, 1.0)), 0.0), axis=1)
    own = 1 / (1 + odds.sum(axis=1))
    entropy -= own * np.where(total < 0.5, np.log1p(-np.minimum(total, 0.5)), np.log(own))
    w = q @ characters.decline
    ends = [strength * t - w * t ** ((depth + 1) / 2) for t in (low, high)]
    tangent = entropy + np.minimum(*ends) @ characters.multiplicity
    return np.maximum(spent, np.where(usable & np.isfinite(tangent), tangent, -np.inf))


def _least_in_balls(
    characters: _Characters, strength: Any, depth: int, low: Array, high: Array, point: Array, numbers: Balls
) -> float:
    r"""A float below these bounds in balls, one box at a time, with the margins a_j of a point in place of H(q).

    .. math:: f \ge \sum_j q_j a_j + \log\Bigl(1 + \sum_j e^{-a_j}\Bigr)
        + \sum_b m_b \min_{t_b} \bigl[c\,t_b - w_b t_b^{(L+1)/2}\bigr]
    """
    power, sizes = numbers.ratio(depth + 1, 2), [int(n) for n in characters.multiplicity]
    decline = characters.declines(numbers)

    def bound_of(low: Array, high: Array, point: Array) -> float:
        ends = [[numbers.number(float(t)) for t in corner] for corner in (low, high)]
        spent = sum(size * t for size, t in zip(sizes, ends[0], strict=True)) * strength
        if not (np.isfinite(point).all() and (point >= 0).all()):
            return numbers.low(spent)
        scaled = [size * numbers.number(float(r)) for size, r in zip(sizes, point, strict=True)]
        margin = [sum(a * b for a, b in zip(row, scaled, strict=True)) for row in decline]
        odds = [numbers.exp(-a) for a in margin]
        total = sum(odds)
        bound = numbers.log1p(total) + sum(q * a for q, a in zip(odds, margin, strict=True)) / (1 + total)
        for b, size in enumerate(sizes):
            w = sum(q * row[b] for q, row in zip(odds, decline, strict=True)) / (1 + total)
            values = [strength * end[b] - w * numbers.power(end[b], power) for end in ends]
            bound = bound + size * numbers.number(min(numbers.low(value) for value in values))
        return max(numbers.low(bound), numbers.low(spent))

    return min((bound_of(*box) for box in zip(low, high, point, strict=True)), default=math.inf)

r"""Best-first search over directions and scales for logits of rank one, M = a y^T: what width 1 can reach.

With p = 2 / (L + 1), a from 0 to 1, C = I - J/K, probabilities q_c, and w = r^(p-2) at a scale r,

.. math:: \min_M f = \min_{a, r} \max_q\; c\,(1 - \tfrac p2)\, r^p + \sum_c \pi_c H(q_c)
    - \frac{1}{2 c p\, w\; a^T C a} \sum_c \frac{n_c}{N^2} \bigl((q_c - e_c)^T a\bigr)^2

In one order of the classes a is in the simplex of K - 1 staircases, which is cut at the middles of its edges, and r in
intervals. At each corner of a box q is the best; between them q is a polynomial of degree two in the barycentric
coordinates, and the sum is bounded by its Bernstein coefficients. Source: derivations/rank_one_bound.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import combinations, permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optima.model import Array, DeepUFM
from optima.proofs.best_first import BestFirst, OpenBoxes
from optima.proofs.gap import relative_gap
from optima.proofs.tree import Tree
from optima.reduction import Reduction

# The most steps for the probabilities of a corner, and the relative step at which they end.
STEPS, CLOSE = 80, 1e-12
# The first cut of r is at so much of the scale of the best logits known; the box at zero is cut at so much of its end.
SHORT, LOWEST = 0.5, 0.25
# Boxes of r whose ends have this ratio at least are cut there first.
WIDE = 4.0
# What a class lacks between the corners of a box, at least, before it gets the probabilities of one of them.
LACK = 0.3
# Weight of what a cut would gain if every corner kept its best probabilities, beside what it gains with those in use.
EVENLY = 0.1


def orders(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sizes of the classes in every order (m, K), of an order and its reverse only one."""
    distinct = {min(order, order[::-1]) for order in permutations(sizes.tolist())}
    return np.array(sorted(distinct), dtype=np.int64)


@dataclass
class Open(OpenBoxes):
    """Boxes: ends of r (N,), rays (N, m, K), sizes of classes (N, K), y at the ends and rays (N, 2, m, K), the cut."""

    rays: Array
    sizes: Array
    y: Array
    cut: NDArray[np.int64]


class RankOneSearch(BestFirst):
    """A search that tries to prove ``target``; ``best`` is the loss known, at a scale of about ``typical``."""

    open: Open

    def __init__(self, problem: DeepUFM, target: float, best: float, typical: float) -> None:
        reduction = Reduction(problem)
        self.p, self.c, self.N = reduction.exponent, reduction.strength, problem.size
        self.target, self.best, self.typical = target, best, typical
        K = problem.classes
        self.edges = list(combinations(range(K - 1), 2))
        # Pairs of rays, each with itself first.
        self.first, self.second = np.array([(i, i) for i in range(K - 1)] + self.edges).T
        self.orders = orders(problem.class_sizes)
        m = len(self.orders)
        leaf: dict[str, Any] = {"y": np.zeros((1, 2, K - 1, K)), "family": np.full((1, 2, K), -1, dtype=np.int8)}
        self.tree = Tree(np.int8, roots=m, where=np.zeros(1), **leaf)
        # The scale from which on the penalty alone reaches the target.
        self.top = (target / (self.c * (1 - self.p / 2))) ** (1 / self.p)
        rays = np.repeat(np.array([[[float(k > j) for k in range(K)] for j in range(K - 1)]]), m, axis=0)
        sizes = self.orders.astype(float)
        node, low, high = np.arange(m), np.zeros(m), np.full(m, self.top)
        y = np.zeros((m, 2, K - 1, K))
        y[:, 1] = self._corners(rays, sizes, high, y[:, 1])
        self.open = self._bounded(Open(node, low, high, np.full(m, -np.inf), rays, sizes, y, node))

    def __str__(self) -> str:
        return f"bound {self.bound:.8g}, gap {relative_gap(self.bound, self.best):.1e}, {self.size} boxes"

    def _split(self, chosen: NDArray[np.bool_]) -> None:
        parent = self.open.take(chosen)
        where = self._middle(parent)
        child = self.tree.split(parent.node, parent.cut.astype(np.int8))
        self.tree.record(parent.node, where=np.where(parent.cut == 0, where, 0.0))
        halves = [parent.take(np.arange(parent.node.size)) for _ in range(2)]
        halves[0].node, halves[1].node = child, child + 1
        rows = np.flatnonzero(parent.cut == 0)
        y = self._corners(parent.rays[rows], parent.sizes[rows], where[rows], parent.y[rows].mean(axis=1))
        halves[0].high[rows] = halves[1].low[rows] = where[rows]
        halves[0].y[rows, 1] = halves[1].y[rows, 0] = y
        for number, edge in enumerate(self.edges, start=1):
            rows = np.flatnonzero(parent.cut == number)
            middle, start = parent.rays[rows][:, edge].mean(axis=1), parent.y[rows][:, :, edge].mean(axis=2)
            for end, r in enumerate((parent.low, parent.high)):
                y = self._corners(middle[:, None], parent.sizes[rows], r[rows], start[:, end, None])[:, 0]
                for half, ray in zip(halves, edge, strict=True):
                    half.rays[rows, ray], half.y[rows, end, ray] = middle, y
        self.open = self.open.take(~chosen).join(self._bounded(halves[0].join(halves[1])))

    def _middle(self, boxes: Open) -> Array:
        """Where r is cut."""
        first = np.where(boxes.high > 2 * self.typical, SHORT * self.typical, LOWEST * boxes.high)
        return np.where(boxes.low > 0, np.sqrt(boxes.low) * np.sqrt(boxes.high), first)

    def _spring(self, rays: Array, r: Array) -> Array:
        """N c p/2 r^(p-2) a^T C a, rays (N, m, K) and r (N,): the square of y_c, times this, is added to its fit."""
        return self.N * self.c * self.p / 2 * r[:, None] ** (self.p - 2) * np.var(rays, axis=2) * rays.shape[2]

    def _corners(self, rays: Array, sizes: Array, r: Array, y: Array) -> Array:
        """The best y (N, m, K) at rays (N, m, K) and scales r (N,), from y; at r = 0 it is zero."""
        if not y.size:
            return y
        gaps = rays[:, :, None, :] - rays[:, :, :, None]
        spring = 2 * self._spring(rays, r)[:, :, None]
        return np.where(r[:, None, None] > 0, _balance(gaps, spring, y), 0.0)

    def _bounded(self, boxes: Open) -> Open:
        """The boxes with their bounds and cuts, less those that are closed."""
        (shares, pulls), own, family = self._families(boxes)
        fits, parts = self._entropy(boxes, shares), self._parts(boxes, pulls, 1 / self._norms(boxes))
        bound = self._least(boxes, fits - parts, fits)
        boxes.bound = np.maximum(boxes.bound, np.nan_to_num(bound, nan=-np.inf))
        self.tree.record(boxes.node, y=boxes.y, family=family)
        gains = self._gains(boxes, shares, pulls) + EVENLY * np.minimum(self._gains(boxes, *own), 1.0)
        long = (boxes.low == 0) | (boxes.high > WIDE * boxes.low)
        boxes.cut = np.where(long, 0, np.argmax(np.nan_to_num(gains), axis=1))
        return boxes.take(~(boxes.bound >= self.target))

    def _families(self, boxes: Open) -> tuple[tuple[Array, Array], tuple[Array, Array], NDArray[np.int8]]:
        """Coefficients of the probabilities (N, 2, pairs, K, K) and of their pulls (q_c - e_c)^T a (N, 2, pairs, K).

        For each class those between the best at every ray, or those of one ray for all, whichever is worth most: also
        with the best alone, and with which ray it is (N, 2, K), -1 for none.
        """
        a, i, j = boxes.rays, self.first, self.second
        gaps = a[:, :, None, :] - a[:, :, :, None]
        q = _softmax(gaps[:, None] * boxes.y[..., None])
        spring = np.stack([self._spring(a, r) for r in (boxes.low, boxes.high)], axis=1)
        wanted = -2 * spring[..., None] * boxes.y
        wanted, norm = 0.5 * (wanted[:, :, i] + wanted[:, :, j]), self._norms(boxes)
        rays = a.shape[1]
        best = own = self._family(gaps, q, wanted, norm)
        family = np.full(best[2][:, :, 0].shape, -1, dtype=np.int8)
        for ray in range(rays):
            other = self._family(gaps, np.repeat(q[:, :, [ray]], rays, axis=2), wanted, norm)
            more = np.min(other[2], axis=2) > np.min(best[2], axis=2) + LACK
            family = np.where(more, np.int8(ray), family)
            chosen = more[:, :, None]
            shares, pulls, worth = (
                np.where(_like(chosen, new), new, old) for new, old in zip(other, best, strict=True)
            )
            best = shares, pulls, worth
        return best[:2], own[:2], family

    def _family(self, gaps: Array, q: Array, wanted: Array, norm: Array) -> tuple[Array, Array, Array]:
        """Coefficients from the probabilities at the rays, pulled as wanted where that is possible; and their worth."""
        i, j = self.first, self.second
        shares, own = 0.5 * (q[:, :, i] + q[:, :, j]), gaps[:, None]
        pulls = 0.5 * (np.sum(q[:, :, i] * own[:, :, j], axis=4) + np.sum(q[:, :, j] * own[:, :, i], axis=4))
        # Moved from the top class to the bottom one, probabilities change the pull by what they are.
        moved, shifted = pulls - wanted, shares.copy()
        shifted[..., 0] += moved
        shifted[..., -1] -= moved
        worth, other = (
            _entropies(s) - x**2 / self.N * norm[..., None] for s, x in ((shares, pulls), (shifted, wanted))
        )
        better = (np.minimum(shifted[..., 0], shifted[..., -1]) > 0) & (other > worth)
        return (
            np.where(better[..., None], shifted, shares),
            np.where(better, wanted, pulls),
            np.where(better, other, worth),
        )

    def _norms(self, boxes: Open) -> Array:
        """1 / (2 c p w a^T C a) for the ends and pairs of rays, (N, 2, pairs)."""
        centred = boxes.rays - boxes.rays.mean(axis=2, keepdims=True)
        products = np.sum(centred[:, self.first] * centred[:, self.second], axis=2)
        v = np.stack([boxes.low, boxes.high], axis=1) ** (2 - self.p)
        return v[:, :, None] / (2 * self.c * self.p * products[:, None])

    def _entropy(self, boxes: Open, shares: Array) -> Array:
        """Mean entropy of the samples from shares (N, ..., K, K)."""
        return np.einsum("n...c,nc->n...", _entropies(shares), boxes.sizes / self.N)

    def _parts(self, boxes: Open, pulls: Array, inverse: Array) -> Array:
        """What pulls (N, ..., K) cost the bound."""
        return np.einsum("n...c,nc->n...", pulls**2, boxes.sizes / self.N**2) / inverse

    def _least(self, boxes: Open, values: Array, fits: Array) -> Array:
        """The least of values, linear in w between the ends, and the penalty."""
        C, e = self.c * (1 - self.p / 2), self.p / (2 - self.p)
        first, last = values[:, 0], values[:, 1]
        ratio = ((boxes.high / boxes.low) ** (2 - self.p))[:, None]
        end = (C * boxes.high**self.p)[:, None]
        # With w in units of its least: last + rise (w - 1) + end w^-e.
        rise = (first - last) / (ratio - 1)
        w = np.clip(np.where(rise > 0, (e * end / rise) ** (1 / (1 + e)), ratio), 1.0, ratio)
        inside = np.min(last + rise * (w - 1) + end * w**-e, axis=1)
        # Where r begins at zero: one q, and concave in r^(2-p).
        return np.where(boxes.low > 0, inside, np.minimum(np.min(fits[:, 1], axis=1), np.min(last + end, axis=1)))

    def _gains(self, boxes: Open, shares: Array, pulls: Array) -> Array:
        """What the bound loses between the corners by each cut's axis: r, then the edges; (N, 1 + edges)."""
        m, inverse = boxes.rays.shape[1], 1 / self._norms(boxes)

        def lost(mean: Callable[[Array], Array]) -> Array:
            apart = mean(self._entropy(boxes, shares) - self._parts(boxes, pulls, inverse))
            together = self._entropy(boxes, mean(shares)) - self._parts(boxes, mean(pulls), mean(inverse))
            return np.max(together - apart, axis=1)

        gains = [lost(lambda x: x[:, :, :m].mean(axis=1))]
        for edge, (i, j) in enumerate(self.edges, start=m):
            gains.append(lost(partial(_between, i, j, edge)))
        return np.stack(gains, axis=1)

    def arrays(self) -> dict[str, NDArray]:
        """What the checker reads: the tree, and of its leaves y and the families."""
        arrays = self.tree.arrays()
        leaves = arrays["axis"] < 0
        kept = {"y": arrays["y"][leaves], "family": arrays["family"][leaves]}
        return {**arrays, **kept, "orders": self.orders, "top": np.array(self.top)}


def _balance(gaps: Array, spring: Array, y: Array) -> Array:
    """y (..., K) with mean gap + spring y = 0, the mean of gaps (..., K, K) by softmax(gaps y), from y.

    Newton's method for x = |y| within a bracket: where no gap has the other sign, for the logarithm of both sides,
    since the mean then falls exponentially.
    """
    sign = -np.sign(gaps.mean(axis=-1))
    sign = np.where(sign == 0, 1.0, sign)
    middle = (np.min(gaps, axis=-1) < 0) & (np.max(gaps, axis=-1) > 0)
    low, high = np.zeros_like(y), np.abs(gaps.mean(axis=-1)) / spring
    x = np.where(y * sign > 0, np.abs(y), 1.0)
    x = np.where(x < high, x, 0.5 * high)
    for _ in range(STEPS):
        q = _softmax(gaps * (sign * x)[..., None])
        mean = -sign * np.sum(q * gaps, axis=-1)
        slope = np.sum(q * (gaps + (sign * mean)[..., None]) ** 2, axis=-1)
        pull = spring * x
        low, high = np.where(mean >= pull, x, low), np.where(mean <= pull, x, high)
        move = np.where(middle, (mean - pull) / (slope + spring), np.log(mean / pull) / (slope / mean + 1 / x))
        new = x + move
        between = np.where((low > 0) & (high > 4 * low), np.sqrt(low) * np.sqrt(high), 0.5 * (low + high))
        new = np.where((new >= low) & (new <= high), new, between)
        far, x = np.max(np.abs(new - x) / np.maximum(x, 1e-300)), new
        if far < CLOSE:
            break
    return sign * x


def _between(i: int, j: int, edge: int, x: Array) -> Array:
    """The value in the middle of an edge of coefficients (N, 2, pairs, ...)."""
    return 0.25 * (x[:, :, i] + x[:, :, j]) + 0.5 * x[:, :, edge]


def _like(chosen: NDArray[np.bool_], values: Array) -> NDArray[np.bool_]:
    """With as many axes as values."""
    return chosen.reshape(chosen.shape + (1,) * (values.ndim - chosen.ndim))


def _softmax(z: Array) -> Array:
    z = np.exp(z - np.max(z, axis=-1, keepdims=True))
    return z / np.sum(z, axis=-1, keepdims=True)


def _entropies(q: Array) -> Array:
    """H(q) of the last axis."""
    return -np.sum(np.where(q > 0, q * np.log(np.maximum(q, 1e-300)), 0.0), axis=-1)

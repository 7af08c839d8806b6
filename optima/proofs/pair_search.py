r"""Best-first search over boxes of the largest singular value, of the rest and of the fit, for the bound by pairs.

.. math:: s = s_1, \qquad t = \sum_{i \ge 2} s_i, \qquad \Phi = K \operatorname{fit}

The box with the least bound gets finer multipliers, or is halved. What counts is what the checker proves in each.
Source: derivations/pair_bound.py.
"""

from __future__ import annotations

import heapq
import math
import time
from dataclasses import dataclass

import numpy as np

from optima.checker.pair_bound import DEGREES, Box, Multipliers, PairBound
from optima.model import Array
from optima.progress import Tell, silent
from optima.proofs.pair_dual import COLUMNS, PairDual, knots_of

# Knots of the multipliers of a box, more and more of them, and the widths up to which they are worth their work.
KNOTS, WIDTHS = (9, 13, 18), (0.15, 0.12, 0.06)
# The first box ends at so many typical norms, and counts as at least so wide.
FIRST, LEAST = 2.5, 0.1
# What widths in log s, in the logarithm of t (from about EVEN s on) and in Phi cost the bound, roughly.
COSTS, EVEN = (0.2, 0.08, 0.05), 0.05


@dataclass
class PairSearch:
    """A search that tries to prove ``target`` for all logits whose loss is not above ``pairs.upper``.

    ``typical`` is the norm |g_c|^2 about which most classes are expected, ``knots`` are numbers of knots to be tried.
    """

    pairs: PairBound
    target: float
    typical: float
    knots: tuple[int, ...] = KNOTS
    size: int = 0
    most: float = math.inf
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self.axis, self.child, self.where = [-1], [-1], [0.0]
        self.found: list[Multipliers | None] = [None]
        self.heap: list[tuple[float, int, int]] = []
        self.boxes = {0: self.pairs.root()}
        self._enter(0, -math.inf, 0)

    def __str__(self) -> str:
        return f"bound {self.bound:.8g}, best {self.pairs.upper:.8g}, {self.size} boxes of singular values"

    @property
    def bound(self) -> float:
        """Proved so far, at most the target."""
        return min(self.target, max(self.heap[0][0], 0.0)) if self.heap else self.target

    @property
    def done(self) -> bool:
        """Whether the target has been proved."""
        return not self.heap

    @property
    def fraction(self) -> float | None:
        """The part of the work allowed that is done."""
        return min(1.0, self.size / self.most) or None

    def run(self, most: float = math.inf, seconds: float = math.inf, progress: Tell[PairSearch] = silent) -> None:
        """Until the target is proved, or so many boxes have got multipliers."""
        start, self.most = time.perf_counter() - self.seconds, most
        while self.heap and self.size < most and self.seconds < seconds:
            _, node, level = heapq.heappop(self.heap)
            if level < len(self.knots) and self._narrow(self.boxes[node], level):
                self._enter(node, -math.inf, level)
            else:
                self._halve(node, max(level - 1, 0))
            self.seconds = time.perf_counter() - start
            progress(self)

    def _widths(self, box: Box) -> list[float]:
        """What the width of a box in each coordinate costs, roughly."""
        (s, t, fit), (S, T, last) = box.low, box.high
        last = max(min(last, self.pairs.classes * (self.pairs.upper - self.pairs.spent(box))), fit)
        widths = [
            math.log(S / s) if s > 0 else max(math.log(S / (FIRST * self.typical)), LEAST),
            math.log((min(T, S) + EVEN * S) / (min(t, S) + EVEN * S)),
            last - fit,
        ]
        return [cost * width for cost, width in zip(COSTS, widths, strict=True)]

    def _narrow(self, box: Box, level: int) -> bool:
        """Whether multipliers for the whole box are worth their work."""
        return max(self._widths(box)) < WIDTHS[level]

    def _enter(self, node: int, known: float, level: int) -> None:
        """Bound a box and keep it, unless it is closed."""
        box = self.boxes[node]
        bound = max(known, self.pairs.spent(box) + box.low[2] / self.pairs.classes)
        old = self.found[node]
        if bound < self.target and self._narrow(box, level):
            found = self._multipliers(box, self.knots[level])
            self.size += 1
            reached, before = self.pairs.leaf(box, found), -math.inf if old is None else self.pairs.leaf(box, old)
            if reached > before:
                self.found[node] = found
            bound, level = max(bound, reached, before), level + 1
        if bound < self.target:
            heapq.heappush(self.heap, (bound, node, level))

    def _multipliers(self, box: Box, count: int) -> Multipliers:
        pairs = self.pairs
        last = max(min(box.high[2], pairs.classes * (pairs.upper - pairs.spent(box))), box.low[2])
        width = last - box.low[2]
        kappa = math.exp(-box.low[2]) * (width / math.expm1(width) if width > 0 else 1.0)
        return PairDual(pairs, box, kappa, knots_of(pairs, box, count, self.typical), box.low[0] > 0).solved()

    def _halve(self, node: int, level: int) -> None:
        box = self.boxes.pop(node)
        axis = int(np.argmax(self._widths(box)))
        low, high = box.low[axis], box.high[axis]
        if axis == 0:
            where = math.sqrt(low * high) if low > 0 else min(0.99 * FIRST * self.typical, 0.85 * high)
        elif axis == 1:
            largest = box.high[0]
            even = EVEN * largest
            where = largest if low < largest < high else math.sqrt((low + even) * (min(high, largest) + even)) - even
        else:
            last = min(high, self.pairs.classes * (self.pairs.upper - self.pairs.spent(box)))
            where = 0.5 * (low + last)
        if not low < where < high:
            where = 0.5 * (low + high)
        first = len(self.axis)
        self.axis[node], self.child[node], self.where[node] = axis, first, where
        found = self.found[node]
        known = -math.inf if found is None else self.pairs.leaf(box, found)
        for side, half in enumerate(box.halves(axis, float(where))):
            self.axis.append(-1)
            self.child.append(-1)
            self.where.append(0.0)
            # What the whole box was proved with serves its halves, too.
            self.found.append(found)
            self.boxes[first + side] = half
        self.found[node] = None
        for side in range(2):
            self._enter(first + side, known, level)

    def arrays(self) -> dict[str, Array]:
        """The tree with the multipliers of its leaves, as the checker reads them."""
        none = Multipliers(*(np.empty(0),) * 4, np.zeros(4), np.empty((len(DEGREES), 0, COLUMNS)))
        found = [none if one is None else one for one in self.found]
        lines = {name: np.concatenate([getattr(one, name) for one in found]) for name in LINES}
        return {
            "axis": np.array(self.axis, dtype=np.int64),
            "child": np.array(self.child, dtype=np.int64),
            "where": np.array(self.where),
            "first": np.cumsum([0, *(one.knots.size for one in found)]),
            "prices": np.stack([one.prices for one in found]),
            **lines,
            "kernels": np.concatenate([one.kernels for one in found], axis=1),
            "known": np.array(self.pairs.upper),
        }


LINES = ("knots", "share", "centring", "bend")

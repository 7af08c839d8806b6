r"""Best-first search over boxes of singular values and of the fit, for the bound by pairs.

.. math:: s_1, \qquad t = \sum_{i \ge 2} s_i, \qquad \Phi = K \operatorname{fit}, \qquad s_2, \qquad s_3

A set of multipliers costs a semidefinite programme and serves all boxes around; to bound a box by it takes an instant,
its own prices being chosen anew. The box with the least bound is cut where that helps most, unless it would have a low
bound even if it were a point: then it gets multipliers of its own. What counts is what the checker proves.
Source: derivations/pair_bound.py.
"""

from __future__ import annotations

import heapq
import math
import time
from dataclasses import dataclass, replace

import numpy as np

from optima.checker.pair_bound import AXES, FIT, LINES, REST, SINGULAR, Box, Charges, PairBound
from optima.checker.pair_charges import DEGREES, Multipliers
from optima.model import Array
from optima.progress import Tell, silent
from optima.proofs.pair_dual import COLUMNS, PairDual, nodes_of

# Nodes of the kernels.
NODES = 8
# The first box ends at so many typical norms; multipliers are worth their work where s_1 and t are narrower than these
# ratios (t from about a part of s_1 on).
FIRST, RATIOS, EVEN = 2.5, (1.7, 2.2), 0.3
# Part of a box, about its middle, for which its multipliers are found.
CORE = 0.3
# The same for what is as good as a point.
POINT = 1e-3
# By how much of the loss a bound shall rise before another box is looked at.
RISE = 0.01
# The same, as a part of what is left to the target.
PART = 0.25
# What a side of a cut counts that gains nothing, relative to that.
LITTLE = 0.02
# Sets of multipliers that a box tries, beside those of the box it comes from.
NEAREST = 2
# Boxes bounded by multipliers at hand that are worth one programme.
INSTANT = 400
# Prices tried: factors of tau, and parts of the largest charge that are left out.
FACTORS, LESS = np.array([1.0, 0.85, 0.95, 1.05, 1.18]), np.array([0.0, 0.01, 0.03, 0.08])


@dataclass
class Node:
    """A leaf of the tree: its box, its bound, the multipliers (or -1) and prices that prove it; who has its own."""

    box: Box
    bound: float
    chosen: int
    prices: Array
    own: bool = False


@dataclass
class PairSearch:
    """A search that tries to prove ``target`` for all logits whose loss is not above ``pairs.upper``.

    ``typical`` is the norm |g_c|^2 about which most classes are expected, ``nodes`` the number of those of kernels.
    """

    pairs: PairBound
    target: float
    typical: float
    nodes: int = NODES
    solved: int = 0
    instant: int = 0
    most: float = math.inf
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self.axis, self.child, self.where = [-1], [-1], [0.0]
        self.sets: list[tuple[Multipliers, Charges, Array, Array]] = []
        root = self.pairs.root()
        self.leaves = {0: Node(root, self.pairs.floor(root), -1, np.zeros(4))}
        self.heap = [(self.leaves[0].bound, 0)]

    def __str__(self) -> str:
        return f"bound {self.bound:.8g}, best {self.pairs.upper:.8g}, {len(self.axis)} boxes of singular values"

    @property
    def size(self) -> int:
        """Work done, in semidefinite programmes."""
        return self.solved + self.instant // INSTANT

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
        """Until the target is proved, or so much work is done."""
        start, self.most = time.perf_counter() - self.seconds, most
        while self.heap and self.size < most and self.seconds < seconds:
            bound, number = heapq.heappop(self.heap)
            node = self.leaves[number]
            goal = min(self.target, bound + max(RISE * self.pairs.upper, PART * (self.target - bound)))
            if not node.own and self._lacks(node, goal):
                self._solve(node)
                self._keep(number, node)
            else:
                self._cut(number, node)
            self.seconds = time.perf_counter() - start
            progress(self)

    def _keep(self, number: int, node: Node) -> None:
        self.leaves[number] = node
        if node.bound < self.target:
            heapq.heappush(self.heap, (node.bound, number))

    def _last(self, box: Box, axis: int) -> float:
        """The largest coordinate in a box of logits whose loss is not above the upper one."""
        if axis == FIT:
            return max(self.pairs.last_fit(box), box.low[FIT])
        low, high = box.low[axis], box.high[axis]
        outside = lambda x: self.pairs.floor(changed(box, axis, x, high)) >= self.pairs.upper
        if not outside(high):
            return high
        for _ in range(20):
            middle = 0.5 * (low + high)
            low, high = (low, middle) if outside(middle) else (middle, high)
        return high

    def _narrow(self, box: Box) -> bool:
        """Whether multipliers for the middle of a box are of any use for the whole."""
        first, last = box.low[0], self._last(box, 0)
        if not first > 0:
            return last <= FIRST * self.typical * 1.001
        even = EVEN * last
        return last <= RATIOS[0] * first and self._last(box, REST) + even <= RATIOS[1] * (box.low[REST] + even)

    def _lacks(self, node: Node, goal: float) -> bool:
        """Whether multipliers and not the width keep a box from its goal."""
        if node.chosen < 0:
            return self._narrow(node.box)
        return self._reached(self._core(node.box, POINT), node.chosen, node.prices)[0] < goal

    def _core(self, box: Box, part: float) -> Box:
        """Part of a box about its middle; only s_1 and t leave their ends, those above zero, and t for a mere point."""
        axes = [axis for axis in (SINGULAR[0], REST) if box.low[axis] > 0 or (box.low[0] > 0 and part == POINT)]
        for axis in axes:
            low, high = box.low[axis], self._last(box, axis)
            if axis == REST:
                low, high = (low + EVEN * box.low[0], high + EVEN * box.low[0])
            middle, half = math.sqrt(low * high), (high / low) ** (0.5 * part)
            less = EVEN * box.low[0] if axis == REST else 0.0
            box = changed(box, axis, max(middle / half - less, box.low[axis]), middle * half - less)
        return box

    def _solve(self, node: Node) -> None:
        """Multipliers for the middle of a box."""
        box, core = node.box, self._core(node.box, CORE)
        if self.pairs.last_fit(core) <= core.low[FIT]:
            core = box
        last = max(self.pairs.last_fit(core), core.low[FIT])
        nodes = nodes_of(self.pairs, box, self.nodes, self.typical)
        found, prices = PairDual(self.pairs, core, self._kappa(core.low[FIT], last), nodes).solved()
        self.solved, node.own = self.solved + 1, True
        charges = self.pairs.usable(found)
        if charges is None:
            return
        self.sets.append((found, charges, prices, self._place(core)))
        self._improve(node, len(self.sets) - 1, prices)

    def _place(self, box: Box) -> Array:
        """Where a box is, for the choice of multipliers."""
        first = max(box.low[0], 0.5 * self.typical)
        return np.log([first, box.low[REST] + EVEN * first, max(box.cap(box.positive), 1e-9 * first)])

    @staticmethod
    def _kappa(low: float, last: float) -> float:
        """The slope of Phi in e^Phi between two of them."""
        width = last - low
        return math.exp(-low) * (width / math.expm1(width) if width > 0 else 1.0)

    def _improve(self, node: Node, chosen: int, prices: Array) -> None:
        """The better of what a node has and what a set of multipliers proves."""
        reached, prices = self._reached(node.box, chosen, prices)
        if reached > node.bound:
            node.bound, node.chosen, node.prices = reached, chosen, prices

    def _reached(self, box: Box, chosen: int, prices: Array) -> tuple[float, Array]:
        """The bound of a box by a set of multipliers, with prices chosen near some that are as good or worse."""
        pairs, charges = self.pairs, self.sets[chosen][1]
        self.instant += 1
        last = pairs.last_fit(box)
        if last < box.low[FIT] or not pairs.reaches(box, charges):
            return pairs.leaf(box, None, prices), prices
        scale = self._kappa(box.low[FIT], last) / charges.kappa if charges.kappa > 0 else 1.0
        tried = [self._prices(box, charges, scale, prices, count) for count in {int(prices[3]), box.positive}]
        if int(prices[3]) <= box.positive:
            tried.append(prices)
        return max(((pairs.leaf(box, charges, one), one) for one in tried), key=lambda pair: pair[0])

    def _prices(self, box: Box, charges: Charges, scale: float, near: Array, count: int) -> Array:
        """Good prices for some number of singular values that are apart."""
        pairs, taus, count = self.pairs, near[1] * FACTORS, min(count, box.positive)
        whole = pairs.class_charge(box.cap(count), charges, scale, taus)
        most = np.minimum(whole, max(near[2], 0.9 * whole[0]))
        tau = taus[int(np.argmax(pairs.penalty(box, charges, scale, count, taus, most)))]
        taus = np.full(LESS.size, tau)
        whole = pairs.class_charge(box.cap(count), charges, scale, taus)
        charge = whole - LESS * np.abs(whole)
        penalty = pairs.penalty(box, charges, scale, count, taus, charge)
        return np.array([scale, tau, charge[int(np.argmax(penalty))], count])

    def _cut(self, number: int, node: Node) -> None:
        """Both sides of the cut that helps most; they try multipliers from nearby, too."""
        cuts = [(axis, where) for axis in range(AXES) if (where := self._middle(node.box, axis)) is not None]
        if node.chosen < 0:
            cuts = self._coarse(node.box, cuts)
        sides = [[self._side(node, box) for box in node.box.halves(*cut)] for cut in cuts]
        rise = RISE * self.pairs.upper
        gain = lambda part: min(min(part.bound, self.target) - node.bound, 2 * rise) + LITTLE * rise
        best = max(range(len(cuts)), key=lambda index: math.prod(gain(part) for part in sides[index]))
        del self.leaves[number]
        first = len(self.axis)
        self.axis[number], self.child[number], self.where[number] = cuts[best][0], first, cuts[best][1]
        for side, half in enumerate(sides[best]):
            self.axis.append(-1)
            self.child.append(-1)
            self.where.append(0.0)
            if half.bound < self.target and self.sets:
                place = self._place(half.box)
                far = [float(np.sum(np.abs(place - other))) for *_, other in self.sets]
                for index in np.argsort(far, kind="stable")[:NEAREST]:
                    if index != half.chosen:
                        self._improve(half, int(index), self.sets[index][2])
            self._keep(first + side, half)

    def _side(self, node: Node, box: Box) -> Node:
        """A part of a node, bounded by the same multipliers."""
        part = Node(box, max(node.bound, min(self.pairs.floor(box), self.pairs.upper)), node.chosen, node.prices)
        if node.chosen >= 0 and part.bound < self.target:
            self._improve(part, node.chosen, node.prices)
        return part

    def _coarse(self, box: Box, cuts: list[tuple[int, float]]) -> list[tuple[int, float]]:
        """The cut that makes a box narrow soonest."""
        first, last = box.low[0], self._last(box, 0)
        axis = REST if 0 < last <= RATIOS[0] * first else 0
        return [cut for cut in cuts if cut[0] == axis] or cuts

    def _middle(self, box: Box, axis: int) -> float | None:
        """Where a box is cut along an axis, if at all."""
        low, last = box.low[axis], self._last(box, axis)
        if axis == FIT:
            where = 0.5 * (low + last)
        elif axis == REST:
            even = EVEN * self._last(box, 0)
            where = math.sqrt((low + even) * (last + even)) - even
        elif axis == 0:
            where = math.sqrt(low * last) if low > 0 else min(FIRST * self.typical, 0.85 * last)
        else:
            if axis == SINGULAR[2] and not box.low[SINGULAR[1]] > 0:
                return None
            taken = box.low[SINGULAR[1]] if axis == SINGULAR[2] else 0.0
            last = min(last, box.high[0], box.high[SINGULAR[1]], box.high[REST] - taken)
            even = max(box.low[REST] - (box.high[SINGULAR[1]] if taken else 0.0), 0.0) / self.pairs.classes
            where = math.sqrt(max(low, even, 0.02 * last) * last) if last > 0 else 0.0
        inside = low < where < box.high[axis] and where < last * (1 - 1e-6)
        return where if inside else None

    def arrays(self) -> dict[str, Array]:
        """The tree with the multipliers of its leaves, as the checker reads them."""
        count = len(self.axis)
        chosen, prices = np.full(count, -1), np.zeros((count, 4))
        for number, node in self.leaves.items():
            chosen[number], prices[number] = node.chosen, node.prices
        used = np.unique(chosen[chosen >= 0])
        number_of = np.full(len(self.sets) + 1, -1)
        number_of[used] = np.arange(used.size)
        sets = [self.sets[index][0] for index in used]
        empty = Multipliers(*(np.empty(0),) * 4, np.empty((len(DEGREES), 0, COLUMNS)), 0.0)
        lines = {name: np.concatenate([getattr(one, name) for one in (empty, *sets)]) for name in LINES}
        return {
            "axis": np.array(self.axis, dtype=np.int64),
            "child": np.array(self.child, dtype=np.int64),
            "where": np.array(self.where),
            "chosen": number_of[chosen],
            "prices": prices,
            "first": np.cumsum([0, *(one.knots.size for one in sets)]),
            **lines,
            "kernels": np.concatenate([one.kernels for one in (empty, *sets)], axis=1),
            "kappa": np.array([one.kappa for one in sets]),
            "known": np.array(self.pairs.upper),
        }


def changed(box: Box, axis: int, low: float, high: float) -> Box:
    """A box with other ends along an axis."""
    lows, highs = list(box.low), list(box.high)
    lows[axis], highs[axis] = low, high
    return replace(box, low=tuple(lows), high=tuple(highs))

r"""The bound by pairs of classes: what any two classes can save, and what each alone has to pay.

With p = 2/(L+1), a box of s_1, of t = s_2 + s_3 + ..., of Phi = K fit, of s_2 and of s_3, and in it the variables
r = |g_c| of a class and u, the cosine between two,

.. math:: f \ge C\,\Bigl[\sum_{i \le q} (\underline s_i^p - [i \ge 2] \tau \underline s_i - \pi_i) + \tau t + K N\Bigr]
    + \min_\Phi \frac{\Phi - \kappa (e^\Phi - 1)}{K}

where N is the least charge of one class and every pair has a charge of at least zero, for multipliers that are linear
between knots of r and serve many boxes, and prices pi_i of the largest q singular values. Source:
derivations/pair_bound.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from optima.checker.arithmetic import Numbers
from optima.checker.instance import Instance
from optima.checker.pair_charges import DEGREES, ROUNDING, Multipliers, least_pair_charge
from optima.checker.verification import Refuted
from optima.model import Array, DeepUFM

# Parts of a cell of r.
PARTS = 3
# Axes of a box: s_1, t and Phi, and those of the singular values.
SINGULAR, REST, FIT, AXES = (0, 3, 4), 1, 2, 5
MOST_BOXES, MOST_SETS, MOST_KNOTS = 1_000_000, 10_000, 200
# Multipliers beyond this size, and fits beyond that, leave the range of floats: they prove nothing.
LARGEST, LARGEST_FIT, LARGEST_LOG = 1e60, 700.0, 600.0
TREE, LINES = ("axis", "child", "where"), ("knots", "share", "centring", "bend")
NAMES = (*TREE, "chosen", "prices", "first", *LINES, "kernels", "kappa")


@dataclass(frozen=True)
class Box:
    """Ends of s_1, t, Phi, s_2 and s_3."""

    low: tuple[float, ...]
    high: tuple[float, ...]

    @property
    def positive(self) -> int:
        """How many of the largest singular values may have a price of their own: none of them may be zero."""
        ends = self.apart(len(SINGULAR))
        return next((i for i, (low, high) in enumerate(ends) if not 0 < low < high), len(ends))

    def apart(self, count: int) -> list[tuple[float, float]]:
        """Ends of the largest singular values, those that have a price of their own: falling, and with a sum."""
        lows = [self.low[axis] for axis in SINGULAR[:count]]
        highs = [self.high[axis] for axis in SINGULAR[:count]]
        for i in range(1, count):
            highs[i] = min(highs[i], highs[i - 1], self.high[REST] - sum(lows[1:]) + lows[i])
        return list(zip(lows, highs, strict=True))

    def rest(self, count: int) -> tuple[float, float]:
        """Ends of t; where not even s_1 is apart of s_1 + t."""
        low, high = self.low[REST], self.high[REST]
        return (low, high) if count else (self.low[0] + low, self.high[0] + high)

    def cap(self, count: int) -> float:
        """The largest singular value that is not apart."""
        ends = [self.high[axis] for axis in SINGULAR[: count + 1]]
        left = self.high[REST] - sum(low for low, _ in self.apart(count)[1:]) if count else math.inf
        return max(min(*ends, left), 0.0)

    def halves(self, axis: int, where: float) -> tuple[Box, Box]:
        """Both sides of a cut. Raises ValueError for one outside."""
        if not self.low[axis] < where < self.high[axis]:
            raise ValueError("the cut is outside the box")
        high, low = list(self.high), list(self.low)
        high[axis] = low[axis] = where
        return Box(self.low, tuple(high)), Box(tuple(low), self.high)


@dataclass(frozen=True)
class Charges:
    """What one class has to pay: Bernstein coefficients (M,) of r^2, of bend, and of the rest, on parts of cells.

    ``kappa`` is that of the odds, ``last`` the last knot.
    """

    square: Array
    bend: Array
    rest: Array
    kappa: float
    last: float


@dataclass(frozen=True)
class PairBound:
    """The bound for K balanced classes: p, C and the largest loss of interest."""

    classes: int
    power: float
    strength: float
    upper: float

    @property
    def finite(self) -> bool:
        """Whether all singular values of logits whose loss is not above the upper one are floats."""
        return math.log(self.upper / self.strength) / self.power < LARGEST_LOG

    def root(self) -> Box:
        """All boxes of logits whose loss is not above the upper one."""
        K = self.classes
        top = (self.upper / self.strength) ** (1 / self.power) * (1 + ROUNDING)
        return Box((0.0,) * AXES, (top, (K - 2) * top, K * self.upper * (1 + ROUNDING), top, top))

    def spent(self, box: Box) -> float:
        """Penalty in a box at least; infinity where no singular values are in it.

        Of all numbers with a sum of t at least those have the least penalty that are as large as they may be.
        """
        p, (first, left, _, second, third) = self.power, box.low
        most = min(box.high[0], box.high[3])
        others = min(most, box.high[4])
        if second > most or third > others or second + third > box.high[REST] * (1 + ROUNDING):
            return math.inf
        if left > (most + max(self.classes - 3, 0) * others) * (1 + ROUNDING):
            return math.inf
        least = min(left, most)
        # What is left beyond whole ones may be rounding, whose power is not small.
        tail, left = least**p, left - least - ROUNDING * left
        if left > 0 and others > 0:
            whole = math.floor(left / others)
            tail += whole * others**p + max(left - whole * others, 0.0) ** p
        return self.strength * (first**p + max(tail, second**p + third**p))

    def last_fit(self, box: Box) -> float:
        """The largest Phi in a box; below its least one where the box is empty."""
        return min(box.high[FIT], self.classes * (self.upper - self.spent(box)))

    def floor(self, box: Box) -> float:
        """The bound without multipliers."""
        return self.spent(box) + box.low[FIT] / self.classes

    def bound(self, box: Box, charges: Charges, prices: Array) -> float:
        """A lower bound of the losses in a box; of those that are not above the upper one.

        ``prices`` are the part of the multipliers that is used, tau, a largest charge of a class, and how many singular
        values have a price of their own.
        """
        K, last = self.classes, self.last_fit(box)
        if last < box.low[FIT]:
            return self.upper
        scale, tau, most, count = (float(price) for price in prices)
        kappa = scale * charges.kappa
        if not (kappa >= 0 and scale > 0 and count in range(box.positive + 1)) or last > LARGEST_FIT:
            return self.floor(box)
        penalty = self.penalty(box, charges, scale, int(count), np.array([tau]), np.array([most]))
        fits = [(Phi - kappa * math.expm1(Phi)) / K for Phi in (box.low[FIT], last)]
        return max(self.strength * float(penalty[0]) + min(fits), self.floor(box))

    def penalty(self, box: Box, charges: Charges, scale: float, count: int, tau: Array, most: Array) -> Array:
        """A lower bound of the penalty over C, less what the odds give back; for many tau and largest charges."""
        charge = np.minimum(most, self.class_charge(box.cap(count), charges, scale, tau))
        total = self.classes * charge + np.minimum(*(tau * end for end in box.rest(count)))
        for number, (low, high) in enumerate(box.apart(count)):
            own = tau if number else np.zeros_like(tau)
            slope = (high**self.power - low**self.power) / (high - low) - own
            price = own_price(charges, scale, (low, high), slope, charge)
            total = total + low**self.power - own * low - price
        return total

    def class_charge(self, cap: float, charges: Charges, scale: float, tau: Array) -> Array:
        """The least charge of a class whose singular values are not above the cap, for many tau."""
        p, bend, square = self.power, scale * charges.bend, charges.square
        s = np.minimum(((1 - p) * square / np.maximum(bend, 1e-300)) ** (1 / (2 - p)), cap)
        s = np.maximum(s, 1e-300)
        price = np.where(square > 0, s ** (p - 1) * square + bend * s, 0.0) + scale * charges.rest
        return np.asarray(np.min(price - tau[:, None] * square, axis=1))

    def charges(self, found: Multipliers) -> Charges:
        """Those of one class, in which what pairs lack is made up for."""
        r, K = found.knots, self.classes
        share = np.linspace(0.0, 1.0, PARTS + 1)
        ends = np.stack([np.tile(share[:-1], r.size - 1), np.tile(share[1:], r.size - 1)])
        line = lambda v: np.repeat(v[:-1], PARTS) + ends * np.repeat(np.diff(v), PARTS)
        at, bend = line(r), line(found.bend)
        square, centring = quadratic(at, at), quadratic(line(found.centring), at)
        lack = min(least_pair_charge(found, 2 * found.kappa / (K * self.strength)), 0.0)
        potential = (K - 1) * (line(found.share) - 0.5 * lack)
        potential = np.stack([potential[0], potential.mean(axis=0), potential[1]])
        rest, size = centring - potential, np.abs(centring) + np.abs(potential)
        for factor in found.kernels:
            for column in factor.T:
                kernel = quadratic(line(column), line(column))
                rest, size = rest - kernel, size + np.abs(kernel)
        cubic = [bend[0] * square[0], (bend[1] * square[0] + 2 * bend[0] * square[1]) / 3]
        cubic += [(bend[0] * square[2] + 2 * bend[1] * square[1]) / 3, bend[1] * square[2]]
        rest = raised(rest) - np.stack(cubic) - ROUNDING * (size.max(axis=0) + np.abs(np.stack(cubic)))
        square = raised(square)
        bend = np.stack([bend[0], (2 * bend[0] + bend[1]) / 3, (bend[0] + 2 * bend[1]) / 3, bend[1]])
        return Charges(square.ravel(), bend.ravel(), rest.ravel(), float(found.kappa), float(r[-1]))

    def usable(self, found: Multipliers) -> Charges | None:
        """The charges of multipliers that are no nonsense."""
        values = (found.knots, found.share, found.centring, found.bend, found.kernels, np.array(found.kappa))
        if not 2 <= found.knots.size <= MOST_KNOTS or not all((np.abs(value) <= LARGEST).all() for value in values):
            return None
        rising = bool((np.diff(found.knots) > 0).all() and (found.bend >= 0).all() and found.kappa >= 0)
        charges = self.charges(found) if rising and found.knots[0] == 0 else None
        return charges if charges is not None and np.isfinite(charges.rest).all() else None

    def leaf(self, box: Box, charges: Charges | None, prices: Array) -> float:
        """What is proved in a box by charges that may be none, or of no use."""
        floor = min(self.floor(box), self.upper)
        if charges is None or floor >= self.upper or not (np.abs(prices) <= LARGEST).all():
            return floor
        reached = self.bound(box, charges, prices) if self.reaches(box, charges) else floor
        return reached if math.isfinite(reached) else floor

    def reaches(self, box: Box, charges: Charges) -> bool:
        """Whether the knots hold every |g_c| of a box: |g_c|^2 <= (1 - 1/K) s_1."""
        return bool(charges.last**2 >= (1 - 1 / self.classes) * box.high[0])


def quadratic(f: Array, g: Array) -> Array:
    """Bernstein coefficients of the product of two lines from their ends (2, M)."""
    return np.stack([f[0] * g[0], 0.5 * (f[0] * g[1] + f[1] * g[0]), f[1] * g[1]])


def raised(v: Array) -> Array:
    """Those of degree three from those of degree two."""
    return np.stack([v[0], (v[0] + 2 * v[1]) / 3, (2 * v[1] + v[2]) / 3, v[2]])


def own_price(charges: Charges, scale: float, ends: tuple[float, float], slope: Array, charge: Array) -> Array:
    """The least pi >= 0 with which every class is charged enough at a singular value s between the ends.

    (pi + slope (s - low)) r^2 / s + bend s + rest >= charge: pi is above a parabola in s.
    """
    some = charges.square > 0
    square, (low, high) = charges.square[some], ends
    gain = (charge[:, None] - scale * charges.rest[some]) / square
    bend = np.maximum(scale * charges.bend[some] / square, 1e-300)
    s = np.clip((gain - slope[:, None]) / (2 * bend), low, high)
    return np.asarray(np.maximum(np.max((gain - bend * s) * s - slope[:, None] * (s - low), axis=1), 0.0))


def pairs_of_classes(problem: DeepUFM, data: dict[str, Array], numbers: Numbers) -> float:
    """The least bound of the boxes that a tree of cuts leaves."""
    if problem.loss != "ce" or problem.nonlinear or not problem.balanced:
        raise Refuted("pairs of classes are a proof for linear models with cross-entropy and balanced classes")
    if numbers.rigorous:
        raise Refuted("pairs of classes are checked in floats only")
    missing = [name for name in (*NAMES, "known") if name not in data]
    if missing:
        raise Refuted(f"the data lack {missing[0]}")
    known = float(data["known"]) if np.ndim(data["known"]) == 0 else math.nan
    instance = Instance.of(problem, numbers)
    if not (math.isfinite(known) and known > 0):
        raise Refuted("the loss of interest is not a number")
    pairs = PairBound(instance.classes, 2 / (instance.depth + 1), instance.strength, known)
    # Beyond the loss of interest nothing was looked at.
    return min(_least_of_tree(pairs, data), known)


def _sets(pairs: PairBound, data: dict[str, Array]) -> list[Charges | None]:
    """The charges of each set of multipliers; raises Refuted for arrays that do not fit."""
    first, kappa = np.asarray(data["first"]), np.asarray(data["kappa"], dtype=float)
    lines = {name: np.asarray(data[name], dtype=float) for name in LINES}
    kernels = np.asarray(data["kernels"], dtype=float)
    count, total = kappa.size, lines["knots"].size
    shapes = [array.shape == (total,) for array in lines.values()]
    shapes += [kappa.ndim == 1, first.shape == (count + 1,), count <= MOST_SETS]
    shapes.append(kernels.ndim == 3 and kernels.shape[:2] == (len(DEGREES), total))
    if not all(shapes) or not (first[0] == 0 and first[-1] == total and (np.diff(first) >= 0).all()):
        raise Refuted("the multipliers have another shape")
    sets: list[Charges | None] = []
    for number in range(count):
        own = slice(int(first[number]), int(first[number + 1]))
        knots, share, centring, bend = (lines[name][own] for name in LINES)
        sets.append(pairs.usable(Multipliers(knots, share, centring, bend, kernels[:, own], float(kappa[number]))))
    return sets


def _least_of_tree(pairs: PairBound, data: dict[str, Array]) -> float:
    sets = _sets(pairs, data)
    axis, child, where, chosen = (np.asarray(data[name]) for name in (*TREE, "chosen"))
    prices, count = np.asarray(data["prices"], dtype=float), axis.size
    if not (1 <= count <= MOST_BOXES and all(one.shape == (count,) for one in (axis, child, where, chosen))):
        raise Refuted("the tree has another shape")
    if not (np.isfinite(axis).all() and np.isfinite(child).all()):
        raise Refuted("the cuts are not a binary tree")
    if prices.shape != (count, 4) or not np.isin(chosen, np.arange(-1, len(sets))).all():
        raise Refuted("the multipliers have another shape")
    least, seen, waiting = math.inf, 0, [(0, pairs.root())]
    while waiting:
        node, box = waiting.pop()
        seen += 1
        if not 0 <= node < count or seen > count:
            raise Refuted("the cuts are not a binary tree")
        if axis[node] >= 0:
            if axis[node] >= AXES:
                raise Refuted("a box is cut along what does not exist")
            try:
                lower, upper = box.halves(int(axis[node]), float(where[node]))
            except ValueError as error:
                raise Refuted(str(error)) from None
            waiting += [(int(child[node]), lower), (int(child[node]) + 1, upper)]
            continue
        least = min(least, pairs.leaf(box, sets[int(chosen[node])] if chosen[node] >= 0 else None, prices[node]))
    if seen != count:
        raise Refuted("the cuts are not a binary tree")
    return least

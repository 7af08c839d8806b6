r"""The bound by pairs of classes: what any two classes can save, and what each alone has to pay.

With p = 2/(L+1), a box of s = s_1, of t = s_2 + s_3 + ... and of Phi = K fit, and in it the variables
r = |g_c| of a class and u, the cosine between two,

.. math:: f \ge C\,[\underline s^p - \pi + \tau t + K N] + \min_\Phi \frac{\Phi - \kappa (e^\Phi - 1)}{K}

where N is the least charge of one class and every pair has a charge of at least zero, for multipliers that are linear
between knots of r. Source: derivations/pair_bound.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optima.checker.arithmetic import Numbers
from optima.checker.instance import Instance
from optima.checker.verification import Refuted
from optima.model import Array, DeepUFM

# Degrees of the cosine whose kernels are positive.
DEGREES = (0, 1, 3)
# Parts of a cell of r and of the range of u to begin with, and how often an interval of u is halved.
PARTS, STARTS, HALVINGS = 12, 32, 24
# Intervals halved at once.
MOST_OPEN = 1_000_000
# Part of the size of the terms by which a least charge of pairs may be missed.
CLOSE = 1e-5
# What is left to the rounding of the terms of a charge, relative to their size.
ROUNDING = 1e-12
MOST_BOXES, MOST_KNOTS = 100_000, 200
# Multipliers beyond this size, and fits beyond that, leave the range of floats: they prove nothing.
LARGEST, LARGEST_FIT, LARGEST_LOG = 1e60, 700.0, 600.0
NAMES = ("axis", "child", "where", "first", "prices", "knots", "share", "centring", "bend", "kernels")


@dataclass(frozen=True)
class Box:
    """Ends of s, of t and of Phi."""

    low: tuple[float, float, float]
    high: tuple[float, float, float]

    @property
    def t(self) -> tuple[float, float]:
        """Ends of t."""
        return self.low[1], self.high[1]

    @property
    def sums(self) -> tuple[float, float]:
        """Ends of s + t."""
        return self.low[0] + self.t[0], self.high[0] + self.t[1]

    @property
    def second(self) -> float:
        """The largest s_2."""
        return min(self.t[1], self.high[0])

    def halves(self, axis: int, where: float) -> tuple[Box, Box]:
        """Both sides of a cut. Raises ValueError for one outside."""
        if not self.low[axis] < where < self.high[axis]:
            raise ValueError("the cut is outside the box")
        high, low = list(self.high), list(self.low)
        high[axis] = low[axis] = where
        return Box(self.low, (high[0], high[1], high[2])), Box((low[0], low[1], low[2]), self.high)


@dataclass(frozen=True)
class Multipliers:
    """Of one box: knots (n,), values there (n,), prices, and kernels' factors (3, n, R).

    The prices are whether s_1 has one of its own, pi (its price at the lower end), tau and kappa.
    """

    knots: Array
    share: Array
    centring: Array
    bend: Array
    prices: Array
    kernels: Array


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
        """All s, t and Phi of logits whose loss is not above the upper one."""
        K = self.classes
        top = (self.upper / self.strength) ** (1 / self.power) * (1 + ROUNDING)
        return Box((0.0, 0.0, 0.0), (top, (K - 2) * top, K * self.upper * (1 + ROUNDING)))

    def spent(self, box: Box) -> float:
        """Penalty in a box at least: the others have no singular value above the second."""
        least = box.low[0] ** self.power
        if box.t[0] > 0:
            least += box.t[0] * box.second ** (self.power - 1)
        return self.strength * least

    def bound(self, box: Box, found: Multipliers) -> float:
        """A lower bound of the losses in a box; of those that are not above the upper one."""
        apart, pi, tau, kappa = (float(value) for value in found.prices)
        K, p = self.classes, self.power
        last = min(box.high[2], K * max(self.upper - self.spent(box), 0.0))
        if last < box.low[2]:
            return self.upper
        if not kappa >= 0 or last > LARGEST_FIT:
            return self.spent(box)
        lack = min(self.pair_charge(found, kappa), 0.0)
        class_charge = self.class_charge(box, found) + (K - 1) * lack / 2
        ends = box.t if apart else box.sums
        rest = min(tau * end for end in ends) + (box.low[0] ** p - pi if apart else 0.0)
        penalty = rest + K * class_charge
        fits = [(Phi - kappa * math.expm1(Phi)) / K for Phi in (box.low[2], last)]
        return max(self.strength * penalty + min(fits), self.spent(box) + box.low[2] / K)

    def leaf(self, box: Box, found: Multipliers) -> float:
        """What is proved in a box by multipliers that may be none, or of no use."""
        floor = self.spent(box) + box.low[2] / self.classes
        values = (found.knots, found.share, found.centring, found.bend, found.prices, found.kernels)
        if floor >= self.upper or not 2 <= found.knots.size <= MOST_KNOTS:
            return floor
        usable = all((np.abs(value) <= LARGEST).all() for value in values)
        rising = bool((np.diff(found.knots) > 0).all() and (found.bend >= 0).all())
        reached = self.bound(box, found) if usable and rising and self.reaches(box, found) else floor
        return reached if math.isfinite(reached) else floor

    def chord(self, box: Box) -> float:
        """The slope of s^p between the ends of a box."""
        low, high = box.low[0], box.high[0]
        return (high**self.power - low**self.power) / (high - low)

    def reaches(self, box: Box, found: Multipliers) -> bool:
        """Whether the knots hold every |g_c| of a box: |g_c|^2 <= (1 - 1/K) s_1."""
        return bool(found.knots[0] == 0 and found.knots[-1] ** 2 >= (1 - 1 / self.classes) * box.high[0])

    def class_charge(self, box: Box, found: Multipliers) -> float:
        """The least charge of one class: Bernstein coefficients on parts of each cell."""
        r = found.knots
        share = np.linspace(0.0, 1.0, PARTS + 1)
        a = (r[:-1, None] + np.diff(r)[:, None] * share[:-1]).ravel()
        b = (r[:-1, None] + np.diff(r)[:, None] * share[1:]).ravel()
        at = np.stack([a, 0.5 * (a + b), b])
        # The same cell at both ends.
        weight = np.stack([(at[0] - np.repeat(r[:-1], PARTS)), (at[2] - np.repeat(r[:-1], PARTS))])
        weight = weight / np.repeat(np.diff(r), PARTS)
        line = lambda v: np.repeat(v[:-1], PARTS) + weight * np.repeat(np.diff(v), PARTS)
        bend, centring, potential = line(found.bend), line(found.centring), line(found.share)
        quadratic = lambda f, g: np.stack([f[0] * g[0], 0.5 * (f[0] * g[1] + f[1] * g[0]), f[1] * g[1]])
        ends = np.stack([a, b])
        middle_bend = np.stack([bend[0], bend.mean(axis=0), bend[1]])
        squares = quadratic(ends, ends)
        charge = self._price(box, found, squares, middle_bend)
        charge = charge + quadratic(centring, ends)
        size = np.abs(charge) + np.abs(quadratic(centring, ends))
        for factor in found.kernels:
            for column in factor.T:
                kernel = quadratic(line(column), line(column))
                charge, size = charge - kernel, size + np.abs(kernel)
        line_part = (self.classes - 1) * np.stack([potential[0], potential.mean(axis=0), potential[1]])
        charge, size = charge - line_part, size + np.abs(line_part)
        cubic = np.stack(
            [
                bend[0] * squares[0],
                (bend[1] * squares[0] + 2 * bend[0] * squares[1]) / 3,
                (bend[0] * squares[2] + 2 * bend[1] * squares[1]) / 3,
                bend[1] * squares[2],
            ]
        )
        raised = np.stack([charge[0], (charge[0] + 2 * charge[1]) / 3, (2 * charge[1] + charge[2]) / 3, charge[2]])
        return float(np.min(raised - cubic - ROUNDING * (size.max(axis=0) + np.abs(cubic))))

    def _price(self, box: Box, found: Multipliers, square: Array, bend: Array) -> Array:
        """min over the spectrum of r^2 A(s) + bend s: the best line below the price of a singular value, times r^2."""
        apart, pi, tau, _ = found.prices
        p, (low, high) = self.power, (box.low[0], box.high[0])
        largest = box.second if apart else high
        price = np.full(square.shape, np.inf)
        if apart:
            slope = self.chord(box)
            start = pi - slope * low
            s = np.clip(np.sqrt(max(start, 0.0) * square / np.maximum(bend, 1e-300)), low, high)
            price = (start / np.maximum(s, 1e-300) + slope) * square + bend * s
        if largest > 0:
            s = np.minimum(((1 - p) * square / np.maximum(bend, 1e-300)) ** (1 / (2 - p)), largest)
            s = np.maximum(s, 1e-300)
            price = np.minimum(price, (s ** (p - 1) - tau) * square + bend * s)
        return np.asarray(np.where(square > 0, price, 0.0))

    def pair_charge(self, found: Multipliers, kappa: float) -> float:
        """The least charge of two classes, over all corners of all cells and all cosines."""
        n = found.knots.size
        i, j = np.triu_indices(n)
        terms = []
        for step_i in (-1, 1):
            for step_j in (-1, 1):
                other_i, other_j = i + step_i, j + step_j
                there = np.all([other_i >= 0, other_i < n, other_j >= 0, other_j < n], axis=0)
                terms.append(self._terms(found, kappa, i[there], j[there], other_i[there], other_j[there]))
        return least_charge(np.concatenate(terms, axis=1))

    def _terms(
        self,
        found: Multipliers,
        kappa: float,
        i: NDArray[np.int64],
        j: NDArray[np.int64],
        other_i: NDArray[np.int64],
        other_j: NDArray[np.int64],
    ) -> Array:
        """The nine numbers of each charge e^(rate u - level) (c0 + c1 u) + a0 + a1 u + a2 u^2 + a3 u^3, and its size.

        A cell has the knots i or other_i and j or other_j; the exponential of minus half the squared distance is
        bounded by its tangent at a distance linear in u: at the middle of the cell, or farther for far corners.
        """
        r = found.knots
        first, second = 0.5 * (r[i] + r[other_i]), 0.5 * (r[j] + r[other_j])
        level, rate = 0.5 * (first**2 + second**2), first * second
        own, own_rate = 0.5 * (r[i] ** 2 + r[j] ** 2), r[i] * r[j]
        # At u = -1 and u = 1, and in between linear.
        beyond = []
        for u in (-1.0, 1.0):
            corners = [0.5 * (x**2 + y**2) - u * x * y for x in (r[i], r[other_i]) for y in (r[j], r[other_j])]
            beyond.append(np.maximum(np.max(corners, axis=0) - (level - rate * u) - 0.5, 0.0))
        level, rate = level + 0.5 * (beyond[0] + beyond[1]), rate + 0.5 * (beyond[0] - beyond[1])
        weight = 2 * kappa / (self.classes * self.strength)
        c0, c1 = weight * (1 + level - own), weight * (own_rate - rate)
        H = [2 * np.einsum("nr,nr->n", factor[i], factor[j]) for factor in found.kernels]
        b = found.bend
        a0 = found.share[i] + found.share[j] - H[0]
        a1 = found.centring[i] * r[j] + found.centring[j] * r[i] - H[1]
        a2 = -(b[i] * r[j] ** 2 + b[j] * r[i] ** 2)
        size = np.abs(found.share[i]) + np.abs(found.share[j]) + sum(np.abs(h) for h in H) + np.abs(a1) - a2
        return np.stack([rate, level, c0, c1, a0, a1, a2, -H[2], size])


def least_charge(terms: Array) -> float:
    """A lower bound of all charges over u in [-1, 1]: Taylor's at the middle of intervals, halved where it is too low.

    ``terms`` are those of :meth:`PairBound._terms`, (9, M).
    """
    edges = np.linspace(-1.0, 1.0, STARTS + 1)
    low = np.tile(edges[:-1], terms.shape[1])
    part, half = np.repeat(np.arange(terms.shape[1]), STARTS), 1.0 / STARTS
    proved = best = math.inf
    for number in range(HALVINGS):
        rate, level, c0, c1, a0, a1, a2, a3, size = terms[:, part]
        u = low + half
        power = np.exp(rate * u - level)
        line = c0 + c1 * u
        value = power * line + a0 + u * (a1 + u * (a2 + u * a3))
        slope = power * (rate * line + c1) + a1 + u * (2 * a2 + 3 * a3 * u)
        bends = [rate * (rate * (c0 + c1 * x) + 2 * c1) for x in (low, low + 2 * half)]
        inward = np.minimum(*bends)
        ends = np.exp(rate * low - level), np.exp(rate * (low + 2 * half) - level)
        strongest = np.where(inward < 0, np.maximum(*ends), np.minimum(*ends))
        curvature = strongest * inward + 2 * a2 + 6 * np.minimum(a3 * low, a3 * (low + 2 * half))
        size = size + power * np.abs(c0) + np.abs(a3)
        bound = value - np.abs(slope) * half + np.minimum(curvature, 0.0) * half**2 / 2 - ROUNDING * size
        # Where the slope keeps its sign, the least value is at an end; elsewhere a parabola's bottom counts.
        safe = np.maximum(curvature, 1e-300)
        inside = (curvature > 0) & (np.abs(slope) < safe * half)
        bound = np.where(inside, value - slope**2 / (2 * safe) - ROUNDING * size, bound)
        # A comparison with what is not a number would pass it over.
        if not np.isfinite(bound).all():
            return -math.inf
        if number == 0:
            typical = float(np.median(size))
        best = min(best, float(np.min(value)))
        open_ = bound < min(best, 0.0) - CLOSE * typical
        if not 0 < np.count_nonzero(open_) < MOST_OPEN or number == HALVINGS - 1:
            break
        proved = min(proved, float(np.min(bound, where=~open_, initial=math.inf)))
        part, low = np.repeat(part[open_], 2), np.repeat(low[open_], 2)
        low[1::2] += half
        half /= 2
    return min(proved, float(np.min(bound)))


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


def _least_of_tree(pairs: PairBound, data: dict[str, Array]) -> float:
    axis, child, where = (np.asarray(data[name]) for name in NAMES[:3])
    first = np.asarray(data["first"])
    arrays = {name: np.asarray(data[name], dtype=float) for name in NAMES[4:]}
    if arrays["kernels"].ndim != 3:
        raise Refuted("the multipliers have another shape")
    count, total = axis.size, arrays["knots"].size
    shapes = {"prices": (count, 4), **dict.fromkeys(NAMES[5:9], (total,))}
    shapes["kernels"] = (len(DEGREES), total, arrays["kernels"].shape[-1])
    if not (1 <= count <= MOST_BOXES and axis.shape == child.shape == where.shape == (count,)):
        raise Refuted("the tree has another shape")
    if not (np.isfinite(axis).all() and np.isfinite(child).all()):
        raise Refuted("the cuts are not a binary tree")
    if any(array.shape != shapes[name] for name, array in arrays.items()) or first.shape != (count + 1,):
        raise Refuted("the multipliers have another shape")
    if not (first[0] == 0 and first[-1] == total and (np.diff(first) >= 0).all()):
        raise Refuted("the multipliers have another shape")
    least, seen, waiting = math.inf, 0, [(0, pairs.root())]
    while waiting:
        node, box = waiting.pop()
        seen += 1
        if not 0 <= node < count or seen > count:
            raise Refuted("the cuts are not a binary tree")
        if axis[node] >= 0:
            if axis[node] > 2:
                raise Refuted("a box is cut along what does not exist")
            try:
                lower, upper = box.halves(int(axis[node]), float(where[node]))
            except ValueError as error:
                raise Refuted(str(error)) from None
            waiting += [(int(child[node]), lower), (int(child[node]) + 1, upper)]
            continue
        own = slice(int(first[node]), int(first[node + 1]))
        knots, share, centring, bend = (arrays[name][own] for name in NAMES[5:9])
        found = Multipliers(knots, share, centring, bend, arrays["prices"][node], arrays["kernels"][:, own])
        least = min(least, pairs.leaf(box, found))
    if seen != count:
        raise Refuted("the cuts are not a binary tree")
    return least

"""Stationary scales of a relu network with squared error and the best last weight matrix.

The curve log(-G'(u)) + (1 - 1/L) log u turns where the elasticity E = 2 <x> crosses 1 - 1/L. With v = log u

    dE/dv = 2 <x> (1 - <x>) - 6 Var x  in [-1, 1/2],    |d^2E/dv^2| <= 8,

so that values in the middle of an interval enclose both on all of it. Source: derivations/network_price.py.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import zip_longest

import numpy as np

from optima.model import Array
from optima.scales.branches import Branches
from optima.scales.newton import Index, newton, root_between
from optima.scales.terms import RidgeTerms, stack
from optima.scales.turning_points import bisect
from optima.structures import Block

# A function and its derivative, for the equations numbered by an index.
Curve = Callable[[Array, Index], tuple[Array, Array]]
# Bounds of the first and second derivative of E in log u.
STEEPEST, BENT = 1.0, 8.0
# Narrowest interval of log u that is still split.
NARROWEST = 1e-9
# Rounding of the elasticity.
NOISE = 1e-12


class RidgeBranches(Branches):
    r"""Branches of -G'(u) = lam_eff^((L+1)/L) (K^(1/L) q / 2) u^(1/L - 1), for blocks whose curve turns once.

    The scale of a pair is u; ``fit`` is the data loss and ``penalty`` includes that of the last weight matrix, which
    at every u is the best one. Both branches are solved in log u.
    """

    terms: RidgeTerms

    def __init__(self, terms: RidgeTerms, p: Array) -> None:
        super().__init__(terms, p)
        self.terms = terms
        # 1 - 1/L, and the power of lam_eff.
        self.flat = 1 - p / (2 - p)
        self.power = 2 / (2 - p)
        every = np.arange(p.size)
        low, high = (np.broadcast_to(end, p.shape) for end in search_range(terms, self.flat))
        log_fold = newton(self._excess(every), low, high, 0.5 * (low + high))
        self.fold = np.exp(log_fold)
        log_slope, _ = terms.log_slope(self.fold)
        self.peak = (log_slope + self.flat * log_fold - np.log(self.nu)) / self.power

    def _excess(self, pairs: Index) -> Curve:
        terms, flat = self.terms.take(pairs), self.flat[pairs]

        def excess(v: Array, index: Index) -> tuple[Array, Array]:
            part, u = terms.take(index), np.exp(v)
            mean, variance = part.moments(u)
            return flat[index] - 2 * mean, 6 * variance - 2 * mean * (1 - mean)

        return excess

    def _curve(self, which: Index, tau: Array, sign: float) -> Curve:
        terms, flat = self.terms.take(which), self.flat[which]

        def curve(v: Array, index: Index) -> tuple[Array, Array]:
            log_slope, elasticity = terms.take(index).log_slope(np.exp(v))
            height = log_slope + flat[index] * v - tau[index]
            return sign * height, sign * (flat[index] - elasticity)

        return curve

    def tau(self, pairs: Index, log_reg: Array) -> Array:
        """log of lam_eff^((L+1)/L) K^(1/L) q / 2."""
        return self.power[pairs] * log_reg + np.log(self.nu[pairs])

    def ends(self, pairs: Index, tau: Array) -> tuple[Array, Array]:
        """log u between which all stationary scales lie: -G' is at most -G'(0), and at most R / u^2."""
        at_zero, reach = (
            np.broadcast_to(value, self.p.shape)[pairs]
            for value in (self.terms.log_slope_at_zero(), self.terms.log_reach())
        )
        return (tau - at_zero) / self.flat[pairs], (reach - tau) / (2 - self.flat[pairs])

    def _outer(self, which: Index, log_reg: Array) -> Array:
        tau = self.tau(which, log_reg)
        low = np.log(self.fold[which])
        high = np.maximum(self.ends(which, tau)[1], low)
        return np.exp(newton(self._curve(which, tau, 1.0), low, high, high))

    def _inner(self, which: Index, log_reg: Array) -> Array:
        tau = self.tau(which, log_reg)
        high = np.log(self.fold[which])
        low = np.minimum(self.ends(which, tau)[0], high)
        return newton(self._curve(which, tau, -1.0), low, high, low)

    def penalty(self, pairs: Index, log_scale: Array, reg: Array) -> Array:
        """(L/2) lam_eff^((L+1)/L) K^(1/L) q u^(1/L), and that of the last weight matrix."""
        q = 1 - self.flat[pairs]
        others = reg ** self.power[pairs] * (self.nu[pairs] / q) * np.exp(q * log_scale)
        return others + self.terms.take(pairs).last_penalty(np.exp(log_scale))

    def stationary(self, block: Block, log_reg: float) -> list[tuple[float, str]]:
        """Stationary log u of one block at one exponent, with kinds: one in each stretch between turning points."""
        first = np.zeros(1, dtype=np.intp)
        tau = self.tau(first, np.array([log_reg]))
        curve = self._curve(first, tau, 1.0)
        turns = np.log(ridge_turning_points(block, float(self.p[0])))
        bottom, top = (float(end[0]) for end in self.ends(first, tau))
        ends = np.array([min(bottom, turns[0]) - 1, *turns, max(top, turns[-1]) + 1])
        heights = [float(curve(np.array([v]), first)[0][0]) for v in ends]
        found = []
        for lo, hi, left, right in zip(ends[:-1], ends[1:], heights[:-1], heights[1:], strict=True):
            if left * right < 0:
                oriented = self._curve(first, tau, 1.0 if left > 0 else -1.0)
                root = newton(oriented, np.array([lo]), np.array([hi]), np.array([0.5 * (lo + hi)]))
                found.append((float(root[0]), "minimum" if left > 0 else "maximum"))
        return found

    def best(self, block: Block, regs: Array) -> tuple[Array, Array, Array]:
        """Best u, data loss and penalty of one block at one exponent for many lam_eff, however often its curve turns.

        Minima lie in the stretches in which the curve falls: after every second turning point, the first included.
        """
        pairs = np.zeros(regs.size, dtype=np.intp)
        tau = self.tau(pairs, np.log(regs))
        turns = np.log(ridge_turning_points(block, float(self.p[0])))
        top = np.maximum(self.ends(pairs, tau)[1], turns[-1]) + 1
        scale, fit, penalty = np.zeros(regs.size), self.zero_fit(pairs).copy(), np.zeros(regs.size)
        curve, every = self._curve(pairs, tau, 1.0), np.arange(regs.size)
        for low, high in zip_longest(turns[::2], turns[1::2]):
            left, right = np.full(regs.size, low), top if high is None else np.full(regs.size, high)
            there = np.flatnonzero((curve(left, every)[0] > 0) & (curve(right, every)[0] < 0))
            falling = self._curve(pairs[there], tau[there], 1.0)
            v = newton(falling, left[there], right[there], right[there])
            found = np.exp(v), self.fit(pairs[there], np.exp(v)), self.penalty(pairs[there], v, regs[there])
            lower = found[1] + found[2] < fit[there] + penalty[there]
            for kept, new in zip((scale, fit, penalty), found, strict=True):
                kept[there[lower]] = new[lower]
        return scale, fit, penalty


def search_range(terms: RidgeTerms, flat: Array) -> tuple[Array, Array]:
    """log u between which E crosses ``flat`` = 1 - 1/L: E is between 2 x of the smallest and of the largest mu."""
    there = terms.multiplicity > 0
    largest = np.max(np.where(there, terms.sigma, 0.0), axis=1)
    smallest = np.min(np.where(there, terms.sigma, np.inf), axis=1)
    level = np.log(flat / (2 - flat))
    return level - 2 * np.log(largest), level - 2 * np.log(smallest)


@lru_cache(maxsize=4096)
def ridge_single_humped(block: Block) -> bool:
    """Whether E is proved to rise wherever it is at most one, so that the curve of the block turns once at any depth.

    Where u mu^2 <= 1/2 for all mu, Var x <= <x> max x - <x>^2 and max x <= 1/3 make it rise; where u mu^2 >= 1 for all
    of them E >= 1. Intervals between are split until each is decided; False where one is not.
    """
    terms = _terms(block)
    largest, smallest = np.max(terms.sigma), np.min(terms.sigma)
    ends = np.array([[-np.log(2 * largest**2)], [-2 * np.log(smallest)]])
    while ends.size:
        middle, half = ends.mean(axis=0), 0.5 * (ends[1] - ends[0])
        value, slope = _elasticity(terms, middle)
        rises = slope - BENT * half > 0
        beyond = value - STEEPEST * half >= 1
        falls = (slope + BENT * half < 0) & (value + STEEPEST * half < 1)
        open_ = ~(rises | beyond)
        if falls.any() or (half[open_] < NARROWEST).any():
            return False
        ends = bisect(ends[:, open_])
    return True


@lru_cache(maxsize=8192)
def ridge_turning_points(block: Block, p: float) -> tuple[float, ...]:
    """All u at which E crosses 1 - 1/L, p = 2/(L+1), ascending, by splitting intervals until each is decided."""
    terms = _terms(block)
    flat = 1 - p / (2 - p)
    low, high = search_range(terms, np.array([flat]))
    ends = np.array([[low[0] - 0.1], [high[0] + 0.1]])
    crossing: list[tuple[float, float]] = []
    while ends.size:
        middle, half = ends.mean(axis=0), 0.5 * (ends[1] - ends[0])
        value, slope = _elasticity(terms, middle)
        excluded = np.abs(value - flat) > STEEPEST * half
        decided = (np.abs(slope) > BENT * half) | (half < NARROWEST)
        left, right = (_elasticity(terms, end)[0] - flat for end in ends)
        crossing += [tuple(pair) for pair in ends[:, ~excluded & decided & (left * right <= 0)].T.tolist()]
        ends = bisect(ends[:, ~excluded & ~decided])
    height = lambda v: float(_elasticity(terms, np.array([v]))[0][0]) - flat
    roots = [float(np.exp(root_between(height, lo, hi, NOISE, xtol=1e-15, rtol=1e-15))) for lo, hi in sorted(crossing)]
    return tuple(root for i, root in enumerate(roots) if i == 0 or root > roots[i - 1] * (1 + NARROWEST))


def _terms(block: Block) -> RidgeTerms:
    terms = stack([block], [int(block.classes)], "mse")
    assert isinstance(terms, RidgeTerms)
    return terms


def _elasticity(terms: RidgeTerms, v: Array) -> tuple[Array, Array]:
    """E and dE/dv at log u = v, for one block."""
    mean, variance = terms.moments(np.exp(v))
    return 2 * mean, 2 * mean * (1 - mean) - 6 * variance

"""The two branches of stationary scales of a single-humped block, for arrays of regularisations.

For L >= 2 the curve log(-G'(a)) + (1-p) log a rises to the fold and then falls, so that lam_eff below the
fold's has two stationary scales: a maximum on the inner branch and a minimum on the outer one. For L = 1
the curve only falls and there is one. Source: derivations/structure_losses.py.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

from optima.model import Array
from optima.scales.newton import Index, newton
from optima.scales.terms import CrossEntropyTerms, RidgeTerms, SquaredErrorTerms, Terms
from optima.scales.turning_points import search_range


class Branches(ABC):
    """Branches for pairs of a block and an exponent.

    ``terms`` holds one block for each pair (or one for all); ``p`` (P,) the exponents in (0, 1].
    ``fold`` (P,) is the scale at which the branches meet (0 where p = 1) and ``peak`` (P,) the log of
    lam_eff there: larger regularisations have no nonzero stationary scale.
    """

    terms: CrossEntropyTerms | SquaredErrorTerms | RidgeTerms
    fold: Array
    peak: Array

    def __init__(self, terms: Terms, p: Array) -> None:
        self.p = p
        self.nu = terms.price(p)

    def outer(self, pairs: Index, log_reg: Array) -> Array:
        """Largest stationary scale, a minimum, for each pair and log lam_eff; nan where there is none."""
        return _filled(self._outer, pairs, log_reg, log_reg < self.peak[pairs])

    def inner(self, pairs: Index, log_reg: Array) -> Array:
        """Log of the smaller stationary scale, a maximum; nan where there is none."""
        return _filled(self._inner, pairs, log_reg, (log_reg < self.peak[pairs]) & (self.p[pairs] < 1))

    @abstractmethod
    def _outer(self, which: Index, log_reg: Array) -> Array:
        """The same for pairs that have one."""

    @abstractmethod
    def _inner(self, which: Index, log_reg: Array) -> Array:
        """The same for pairs that have one."""

    def fit(self, pairs: Index, scale: Array) -> Array:
        """The data loss, G(a)."""
        return self.terms.take(pairs).value(scale)

    def zero_fit(self, pairs: Index) -> Array:
        """G(0)."""
        return np.broadcast_to(self.terms.zero_value(), self.p.shape)[pairs]

    def penalty(self, pairs: Index, log_scale: Array, reg: Array) -> Array:
        """((L+1)/2) lam_eff sum_i m_i (a sigma_i)^p."""
        p = self.p[pairs]
        return reg * (self.nu[pairs] / p) * np.exp(p * log_scale)


def _filled(root: Callable[[Index, Array], Array], pairs: Index, log_reg: Array, there: NDArray[np.bool_]) -> Array:
    """The root where there is one, else nan."""
    out = np.full(pairs.shape, np.nan)
    out[there] = root(pairs[there], log_reg[there])
    return out


class CrossEntropyBranches(Branches):
    """Safeguarded Newton: in a on the outer branch, in log a on the inner one."""

    terms: CrossEntropyTerms

    def __init__(self, terms: CrossEntropyTerms, p: Array) -> None:
        super().__init__(terms, p)
        self.terms = terms
        self.log_slope_at_zero = np.broadcast_to(np.log(terms.slope_at_zero()), p.shape)
        reach = np.sum(terms.weight * np.sum(terms.margins * terms.counts, axis=2), axis=1)
        self.log_reach = np.broadcast_to(np.log(reach), p.shape)
        self.least = np.broadcast_to(terms.least, p.shape)
        self.fold = np.zeros(p.shape)
        self.peak = self.log_slope_at_zero - np.log(self.nu)
        bent = np.flatnonzero(p < 1)
        if bent.size:
            self.fold[bent] = self._folds(bent)
            log_slope, _ = self.terms.take(bent).log_slope(self.fold[bent])
            self.peak[bent] = log_slope + (1 - p[bent]) * np.log(self.fold[bent]) - np.log(self.nu[bent])

    def _folds(self, pairs: Index) -> Array:
        """Root of E(a) = 1 - p in log a; E(a) <= a mu_max below, E >= 1 above the search range."""
        terms = self.terms.take(pairs)
        target = 1 - self.p[pairs]
        largest = np.max(terms.margins * (terms.counts > 0), axis=(1, 2))
        low = np.broadcast_to(np.log(target / largest), target.shape)
        high = np.broadcast_to(np.log(search_range(terms)[1]), target.shape)

        def excess(u: Array, index: Index) -> tuple[Array, Array]:
            part = terms.take(index)
            a = np.exp(u)
            elasticity = part.log_slope(a)[1]
            return target[index] - elasticity, -elasticity * part.elasticity_growth(a)

        return np.exp(newton(excess, low, high, 0.5 * (low + high)))

    def _outer(self, which: Index, log_reg: Array) -> Array:
        terms, flat = self.terms.take(which), 1 - self.p[which]
        tau = log_reg + np.log(self.nu[which])
        # With x = a mu_min the curve is at most excess - x + flat log x, negative at x = 2 max(excess, 0) + 2.
        excess = self.log_reach[which] - tau - flat * np.log(self.least[which])
        high = (2 * np.maximum(excess, 0) + 2) / self.least[which]
        start = (excess + flat * np.log(np.maximum(excess, 2))) / self.least[which]

        def curve(a: Array, index: Index) -> tuple[Array, Array]:
            log_slope, elasticity = terms.take(index).log_slope(a)
            k = flat[index]
            with np.errstate(divide="ignore", invalid="ignore"):
                return log_slope + xlogy(k, a) - tau[index], (k - elasticity) / a

        return newton(curve, self.fold[which], np.maximum(high, self.fold[which]), start)

    def _inner(self, which: Index, log_reg: Array) -> Array:
        terms, flat = self.terms.take(which), 1 - self.p[which]
        tau = log_reg + np.log(self.nu[which])
        # -G' only decreases, so the branch lies above the root for the constant slope -G'(0).
        low = (tau - self.log_slope_at_zero[which]) / flat
        high = np.log(self.fold[which])

        def curve(u: Array, index: Index) -> tuple[Array, Array]:
            log_slope, elasticity = terms.take(index).log_slope(np.exp(u))
            return tau[index] - log_slope - flat[index] * u, elasticity - flat[index]

        return newton(curve, np.minimum(low, high), high, low)


class SquaredErrorBranches(Branches):
    r"""Branches of (1 - x) x^{1-p} = rho with x = a square / trace, rho = lam_eff nu K (square/trace)^{1-p} / trace.

    The outer branch is solved in log(1 - x) and the inner one in log x, so neither loses digits as rho
    becomes small. Source: derivations/squared_error.py.
    """

    def __init__(self, terms: SquaredErrorTerms, p: Array) -> None:
        super().__init__(terms, p)
        self.terms = terms
        self.best = np.broadcast_to(terms.trace / terms.square, p.shape)
        self.log_rho = np.log(self.nu * terms.classes / terms.trace) - (1 - p) * np.log(self.best)
        x = (1 - p) / (2 - p)
        self.fold = self.best * x
        self.peak = xlogy(1 - p, x) + np.log1p(-x) - self.log_rho

    def _outer(self, which: Index, log_reg: Array) -> Array:
        return self.best[which] * -np.expm1(_log_share(1 - self.p[which], log_reg + self.log_rho[which]))

    def _inner(self, which: Index, log_reg: Array) -> Array:
        flat = 1 - self.p[which]
        return _log_share(1 / flat, (log_reg + self.log_rho[which]) / flat) + np.log(self.best[which])


def _log_share(r: Array, s: Array) -> Array:
    """The root t <= -log(1 + r) of t + r log(1 - e^t) = s; t = s is a lower bound and the first guess."""

    def curve(t: Array, index: Index) -> tuple[Array, Array]:
        y = np.exp(t)
        return s[index] - t - r[index] * np.log1p(-y), r[index] * y / (1 - y) - 1

    high = -np.log1p(r)
    return newton(curve, np.minimum(s, high), high, s)

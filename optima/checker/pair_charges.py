r"""Charges of two classes: what they save at least, over all norms and cosines, for multipliers of the bound by pairs.

.. math:: G = 2 \omega e^{-D} - (b_k r_c^2 + b_c r_k^2) u^2 + (\nu_k r_c + \nu_c r_k) u - 2 \sum_d H_d(r_k, r_c) u^d
    + \sigma_k + \sigma_c, \qquad D = \tfrac12 (r_k^2 + r_c^2) - u r_k r_c

Multipliers are linear between knots of r; each cell of knots is cut into smaller ones, at whose corners G is least.
Source: derivations/pair_bound.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optima.model import Array

# Degrees of the cosine whose kernels are positive.
DEGREES = (0, 1, 3)
# Largest parts of a cell of r, and how they grow with r.
STEP, GROWTH = 0.1, 0.02
# Parts of the range of u to begin with, and how often an interval of u is halved.
STARTS, HALVINGS = 32, 24
# Intervals halved at once.
MOST_OPEN = 1_000_000
# Part of the size of the terms by which a least charge of pairs may be missed.
CLOSE = 1e-5
# What is left to the rounding of the terms of a charge, relative to their size.
ROUNDING = 1e-12


@dataclass(frozen=True)
class Multipliers:
    """Of pairs and classes: knots (n,), values there (n,), kernels' factors (3, n, R), and kappa, that of the odds."""

    knots: Array
    share: Array
    centring: Array
    bend: Array
    kernels: Array
    kappa: float

    def refined(self) -> Multipliers:
        """The same functions of r with more knots."""
        r = self.knots
        parts = np.ceil(np.diff(r) / np.maximum(STEP, GROWTH * r[1:])).astype(int)
        cell = np.repeat(np.arange(parts.size), parts)
        share = (np.arange(cell.size) - np.repeat(np.cumsum(parts) - parts, parts)) / parts[cell]
        line = lambda v: np.append(v[cell] + share * np.diff(v)[cell], v[-1])
        kernels = np.stack([np.stack([line(column) for column in factor.T], axis=1) for factor in self.kernels])
        return Multipliers(line(r), line(self.share), line(self.centring), line(self.bend), kernels, self.kappa)


def least_pair_charge(found: Multipliers, weight: float) -> float:
    """The least charge of two classes over all norms up to the last knot and all cosines; ``weight`` is 2 omega."""
    fine = found.refined()
    return least_charge(np.concatenate(list(corner_terms(fine, weight).values()), axis=1))


def corner_terms(found: Multipliers, weight: float) -> dict[tuple[int, int], Array]:
    """Terms of each pair of knots i <= j as a corner of the cells to either side of both."""
    n = found.knots.size
    i, j = np.triu_indices(n)
    terms = {}
    for step in ((-1, -1), (-1, 1), (1, -1), (1, 1)):
        other_i, other_j = i + step[0], j + step[1]
        there = np.all([other_i >= 0, other_i < n, other_j >= 0, other_j < n], axis=0)
        terms[step] = _terms(found, weight, i[there], j[there], other_i[there], other_j[there])
    return terms


def _terms(
    found: Multipliers,
    weight: float,
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

    ``terms`` are those of :func:`corner_terms`, (9, M).
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

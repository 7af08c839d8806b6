"""Where log(-G'(a)) + (1-p) log a turns: proofs that it rises and then falls, or all its turning points.

The curve turns where the elasticity E(a) = a G'' / (-G') crosses 1 - p. In an interval [a, b] the moments
<mu^k> of the margins under the softmax weights only decrease, so that E and

    dE / d(log a) = E (1 + E - a kappa_3 / kappa_2),    kappa_k the cumulants averaged over the classes,

are enclosed by their values at the two ends. Source: derivations/structure_losses.py.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from optima.model import Array
from optima.scales.newton import root_between
from optima.scales.terms import CrossEntropyTerms, stack
from optima.structures import Block

# A curve that falls wherever E >= 1 - SLACK is single-humped for every depth up to 2 / SLACK - 1.
SLACK = 2 / (1e6 + 1)
# Narrowest interval of log a that is still split.
NARROWEST = 1e-9
# Rounding of the elasticity, which is computed for arrays and for single points.
NOISE = 1e-12
# Blocks with more distinct margins (polygons and cyclic codes beyond K = 2000) are taken to be single-humped without
# the proof, which grows as K^2; every smaller block of the catalogue passes it.
MOST_MARGINS = 1000


def search_range(terms: CrossEntropyTerms) -> tuple[Array, Array]:
    """Scales (low, high) of each block with E increasing below low and E >= 1 above high.

    Above high every <mu> is at most mu_min / 2 and a mu_min >= 2, so E >= a (mu_min - <mu>) >= 1.
    """
    largest = np.max(terms.margins * (terms.counts > 0), axis=(1, 2))
    reach = np.max(np.sum(terms.margins * terms.counts, axis=2), axis=1)
    high = np.maximum(2.0, np.log(2 * reach / terms.least)) / terms.least
    return 1e-3 / largest, high


@lru_cache(maxsize=4096)
def single_humped(block: Block, classes: int) -> bool:
    """Whether the curve of the block is proved to rise to one maximum and then fall, at every depth.

    One margin, with as many rivals for every class, is enough (E is a times an increasing function), and so
    are antipodal pairs among four classes or more. Otherwise intervals of log a are
    split until on each one E increases or E >= 1 - 2e-6 (so the curve falls, for L < 10^6). False means
    that it turns again at some depth, or that the intervals became too narrow. Beyond MOST_MARGINS
    distinct margins True is assumed.
    """
    margins = {
        margin for orbit in block.orbits for margin, count in zip(orbit.margins, orbit.counts, strict=True) if count
    }
    if len(margins) == 1 or len(margins) > MOST_MARGINS or (classes >= 4 and _only_pairs(block, classes)):
        return True
    terms = stack([block], [classes], "ce")
    assert isinstance(terms, CrossEntropyTerms)
    low, high = search_range(terms)
    ends = np.log(np.stack([np.concatenate([[low[0] * 1e-9], low]), np.concatenate([low, high])]))
    while ends.size:
        elasticity, growth, _ = enclose(terms, ends)
        falls_early = (elasticity[1] < 1 - SLACK) & (growth[1] < 0)
        undecided = ~((elasticity[0] >= 1 - SLACK) | (growth[0] > 0))
        if falls_early.any() or (undecided.any() and np.min(ends[1] - ends[0]) < NARROWEST):
            return False
        ends = bisect(ends[:, undecided])
    return True


def _only_pairs(block: Block, classes: int) -> bool:
    """Whether every class has one rival at margin 2 and all others at margin 1 (derivations/structure_losses.py)."""
    return [(orbit.margins, orbit.counts) for orbit in block.orbits] == [((1, 2), (classes - 2, 1))]


def turning_points(block: Block, classes: int, p: float) -> list[float]:
    """All scales at which E(a) crosses 1 - p, ascending, by splitting intervals until each is decided."""
    terms = stack([block], [classes], "ce")
    assert isinstance(terms, CrossEntropyTerms)
    if p == 1:
        return []
    low, high = search_range(terms)
    # E <= a mu_max, so nothing crosses 1 - p below half of (1 - p) / mu_max.
    low = np.minimum(low, 500 * (1 - p) * low)
    ends = np.log(np.array([[low[0]], [high[0]]]))
    crossing: list[tuple[float, float]] = []
    while ends.size:
        elasticity, growth, values = enclose(terms, ends)
        excluded = (elasticity[0] > 1 - p) | (elasticity[1] < 1 - p)
        decided = (growth[0] > 0) | (growth[1] < 0) | (ends[1] - ends[0] < NARROWEST)
        changes = (values[0] - (1 - p)) * (values[1] - (1 - p)) <= 0
        crossing += [tuple(pair) for pair in ends[:, ~excluded & decided & changes].T.tolist()]
        ends = bisect(ends[:, ~excluded & ~decided])
    height = lambda u: float(terms.log_slope(np.exp(np.array([u])))[1][0]) - (1 - p)
    roots = [float(np.exp(root_between(height, lo, hi, NOISE, xtol=1e-15, rtol=1e-15))) for lo, hi in sorted(crossing)]
    return [root for i, root in enumerate(roots) if i == 0 or root > roots[i - 1] * (1 + NARROWEST)]


def bisect(ends: Array) -> Array:
    """Both halves of each interval; ``ends`` has shape (2, P)."""
    middle = ends.mean(axis=0)
    return np.concatenate([np.stack([ends[0], middle]), np.stack([middle, ends[1]])], axis=1)


def enclose(terms: CrossEntropyTerms, ends: Array) -> tuple[Array, Array, Array]:
    """Enclosures of E and of the sign of dE/d(log a) on intervals of log a, for one block.

    ``ends`` has shape (2, P). Returns (lower, upper) of E, of 1 + E - a kappa_3 / kappa_2 (which has the
    sign of dE/d(log a)), and E at both ends; each of shape (2, P).
    """
    a, b = np.exp(ends)
    top, bottom = terms.moments(a), terms.moments(b)
    average = lambda values: np.maximum(np.sum(terms.weight * values, axis=-1), 0.0)
    slope = average(bottom[0]), average(top[0])
    curve = average(bottom[1] - top[0] ** 2), average(top[1] - bottom[0] ** 2)
    third = np.sum(terms.weight * _third(bottom, top), axis=-1), np.sum(terms.weight * _third(top, bottom), axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        elasticity = np.stack([a * curve[0] / slope[1], b * curve[1] / slope[0]])
        ratio = np.stack(_quotient(a, b, third, curve))
    at_ends = np.stack([terms.log_slope(a)[1], terms.log_slope(b)[1]])
    growth = np.stack([1 + elasticity[0] - ratio[1], 1 + elasticity[1] - ratio[0]])
    # Second order: E cannot fall by more than its steepest descent over the interval.
    steepest = np.minimum(elasticity[1] * np.minimum(growth[0], 0), 0)
    lower = at_ends.min(axis=0) + steepest * (ends[1] - ends[0])
    elasticity[0] = np.fmax(elasticity[0], lower)
    return elasticity, growth, at_ends


def _third(low: Array, high: Array) -> Array:
    """Bound of <mu^3> - 3 <mu^2><mu> + 2 <mu>^3 from moments at opposite ends of an interval."""
    return low[2] - 3 * high[1] * high[0] + 2 * low[0] ** 3


def _quotient(a: Array, b: Array, third: tuple[Array, Array], curve: tuple[Array, Array]) -> tuple[Array, Array]:
    """Enclosure of a kappa_3 / kappa_2 over [a, b]; infinite where kappa_2 is not bounded away from zero."""
    positive = curve[0] > 0
    upper = np.where(third[1] >= 0, b * third[1] / curve[0], a * third[1] / curve[1])
    lower = np.where(third[0] >= 0, a * third[0] / curve[1], b * third[0] / curve[0])
    return np.where(positive, lower, -np.inf), np.where(positive, upper, np.inf)

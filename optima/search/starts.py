"""Where the descents on one rung begin."""

from __future__ import annotations

import numpy as np

from optima.model import Array
from optima.search.descent import machine_code_for
from optima.search.rung_objective import RungObjective, products

# Scales tried for a start, in units of log(1 + 1/lambda) per unit of mean margin.
SCALES = np.geomspace(0.05, 5.0, 12)
# Logits that are worked on together.
CACHE = 2**14


def random_codes(objective: RungObjective, rank: int, count: int, rng: np.random.Generator) -> Array:
    """Random codes (count, 2, K, r): every second one with B = A, the others with B moved away from A.

    The points of A are uniform on the sphere; each code has the best of a dozen scales.
    """
    points = rng.standard_normal((count, objective.classes, rank))
    points /= np.linalg.norm(points, axis=2, keepdims=True)
    noise = rng.standard_normal(points.shape) * (np.arange(count) % 2)[:, None, None] / np.sqrt(rank)
    return scaled(objective, centred(objective, np.stack([points, points + 0.5 * noise], axis=1)))


def split(objective: RungObjective, factors: Array, count: int, rng: np.random.Generator) -> Array:
    """Starts one rank higher: a point (2, K, r) with a random direction of half its smallest singular value."""
    smallest = np.sum(factors[0][:, -1] ** 2)
    extra = rng.standard_normal((count, 1, objective.classes, 1)) * np.ones((1, 2, 1, 1))
    extra *= np.sqrt(0.5 * smallest) / np.linalg.norm(extra[:, :1], axis=2, keepdims=True)
    base = np.broadcast_to(factors, (count, *factors.shape))
    return centred(objective, np.concatenate([base, extra], axis=3))


def centred(objective: RungObjective, factors: Array) -> Array:
    """For cross-entropy, the same points with the columns of A B^T centred."""
    if objective.loss == "ce":
        factors = factors.copy()
        factors[:, 0] -= factors[:, 0].mean(axis=1, keepdims=True)
    return factors


def scaled(objective: RungObjective, factors: Array) -> Array:
    """Each start at the best of a dozen scales."""
    return best_scale(objective, factors, 0)[0]


def best_scale(objective: RungObjective, factors: Array, refinements: int) -> tuple[Array, Array]:
    """Each start at the best of a dozen scales, and its loss; each refinement tries half the ratio on both sides."""
    product = products(factors)
    penalty = objective.penalty(factors)
    trials = SCALES[:, None] * _typical_scale(objective, product)
    ratio = float(SCALES[1] / SCALES[0])
    for refinement in range(refinements + 1):
        losses = _fits(objective, product, trials) + penalty * trials**objective.p
        losses = np.where(np.isnan(losses), np.inf, losses)
        best = np.take_along_axis(trials, np.argmin(losses, axis=0)[None], axis=0)
        step = ratio ** (0.5 ** (refinement + 1))
        trials = np.concatenate([best, best / step, best * step])
    return factors * np.sqrt(best[0])[:, None, None, None], losses.min(axis=0)


def _fits(objective: RungObjective, product: Array, scales: Array) -> Array:
    """Fits (T, S) at A B^T times each of the scales (T, S), as many at once as stay in the cache."""
    compiled = machine_code_for(objective)
    if compiled is not None:
        out = np.empty((len(scales), len(product)))
        room = np.empty((min(objective.classes, max(1, CACHE // objective.classes)), objective.classes))
        rows = np.ascontiguousarray(np.swapaxes(product, 1, 2))
        compiled.fits(rows, scales, objective.column, objective.weight, room, out)
        return out
    fits: list[Array] = []
    step = max(1, CACHE // product.size)
    for i in range(0, len(scales), step):
        some = scales[i : i + step]
        points = product * some[:, :, None, None]
        fits.append(objective.fit_value(points.reshape(-1, *product.shape[1:])).reshape(some.shape))
    return np.concatenate(fits)


def _typical_scale(objective: RungObjective, product: Array) -> Array:
    """log(1 + 1/lambda) over the mean margin of A B^T."""
    logits = product * objective.column
    own = np.einsum("scc->s", logits) / objective.classes
    largest = np.abs(logits).max(axis=(1, 2))
    margin = np.maximum(own - logits.mean(axis=(1, 2)), 1e-3 * np.where(largest > 0, largest, 1.0))
    return np.log1p(1 / objective.reg) / margin

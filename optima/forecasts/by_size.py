"""Structures on classes of different sizes: scales of their own for the classes of each size."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize, minimize_scalar

from optima.model import Array
from optima.model.log_grid import log_grid
from optima.reduction import Reduction, center

# Scales at which a structure is tried before its best one is refined.
SCALES = log_grid(1e-4, 1e4, 161)
# Classes up to which each size has scales of its own: a step costs a singular value decomposition.
MOST = 100


def best_multiple(reduction: Reduction, shape: Array) -> float:
    """argmin_a f(a S) for a >= 0: the best of a grid in log a, refined, or zero."""
    s = reduction.singular_values(shape)
    cost = reduction.strength * float(np.sum(s**reduction.exponent))
    if cost == 0:
        return 0.0
    value = lambda log: reduction.fit(np.exp(log) * shape) + cost * np.exp(log * reduction.exponent)
    logs = np.log(SCALES)
    best = int(np.argmin([value(log) for log in logs]))
    ends = logs[max(best - 1, 0)], logs[min(best + 1, logs.size - 1)]
    found = minimize_scalar(value, bounds=ends, method="bounded", options={"xatol": 1e-10})
    return float(np.exp(found.x)) if found.fun < reduction.fit(0.0 * shape) else 0.0


def scaled_by_size(reduction: Reduction, shape: Array) -> Array:
    r"""Class-mean logits of a structure S whose classes of one size n have two scales a_n and b_n.

    .. math:: \min_{a, b > 0} f(M), \quad M_{jc} = b_{n_j} S_{jc}\, a_{n_c},

    less the mean of each column for cross-entropy: a local minimum by L-BFGS in the logarithms, from the best common
    scale, so never above that. Features of a class are scaled by a, what reads them by b. With more than 100 classes,
    or where the best common scale is zero, it is that one.
    """
    common = best_multiple(reduction, shape)
    problem = reduction.problem
    if common == 0 or problem.classes > MOST:
        return common * shape
    _, group = np.unique(problem.class_sizes, return_inverse=True)
    count = int(group.max()) + 1
    taken = center if problem.loss == "ce" else (lambda logits: logits)

    roots = np.sqrt(problem.class_sizes)
    # Scaling changes no rank.
    rank = reduction.rank(shape)

    def scaled(logs: Array) -> Array:
        return np.exp(logs[count:][group])[:, None] * shape * np.exp(logs[:count][group])

    def value_and_slope(logs: Array) -> tuple[float, Array]:
        entries = scaled(logs)
        means = taken(entries)
        left, s, right = np.linalg.svd(means * roots)
        left, s, right = left[:, :rank], s[:rank], right[:rank]
        powers = reduction.strength * s**reduction.exponent
        spectral = reduction.exponent * (left * (powers / s)) @ right * roots
        pulls = taken(reduction.fit_gradient(means) + spectral) * entries
        slopes = [np.bincount(group, pulls.sum(axis=axis), count) for axis in (0, 1)]
        return reduction.fit(means) + float(powers.sum()), np.concatenate(slopes)

    start = np.concatenate([np.full(count, np.log(common)), np.zeros(count)])
    end = minimize(value_and_slope, start, jac=True, method="L-BFGS-B", options={"ftol": 1e-12, "gtol": 1e-9})
    found = taken(scaled(end.x))
    return found if reduction.value(found) <= reduction.value(common * shape) else common * shape

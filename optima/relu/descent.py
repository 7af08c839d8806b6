"""Descents through ever sharper kinks."""

from __future__ import annotations

from typing import Any

import numpy as np

from optima.model import Array
from optima.relu.objective import Gate, Objective
from optima.search.lbfgs import BatchFunction, lbfgs

# Widths of the smoothed kink, in units of the typical pre-activation, and steps of descent at each.
WIDTHS = tuple(np.geomspace(0.3, 1e-3, 6).tolist())
STEPS = 150
TOLERANCE = 1e-7


def smooth(objective: Objective, width: float) -> Gate:
    r"""Relu with its kink smoothed from inside.

    .. math:: s(m) = 0 \;(m \le 0), \qquad m^2 / 2\epsilon \;(0 \le m \le \epsilon), \qquad m - \epsilon/2 \;(m \ge \epsilon)

    A minimum that sits on a kink becomes a smooth one within [0, epsilon], so that a descent comes to rest there.
    """

    def gate(layer: Any, index: int) -> tuple[Any, Any]:
        epsilon = width * float(objective.units[index])
        inside = np.clip(layer, 0.0, epsilon)
        return np.maximum(layer - epsilon, 0.0) + inside * inside / (2 * epsilon), inside / epsilon

    return gate


def descend(objective: Objective, starts: Array, widths: tuple[float, ...] = WIDTHS, steps: int = STEPS) -> Array:
    """Minima of log f with the last smoothing, from starts (S, D) through all of ``widths``; rows that fail are nan."""
    points = starts
    for width in widths:
        points = lbfgs(_smoothed(objective, width), points, steps, TOLERANCE).x
    return points


def _smoothed(objective: Objective, width: float) -> BatchFunction:
    gate = smooth(objective, width)
    return lambda points, _: objective.log_value(points, gate)


def rescaled(objective: Objective, points: Array) -> Array:
    """Each point times the number, of a grid, at which f is least: else small starts fall to zero."""
    lengths = objective.usual_length * np.geomspace(0.2, 5.0, 25)
    stretched = points[:, None] / np.linalg.norm(points, axis=1)[:, None, None] * lengths[None, :, None]
    values = objective.value(stretched.reshape(-1, objective.size)).reshape(len(points), -1)
    best = np.argmin(np.where(np.isfinite(values), values, np.inf), axis=1)
    return np.asarray(stretched[np.arange(len(points)), best])

"""Descents through ever sharper kinks."""

from __future__ import annotations

from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

from optima.model import Array
from optima.relu.objective import Gate, Objective
from optima.search.descent import machine_code
from optima.search.lbfgs import BatchFunction, lbfgs

# Widths of the smoothed kink, in units of the typical pre-activation, and steps of descent at each.
WIDTHS = tuple(np.geomspace(0.3, 1e-3, 6).tolist())
STEPS = 150
# Widths after them, and steps at each, that bring a minimum as near to its kinks as rounding allows.
SHARP = tuple(np.geomspace(3e-4, 1e-8, 10).tolist())
LONG = 1000
TOLERANCE = 1e-7
# How far above the ceiling a smoothed loss is hopeless: in 24 problems of 3 to 10 classes, depths 2 to 5 and both
# losses the best minimum was lost three times at 1.15, once at 1.3, never at 1.5, which saves a quarter of the time.
HOPELESS = 1.5


def smooth(objective: Objective, width: float) -> Gate:
    r"""ReLU with its kink smoothed from inside.

    .. math::
        s(m) = 0 \;(m \le 0), \qquad m^2 / 2\epsilon \;(0 \le m \le \epsilon), \qquad
        m - \epsilon/2 \;(m \ge \epsilon)

    A minimum that sits on a kink becomes a smooth one within [0, epsilon], so that a descent comes to rest there.
    """

    def gate(layer: Any, index: int) -> tuple[Any, Any]:
        epsilon = width * float(objective.units[index])
        inside = np.clip(layer, 0.0, epsilon)
        return np.maximum(layer - epsilon, 0.0) + inside * inside / (2 * epsilon), inside / epsilon

    return gate


def descend(
    objective: Objective,
    starts: Array,
    widths: tuple[float, ...] = WIDTHS,
    steps: int = STEPS,
    ceiling: float = np.inf,
) -> Array:
    """Minima of log f with the last smoothing, from starts (S, D) through all of ``widths``; rows that fail are nan.

    Before the last smoothing a start whose f is above ``HOPELESS`` times the ceiling is left where it is. In machine
    code where numba is there; numpy, the slow reference, does the same one width after the other.
    """
    ceilings = np.array([*[HOPELESS * ceiling] * (len(widths) - 1), np.inf])
    compiled = _compiled()
    if compiled is not None:
        return np.asarray(compiled.descend(objective, starts, widths, steps, TOLERANCE, np.log(ceilings)))
    points, going = starts.copy(), np.arange(len(starts))
    for width, most in zip(widths, ceilings, strict=False):
        if not going.size:
            break
        end = lbfgs(_smoothed(objective, width), points[going], steps, TOLERANCE)
        points[going] = end.x
        going = going[end.value <= np.log(most)]
    return points


def sharpened(objective: Objective, points: Array) -> Array:
    """The points where kinks sharp almost as those of relu bring descents; a point that f rises from stays."""
    sharp = descend(objective, points, SHARP, LONG)
    lower = objective.value(sharp) < objective.value(points)
    return np.where(lower[:, None], sharp, points)


@cache
def _compiled() -> ModuleType | None:
    """The descents in machine code, where numba runs."""
    if machine_code() is None:
        return None
    from optima.relu import compiled

    return compiled


def _smoothed(objective: Objective, width: float) -> BatchFunction:
    gate = smooth(objective, width)
    return lambda points, _: objective.log_value(points, gate)


def rescaled(objective: Objective, points: Array) -> Array:
    """Each point times the number, of a grid, at which f is least: else small starts fall to zero."""
    lengths = objective.usual_length * np.geomspace(0.2, 5.0, 13)
    stretched = points[:, None] * (lengths / _lengths(points)[:, None])[:, :, None]
    values = objective.value(stretched.reshape(-1, objective.size)).reshape(len(points), -1)
    best = np.argmin(np.where(np.isfinite(values), values, np.inf), axis=1)
    return np.asarray(stretched[np.arange(len(points)), best])


def _lengths(points: Array) -> Array:
    """Norms (S,), of zeros one."""
    norms = np.linalg.norm(points, axis=1)
    return np.where(norms > 0, norms, 1.0)

"""Safeguarded Newton iteration on brackets, for arrays of scalar equations."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from optima.model import Array

Index = NDArray[np.intp]

# Newton doubles the digits in each step; bisection, the fallback, needs one step a bit.
MAX_STEPS = 200


def newton(function: Callable[[Array, Index], tuple[Array, Array]], low: Array, high: Array, start: Array) -> Array:
    """Solve h(x) = 0 in each bracket [low, high], with h >= 0 at low and h <= 0 at high.

    ``function(x, index)`` returns h and dh/dx at the points x of the equations numbered ``index``. A step
    that leaves its bracket is replaced by bisection. Converged when a step is within two units in the
    last place of x. All arrays have shape (P,).
    """
    low, high = low.copy(), high.copy()
    x = np.clip(start, low, high)
    active = np.arange(x.size)
    tolerance = 2 * np.finfo(float).eps
    for _ in range(MAX_STEPS):
        if not active.size:
            break
        point = x[active]
        h, slope = function(point, active)
        low[active] = np.where(h >= 0, point, low[active])
        high[active] = np.where(h <= 0, point, high[active])
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            step = -h / slope
        proposal = point + step
        inside = (proposal >= low[active]) & (proposal <= high[active])
        middle = 0.5 * (low[active] + high[active])
        moved = np.where(inside, proposal, middle)
        settled = tolerance * np.abs(point)
        done = (h == 0) | (np.abs(step) <= settled) | (np.abs(moved - point) <= settled)
        x[active] = np.where(h == 0, point, moved)
        active = active[~done]
    return x


def root_between(
    function: Callable[[float], float], low: float, high: float, noise: float, **tolerances: float
) -> float:
    """Solve h(x) = 0 between two ends at which h was seen to change sign, by Brent's method.

    An end at which h is within ``noise`` of zero is the root where, evaluated again, h does not change sign: rounding
    and searches differ between one evaluation and another. Raises ValueError where neither end is that close.
    """
    from scipy.optimize import brentq

    ends = {end: function(end) for end in (low, high)}
    nearest = min(ends, key=lambda end: abs(ends[end]))
    if ends[low] * ends[high] >= 0 and abs(ends[nearest]) <= noise:
        return nearest
    return float(brentq(function, low, high, **tolerances))

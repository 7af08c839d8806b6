"""Median and range of a few runs, as points with bars."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike


def median_and_range(values: ArrayLike) -> tuple[float, float, float]:
    """Median, least and largest: no interval of a few runs promises more."""
    array = np.asarray(values, dtype=float)
    return float(np.median(array)), float(array.min()), float(array.max())


def draw_medians(axes: Axes, places: ArrayLike, found: Sequence[ArrayLike], color: object, label: str) -> None:
    """Medians joined by a line, with bars from the least to the largest value."""
    middle, low, high = np.array([median_and_range(values) for values in found]).T
    errors = np.array([middle - low, high - middle])
    axes.errorbar(places, middle, errors, color=color, label=label, marker="o", markersize=4, capsize=2, linewidth=1.2)

"""Which cells of a sweep are near each other in depth and log lambda."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from optima.model import Array

Index = NDArray[np.intp]


def spread(depth: Array, reg: Array, count: int) -> Index:
    """Numbers of ``count`` cells far from each other: the middle one, then always the farthest from those chosen."""
    points = np.stack([_unit(np.log(depth)), _unit(np.log(reg))], axis=1)
    chosen = [int(np.argmin(np.sum((points - 0.5) ** 2, axis=1)))]
    distance = np.full(len(points), np.inf)
    for _ in range(min(count, len(points)) - 1):
        distance = np.minimum(distance, np.sum((points - points[chosen[-1]]) ** 2, axis=1))
        chosen.append(int(np.argmax(distance)))
    return np.array(chosen)


def neighbours(depth: Array, reg: Array) -> tuple[Index, Index]:
    """Pairs of neighbouring cells, each in both directions: two arrays of numbers.

    Neighbours are the next lambda at the same depth, and the nearest lambda at the next depth.
    """
    pairs: set[tuple[int, int]] = set()
    rows = [np.flatnonzero(depth == value) for value in np.unique(depth)]
    rows = [row[np.argsort(reg[row], kind="stable")] for row in rows]
    for row in rows:
        pairs |= set(pairwise(row.tolist()))
    for row, below in pairwise(rows):
        nearest = np.abs(np.log(reg[row])[:, None] - np.log(reg[below])).argmin
        pairs |= set(zip(row.tolist(), below[nearest(axis=1)].tolist(), strict=True))
        pairs |= set(zip(row[nearest(axis=0)].tolist(), below.tolist(), strict=True))
    pairs |= {(second, first) for first, second in pairs}
    both = np.array(sorted(pairs), dtype=np.intp).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def _unit(values: Array) -> Array:
    """Values moved to [0, 1]; one half where they are all equal."""
    width = np.ptp(values)
    return (values - values.min()) / width if width > 0 else np.full(len(values), 0.5)

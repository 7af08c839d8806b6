"""Facts about logits that need no name: rank, multiplicities of singular values, distinct margins."""

from __future__ import annotations

import numpy as np

from optima.model import Array
from optima.model.arrays import numerical_rank


def multiplicities(singular: Array, tolerance: float, rank: int | None = None) -> tuple[int, ...]:
    """Sizes of the groups of equal singular values (given in descending order), largest first; their sum is the rank.

    Beyond the ``rank``, or where that is not given up to ``tolerance`` times the largest, values count as zero, and
    values within ``tolerance`` times the largest of a common value as equal.
    """
    kept = singular[: numerical_rank(singular, tolerance) if rank is None else rank]
    return tuple(_group_sizes(-kept, 2 * tolerance * kept[0])) if kept.size else ()


def distinct_margins(means: Array, tolerance: float) -> int:
    """Number of distinct margins M_cc - M_c'c, c != c', of logits of shape (K, K).

    It is the least number of values such that every margin is within ``tolerance`` times the largest
    absolute margin of one of them.
    """
    return count_distinct((np.diagonal(means) - means)[~np.eye(len(means), dtype=bool)], tolerance)


def count_distinct(values: Array, tolerance: float) -> int:
    """Least number of values such that each one given is within ``tolerance`` times the largest of one of them."""
    ascending = np.sort(values)
    return len(_group_sizes(ascending, 2 * tolerance * float(np.abs(ascending[[0, -1]]).max())))


def _group_sizes(ascending: Array, width: float) -> list[int]:
    """Sizes of the fewest intervals of this width that cover all values, from the left."""
    sizes = []
    start = 0
    while start < ascending.size:
        stop = int(np.searchsorted(ascending, ascending[start] + width, side="right"))
        # Where the width is lost in rounding the value itself still counts.
        stop = max(stop, start + 1)
        sizes.append(stop - start)
        start = stop
    return sizes

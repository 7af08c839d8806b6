"""Which starts of K classes a separatrix is asked for: two singular values, of which one trails."""

from __future__ import annotations

import math

from optima.dynamics.one_pair import OnePair
from optima.dynamics.separatrix import TwoLevel, groups, paley


def levels(classes: int, size: int | None = None) -> TwoLevel | OnePair | None:
    """Groups of the given size or of the least possible one; primes 4 k + 1 ``paley``, 4 k + 3 one pair that trails.

    None where all singular values are equal (K = 2 and 3). Raises ValueError for sizes that do not divide K.
    """
    if size is not None:
        if not 2 <= size <= classes // 2 or classes % size:
            sizes = [q for q in range(2, classes // 2 + 1) if classes % q == 0]
            which = f"one of {', '.join(map(str, sizes))}" if sizes else "none: the number of classes is prime"
            raise ValueError(f"{classes} classes have no groups of {size}; pass {which}")
        return groups(classes, size)
    if classes < 4:
        return None
    least = next((q for q in range(2, math.isqrt(classes) + 1) if classes % q == 0), None)
    if least is not None:
        return groups(classes, least)
    return paley(classes) if classes % 4 == 1 else OnePair(classes)

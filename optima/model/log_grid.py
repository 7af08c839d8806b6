"""Values spaced evenly in the logarithm, which hit the round numbers on their way exactly."""

from __future__ import annotations

import math
from decimal import Context, Decimal, localcontext
from itertools import accumulate, repeat
from operator import mul

# Digits of the products, and of what is kept of them: round numbers come out round, some of which, such as 1e23, lie
# halfway between two floats.
PRODUCTS, KEPT = Context(prec=50), Context(prec=30)


def log_grid(low: float, high: float, count: int) -> list[float]:
    r"""Floats nearest to low^(1 - t) high^t at t = 0, 1 / (count - 1), ..., 1, both ends included.

    .. math:: x_i = \text{low}\, (\text{high} / \text{low})^{i / (\text{count} - 1)}

    The ends stand for the shortest decimals that are read as them, so that 1e-7 to 1e-1 meets 1e-4; where their ratio
    is a power of two they stand for themselves, so that 2^-100 to 2^-50 meets 2^-75. One value is ``low``.
    """
    low, high = float(low), float(high)
    if count == 1:
        return [low]
    exact = math.frexp(low)[0] == math.frexp(high)[0]
    with localcontext(PRODUCTS):
        first, last = (Decimal(end) if exact else Decimal(repr(end)) for end in (low, high))
        ratio = ((last / first).ln() / (count - 1)).exp()
        inner = [float(KEPT.plus(value)) for value in accumulate(repeat(ratio, count - 2), mul, initial=first)]
    return [low, *inner[1:], high]

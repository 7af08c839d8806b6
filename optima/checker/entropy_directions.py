r"""Cross-entropy of balanced classes in relu networks: what two directions cost in every layer, proved again.

.. math:: f \ge y + c \max(S_y^p,\ 2^{1-p} h(S_y, T_y)^p) \text{ at the fit } y \text{ of } f

with the sum S_y of singular values that a fit y needs, T_y that without the largest, and h(S, T) = S, or
2 sqrt(T (S - T)) where 2 T < S. All of them fall with y, so that a part [a, b] of fits costs at least a and the price
at b. Source: derivations/network_rank_two.py, section 6.
"""

from __future__ import annotations

from typing import Any

from optima.checker.arithmetic import Numbers
from optima.checker.instance import Instance
from optima.checker.verification import Refuted

# Parts that are looked at, and below what e^y - 1 counts as y e^y.
MOST, SMALL = 100_000, 1e-9


def entropy_directions(instance: Instance, wanted: float, numbers: Numbers) -> float:
    """``wanted``, where the least over all fits is at least that; else a value below it.

    Zero logits have no penalty: no more than their loss is ever proved, whatever rounding leaves of a price there.
    """
    if instance.classes < 3:
        raise Refuted("the bound by two directions needs three classes of cross-entropy")
    zero = instance.zero_fit(numbers)
    if wanted > numbers.high(zero):
        return entropy_directions(instance, numbers.low(zero), numbers)
    parts = [(0.0, numbers.high(zero))]
    for _ in range(MOST):
        low, high = parts.pop()
        if _value(instance, low, high, numbers) < wanted:
            middle = 0.5 * (low + high)
            if not low < middle < high:
                return 0.0
            found = _value(instance, middle, middle, numbers)
            if found < wanted:
                return found
            parts += [(low, middle), (middle, high)]
        if not parts:
            return wanted
    return 0.0


def _value(instance: Instance, low: float, high: float, numbers: Numbers) -> float:
    """A float not above f at the fits of a part."""
    K, number = instance.classes, numbers.number
    half, exponent = numbers.ratio(1, 2), numbers.ratio(2, instance.depth + 1)
    whole = (K - 1) * (numbers.log(number(K - 1)) - _log_expm1(number(high), numbers))
    rest = (2 - K) / numbers.power(number(K - 1), half) * _log_expm1(number(high) * numbers.ratio(K, K - 2), numbers)
    S, T = (max(numbers.low(each), 0.0) for each in (whole, rest))
    h = number(S) if 2 * T >= S else 2 * numbers.power(number(T) * (number(S) - number(T)), half)
    dearer = numbers.power(number(2), 1 - exponent) * numbers.power(h, exponent)
    price = max(numbers.low(numbers.power(number(S), exponent)), numbers.low(dearer))
    return numbers.low(number(low) + instance.strength * price)


def _log_expm1(y: Any, numbers: Numbers) -> Any:
    """log(e^y - 1), or a little more where rounding would spoil it."""
    return numbers.log(y) + y if numbers.high(y) < SMALL else numbers.log(numbers.exp(y) - 1)

"""The entropy of the shares of rivals, for one class."""

from __future__ import annotations

from typing import Any

from optima.checker.arithmetic import Numbers


def entropy(share: list[Any], rivals: Any, numbers: Numbers) -> Any:
    r"""-sum q log(q / mu) - (1 - sum q) log(1 - sum q) of the shares of the rivals."""
    total = numbers.number(0)
    value = numbers.number(0)
    for q in share:
        total = total + q
        if q != 0:
            value = value - q * numbers.log(q / rivals)
    return value - (1 - total) * numbers.log1p(-total)

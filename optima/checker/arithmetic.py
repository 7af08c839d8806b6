"""The two kinds of numbers that the checker computes with: floats, and balls that enclose the true value."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from operator import methodcaller
from typing import Any, TypeAlias

from optima.extras import needed

# Bits of the midpoints of balls.
PRECISION = 160


class Floats:
    """IEEE doubles: rounding is left out of account.

    Beyond operators and functions both kinds have ``number`` (a float or integer, exactly), the ``ratio`` of integers,
    the ``power`` of x >= 0, floats ``low`` and ``high`` not above and not below what a number stands for, and
    ``arithmetic``, the context in which to compute.
    """

    rigorous = False
    number = staticmethod(float)
    exp = staticmethod(math.exp)
    log = staticmethod(math.log)
    log1p = staticmethod(math.log1p)
    cos = staticmethod(math.cos)
    sin = staticmethod(math.sin)
    low = staticmethod(float)
    high = staticmethod(float)

    @staticmethod
    def ratio(above: int, below: int) -> float:
        """A rational number, rounded."""
        return above / below

    @staticmethod
    def power(x: float, exponent: float) -> float:
        """x^exponent for x >= 0."""
        return float(x**exponent)

    @contextmanager
    def arithmetic(self) -> Iterator[None]:
        """Nothing to prepare."""
        yield


class Balls:
    """Balls of python-flint. Raises ValueError when it is not installed."""

    rigorous = True
    exp, log, log1p = (staticmethod(methodcaller(name)) for name in ("exp", "log", "log1p"))
    cos, sin = (staticmethod(methodcaller(name)) for name in ("cos", "sin"))

    def __init__(self) -> None:
        self.flint: Any = needed("flint", "rigorous", ", or verify with intervals=False")

    def number(self, value: float) -> Any:
        """A float or integer, exactly."""
        return self.flint.arb(value)

    def ratio(self, above: int, below: int) -> Any:
        """A rational number."""
        return self.flint.arb(above) / below

    def power(self, x: Any, exponent: Any) -> Any:
        """x^exponent for x >= 0."""
        return self.number(0) if x == 0 else (exponent * x.log()).exp()

    def low(self, x: Any) -> float:
        """A float that is not above x."""
        value = float(x.lower())
        while math.isfinite(value) and not self.number(value) <= x:
            value = math.nextafter(value, -math.inf)
        return value if math.isfinite(value) else -math.inf

    def high(self, x: Any) -> float:
        """A float that is not below x."""
        return -self.low(-x)

    def arithmetic(self) -> Any:
        """Context with the precision of the balls."""
        return self.flint.ctx.workprec(PRECISION)


Numbers: TypeAlias = Floats | Balls

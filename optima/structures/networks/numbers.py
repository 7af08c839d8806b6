"""Numbers of networks, as floats or in sympy, and the least of a function of one of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

from optima.structures.base import Number

# Parameters are short fractions near the best value: within 1e-8, which a minimum forgives.
DENOMINATOR = 10**4


def root(value: Number, exact: bool) -> Number:
    """The square root of a nonnegative number."""
    if not exact:
        return math.sqrt(value)
    import sympy

    return sympy.sqrt(sympy.sympify(value))


def number(value: Fraction | int, exact: bool) -> Number:
    """A fraction as a float, or as a rational of sympy."""
    if not exact:
        return float(value)
    import sympy

    return sympy.Rational(value)


def best_fraction(function: Callable[[float], float], low: float, high: float) -> Fraction:
    """A fraction within 1e-8 of where a function with one minimum in [low, high] is least."""
    from scipy.optimize import minimize_scalar

    # Tolerances below the square root of the precision of floats change nothing.
    found = minimize_scalar(function, bounds=(low, high), method="bounded", options={"xatol": 1e-10})
    return Fraction(float(found.x)).limit_denominator(DENOMINATOR)

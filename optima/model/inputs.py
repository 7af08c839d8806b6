"""What a user passes: each value of its kind, or an error of one sentence that says what to pass instead."""

from __future__ import annotations

import math
import numbers
import operator
from collections.abc import Callable, Sequence
from decimal import Decimal
from difflib import get_close_matches

import numpy as np


def is_sequence(value: object) -> bool:
    """Whether a parameter was given as one value per factor or class, not as a single number."""
    listed = isinstance(value, Sequence) and not isinstance(value, (str, bytes, bytearray, memoryview))
    return listed or getattr(value, "ndim", 0) > 0


def _scalar(value: object) -> object:
    """An array without axes, of any library, as a scalar; every other value as it is."""
    if isinstance(value, np.ndarray):
        return value[()] if value.ndim == 0 else value
    alone = getattr(value, "ndim", None) == 0 and not isinstance(value, np.generic)
    return value.item() if alone and hasattr(value, "item") else value


# Largest integer parameter: up to here every integer is a float64.
LARGEST = 2**53


def positive_integer(name: str, value: object, minimum: int = 1) -> int:
    """``value`` as an int from ``minimum`` to 2^53, or an error that says what to pass."""
    value = _scalar(value)
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{name} is {shown(value)}; pass an integer of at least {minimum}") from None
    if isinstance(value, (bool, np.bool_)) or number < minimum:
        raise ValueError(f"{name} is {shown(value)}; pass an integer of at least {minimum}")
    if number > LARGEST:
        raise ValueError(f"{name} is {shown(value)}; pass an integer of at most {LARGEST}")
    return number


def positive_number(name: str, value: object, zero: bool = False) -> float:
    """``value`` as a positive finite float, with ``zero`` also as 0.0, or an error that says what to pass."""
    value = _scalar(value)
    real = isinstance(value, (numbers.Real, Decimal)) and not isinstance(value, (bool, np.bool_, np.timedelta64))
    if not real:
        raise TypeError(f"{name} is {shown(value)}; pass a positive finite number")
    try:
        number = float(value)  # type: ignore[arg-type]
    except OverflowError:
        number = math.inf
    if not ((number > 0 or (zero and value == 0)) and math.isfinite(number)):
        raise ValueError(f"{name} is {shown(value)}; pass a positive finite number")
    # Not minus zero.
    return number + 0.0


def one_of(name: str, value: object, allowed: Sequence[str]) -> None:
    """Raise a ValueError that lists the allowed values unless ``value`` is one of them."""
    if not (isinstance(value, str) and value in allowed):
        raise ValueError(f"{name} is {shown(value)}; pass one of {', '.join(map(repr, allowed))}")


def nearest(name: str, known: Sequence[str], canonical: Callable[[str], str] = str) -> str:
    """The known names most like this one, as ``canonical`` has them: ``a or b``, or nothing."""
    return " or ".join(dict.fromkeys(map(canonical, get_close_matches(name, known))))


def did_you_mean(name: str, known: Sequence[str], otherwise: str, canonical: Callable[[str], str] = str) -> str:
    """What a message says of an unknown name: the nearest ones, or ``otherwise``."""
    near = nearest(name, known, canonical)
    return f"did you mean {near}?" if near else otherwise


def shown(value: object) -> str:
    """``repr`` on one line, shortened, for messages."""
    try:
        text = " ".join(repr(value).split())
    except ValueError:
        # Python refuses to print integers of thousands of digits.
        text = "a huge number"
    return text if len(text) <= 80 else text[:77] + "..."

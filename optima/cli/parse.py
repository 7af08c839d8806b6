"""Numbers, ranges and lists as they are typed on the command line."""

from __future__ import annotations

import math
import re

from optima.model.inputs import positive_integer, shown
from optima.model.log_grid import log_grid

# Longest axis of a grid; a typo such as 2:1e12 would otherwise fill the memory.
LONGEST = 1_000_000


def real(text: str, name: str = "") -> float:
    """A number: ``0.001``, ``1e-3``, ``2^-10`` or ``2**-10``; whatever the name, the text says what is wrong."""
    match = re.fullmatch(r"\s*(-?)([^\^*]+?)\s*(?:\^|\*\*)\s*([^\^*]+?)\s*", text)
    try:
        if not match:
            return float(text)
        # The sign belongs to the power, not to its base.
        power = float(match[2]) ** float(match[3])
        return -power if match[1] else power
    except (ValueError, OverflowError, ZeroDivisionError, TypeError):
        raise ValueError(f"{text!r} is not a number; pass one such as 0.001, 1e-3 or 2^-10") from None


def positive_real(text: str, name: str, zero: bool = False) -> float:
    """A positive finite number, with ``zero`` also 0."""
    value = real(text)
    # What is too small for a float was not meant as zero.
    none = zero and value == 0 and not re.search("[1-9]", text)
    if not ((value > 0 or none) and math.isfinite(value)):
        raise ValueError(f"{name} is {' '.join(text.split())}; pass a positive finite number")
    return value


def integer(text: str, name: str, least: int) -> int:
    """An integer from ``least`` to 2^53."""
    try:
        value = int(text)
    except ValueError:
        raise ValueError(f"{name} is {shown(text)}; pass an integer of at least {least}") from None
    return positive_integer(name, value, least)


def integers(text: str, name: str, least: int) -> list[int]:
    """A comma list of integers and inclusive ranges ``a:b`` or ``a:b:step``, without repeats."""
    ranges = [_integer_range(part, name, least) for part in text.split(",")]
    _check_length(name, sum(map(len, ranges)))
    return list(dict.fromkeys(value for values in ranges for value in values))


def _check_length(name: str, count: int) -> None:
    if count > LONGEST:
        raise ValueError(f"{name} has a list of more than {LONGEST} values; pass a larger step or fewer ranges")


def _integer_range(part: str, name: str, least: int) -> range:
    texts = part.split(":")
    if len(texts) > 3:
        raise ValueError(f"{name} has the range {part!r}; pass a:b or a:b:step")
    pieces = [integer(text, name, least) for text in texts[:2]]
    pieces += [integer(text, f"the step of {name}", 1) for text in texts[2:]]
    low, high, step = (pieces[0], pieces[-1] if len(pieces) == 1 else pieces[1], pieces[2] if len(pieces) == 3 else 1)
    if high < low:
        raise ValueError(f"{name} has the reversed range {part!r}; pass {high}:{low} instead")
    if (high - low) // step >= LONGEST:
        raise ValueError(f"{name} has the range {part!r} of more than {LONGEST} values; pass a larger step")
    return range(low, high + 1, step)


def reals(text: str, name: str, zero: bool = False) -> list[float]:
    """A comma list of positive numbers (``zero``: also 0) and log-spaced ranges ``lo:hi:count``, without repeats."""
    ranges = [_real_range(part, name, zero) for part in text.split(",")]
    _check_length(name, sum(map(len, ranges)))
    return list(dict.fromkeys(value for values in ranges for value in values))


def _real_range(part: str, name: str, zero: bool) -> list[float]:
    pieces = part.split(":")
    if len(pieces) == 1:
        return [positive_real(part, name, zero)]
    if len(pieces) != 3:
        raise ValueError(f"{name} has the range {part!r}; pass lo:hi:count")
    low, high = (positive_real(piece, name) for piece in pieces[:2])
    count = integer(pieces[2], f"the count of {name}", 1)
    if high < low:
        swapped = ":".join(" ".join(piece.split()) for piece in (pieces[1], pieces[0], pieces[2]))
        raise ValueError(f"{name} has the reversed range {part!r}; pass {swapped} instead")
    if count > LONGEST:
        raise ValueError(f"{name} has the range {part!r} of more than {LONGEST} values; pass a smaller count")
    return log_grid(low, high, count)


def names(text: str | None) -> list[str] | None:
    """A comma list of names."""
    if text is None:
        return None
    return [name.strip() for name in text.split(",") if name.strip()]

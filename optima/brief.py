"""Objects in one short line, for the prompt of an interpreter: whatever their size, they do not fill the screen."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from reprlib import Repr
from typing import Any

import numpy as np

# The first few values of what is long.
_cut = Repr()
_cut.maxtuple = _cut.maxlist = _cut.maxdict = 8
_cut.maxstring = _cut.maxother = 200


def of_axis(values: Sequence[float]) -> str:
    """A list of values by its ends: ``2 to 20 (19 values)``."""
    if len(values) == 1:
        return f"{values[0]:.6g}"
    return f"{min(values):.6g} to {max(values):.6g} ({len(values)} values)"


def of_fields(thing: Any) -> str:
    """A dataclass as it is shown by default, with long values cut and arrays by their shape."""
    shown = ", ".join(f"{f.name}={_field(getattr(thing, f.name))}" for f in dataclasses.fields(thing) if f.repr)
    return f"{type(thing).__qualname__}({shown})"


def counted(count: int, what: str) -> str:
    """``1 run``, ``2 runs``."""
    return f"{count} {what}" + "s" * (count != 1)


def of_numbers(value: float | Iterable[float]) -> str:
    """One number, or several of which the middle ones are left out where they are many."""
    if isinstance(value, Iterable):
        each = [f"{number:.6g}" for number in value]
        return f"({', '.join(each if len(each) <= 4 else [*each[:2], '...', each[-1]])})"
    return f"{value:.6g}"


def _field(value: object) -> str:
    if isinstance(value, np.ndarray) and value.ndim:
        return f"array of shape {value.shape}"
    return _cut.repr(value) if isinstance(value, (tuple, list, dict, str)) else repr(value)

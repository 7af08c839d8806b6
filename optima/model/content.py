"""Results that hold arrays: equal where their contents are, and fit for sets and dictionaries."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np


class Content:
    """Base of frozen dataclasses (``eq=False``): ``==`` and ``hash`` go by the fields that have ``compare``.

    Arrays are equal when their shapes and all entries are, nan to nan; mappings when their items are.
    """

    def __eq__(self, other: object) -> bool:
        return self._content() == other._content() if isinstance(other, type(self)) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._content())

    def _content(self) -> tuple[Any, ...]:
        fields = dataclasses.fields(self)  # type: ignore[arg-type]
        return tuple(_comparable(getattr(self, field.name)) for field in fields if field.compare)


def _comparable(value: Any) -> Any:
    """The value in terms of hashable ones, the same for equal values."""
    if isinstance(value, np.ndarray):
        # Zeros of both signs are equal, and so are all kinds of nan.
        plain = np.where(np.isnan(value), np.nan, value + 0.0) if value.dtype.kind == "f" else value
        return value.shape, plain.dtype.str, plain.tobytes()
    if isinstance(value, Mapping):
        return frozenset((name, _comparable(each)) for name, each in value.items())
    if isinstance(value, (tuple, list)):
        return tuple(map(_comparable, value))
    return "nan" if isinstance(value, float) and value != value else value

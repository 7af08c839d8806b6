"""Batches: dataclasses of arrays whose first axis is over the same rows."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray


class Rows:
    """Base of dataclasses with arrays (N, ...), and parts that are such rows; other fields hold for all rows."""

    def take(self, rows: NDArray) -> Self:
        """Some of the rows."""
        return type(self)(*(_taken(value, rows) for value in vars(self).values()))

    def join(self, other: Self) -> Self:
        """The rows of both."""
        return type(self)(*map(np.concatenate, zip(vars(self).values(), vars(other).values(), strict=True)))


def _taken(value: Any, rows: NDArray) -> Any:
    if isinstance(value, tuple):
        return tuple(part.take(rows) for part in value)
    return value[rows] if isinstance(value, np.ndarray) else value.take(rows) if isinstance(value, Rows) else value

"""Eigenvalues with multiplicities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optima.model import Array
from optima.model.content import Content

# Rounding of an eigenvalue in closed form, in units of eps * the largest.
APART = 16.0


@dataclass(frozen=True, eq=False)
class Spectrum(Content):
    """Eigenvalues of a symmetric matrix, ascending, with their multiplicities: each once, up to rounding."""

    values: Array
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, parts: Sequence[tuple[ArrayLike, int]]) -> Spectrum:
        """From pairs of eigenvalues and the multiplicity that each of them has; multiplicities may be zero.

        Values that differ by rounding, some units in the last place of the largest, are one: that of most copies.
        """
        values = np.concatenate([np.atleast_1d(np.asarray(value, dtype=float)) for value, _ in parts])
        counts = np.concatenate([np.full(np.size(value), count, dtype=np.int64) for value, count in parts])
        kept = counts > 0
        order = np.argsort(values[kept], kind="stable")
        values, counts = values[kept][order], counts[kept][order]
        apart = np.flatnonzero(np.diff(values) > APART * np.finfo(float).eps * np.abs(values).max(initial=0.0)) + 1
        groups = list(zip(np.split(values, apart), np.split(counts, apart), strict=True))
        one = [float(value[np.argmax(count)]) for value, count in groups if value.size]
        return cls(np.array(one), np.array([count.sum() for _, count in groups if count.size], dtype=np.int64))

    def __repr__(self) -> str:
        return f"<Spectrum of {self.size} eigenvalues, {self.values.min():.6g} to {self.values.max():.6g}>"

    @property
    def size(self) -> int:
        """Number of eigenvalues."""
        return int(self.counts.sum())

    @property
    def least(self) -> float:
        """Smallest eigenvalue."""
        return float(self.values[0])

    @property
    def frobenius(self) -> float:
        """Frobenius norm."""
        return float(np.sqrt(np.sum(self.counts * self.values**2)))

    @property
    def spectral(self) -> float:
        """Largest absolute eigenvalue."""
        return float(np.max(np.abs(self.values)))

    @property
    def trace_norm(self) -> float:
        """Sum of the absolute eigenvalues."""
        return float(np.sum(self.counts * np.abs(self.values)))

    def zeros(self, tolerance: float = 1e-9) -> int:
        """Number of eigenvalues of size at most ``tolerance`` times the largest."""
        return int(self.counts[np.abs(self.values) <= tolerance * self.spectral].sum())

    def all(self) -> Array:
        """All eigenvalues, repeated by multiplicity, ascending."""
        return np.repeat(self.values, self.counts)

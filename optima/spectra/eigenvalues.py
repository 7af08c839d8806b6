"""Eigenvalues with their multiplicities, and how each is known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optima.model import Array
from optima.spectra.multiplicities import APART

CLOSED_FORM, SMALL_BLOCKS, DENSE, LANCZOS = "closed form", "small blocks", "dense", "Lanczos"
# Neighbours that differ by at most this share of themselves are one eigenvalue.
SAME = 1e-9
# Rounding of an eigenvalue, in units of order * eps * the largest.
ROUNDING = 4.0


@dataclass(frozen=True)
class Eigenvalue:
    """A value with its multiplicity, how it is known, and by how much it may be off.

    ``known`` is ``"closed form"``, ``"small blocks"`` (dense matrices of the order of the ranks), ``"dense"`` or
    ``"Lanczos"``; there an eigenvalue is within ``error``, the norm of the residual, of ``value``.
    """

    value: float
    multiplicity: int
    known: str
    error: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"value": self.value, "multiplicity": self.multiplicity, "known": self.known, "error": self.error}


def closed(parts: Iterable[tuple[float, int]], order: int, shift: float = 0.0) -> list[Eigenvalue]:
    """Eigenvalues in closed form, zeros up to ``order``, all moved by a shift; those apart by rounding are one."""
    kept = [(float(value), int(count)) for value, count in parts if count > 0]
    rounding = APART * float(np.finfo(float).eps) * max((abs(value) for value, _ in kept), default=0.0)
    kept.append((0.0, order - sum(count for _, count in kept)))
    found: list[tuple[float, int]] = []
    for value, count in sorted(kept, reverse=True):
        if found and found[-1][0] - value <= rounding:
            # The value of the larger multiplicity is the simpler one, and zero the simplest.
            (last, before), total = found[-1], found[-1][1] + count
            one = 0.0 if min(abs(last), abs(value)) == 0 else last if before > count else value
            found[-1] = (one, total)
        elif count:
            found.append((value, count))
    return [Eigenvalue(value + shift, count, CLOSED_FORM) for value, count in found]


def grouped(
    values: Array,
    known: str,
    order: int | None = None,
    shift: float = 0.0,
    counts: NDArray[np.int64] | None = None,
) -> list[Eigenvalue]:
    """Eigenvalues of a dense matrix, those that differ by rounding as one; zeros up to ``order``; moved by a shift.

    ``counts`` are their multiplicities, one if not given.
    """
    counts = np.ones(values.size, dtype=np.int64) if counts is None else counts
    down = np.argsort(-values, kind="stable")
    values, counts = values[down], counts[down]
    rounding = ROUNDING * max(values.size, 1) * float(np.finfo(float).eps) * float(np.abs(values).max(initial=0.0))
    values = np.where(np.abs(values) <= rounding, 0.0, values)
    apart = np.flatnonzero(-np.diff(values) > SAME * np.abs(values[1:]) + rounding) + 1
    groups = zip(np.split(values, apart), np.split(counts, apart), strict=True)
    parts = [(float(np.average(each, weights=times)), int(times.sum())) for each, times in groups if each.size]
    rest = 0 if order is None else order - int(counts.sum())
    found = [Eigenvalue(value, count, known, rounding) for value, count in [*parts, (0.0, rest)] if count]
    return together(found, shift)


def by_lanczos(values: Array, errors: Array, shift: float = 0.0) -> list[Eigenvalue]:
    """Eigenvalues with the norms of their residuals, those that differ by less taken together."""
    found: list[Eigenvalue] = []
    for value, error in zip(values.tolist(), errors.tolist(), strict=True):
        last = found[-1] if found else None
        if last is not None and last.value - value <= SAME * abs(value):
            found[-1] = Eigenvalue(last.value, last.multiplicity + 1, LANCZOS, max(last.error, error))
        else:
            found.append(Eigenvalue(value, 1, LANCZOS, error))
    return together(found, shift)


def together(eigenvalues: Sequence[Eigenvalue], shift: float = 0.0) -> list[Eigenvalue]:
    """Descending, with equal values that are known alike as one, all moved by ``shift``."""
    found: list[Eigenvalue] = []
    for each in sorted(eigenvalues, key=lambda each: -each.value):
        last = found[-1] if found else None
        if last is not None and (last.value, last.known) == (each.value, each.known):
            error = max(last.error, each.error)
            found[-1] = Eigenvalue(each.value, last.multiplicity + each.multiplicity, each.known, error)
        else:
            found.append(each)
    return [Eigenvalue(each.value + shift, each.multiplicity, each.known, each.error) for each in found]


def repeated(eigenvalues: Iterable[Eigenvalue]) -> Array:
    """All values, by multiplicity, descending."""
    eigenvalues = list(eigenvalues)
    return np.repeat([each.value for each in eigenvalues], [each.multiplicity for each in eigenvalues])

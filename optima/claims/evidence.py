"""What a claim yields while it is checked: cases, steps of a proof, open cases, remarks and exhibits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from optima.model import Array
from optima.presented import drawn_by

# The values of an axis.
Ints = Sequence[int]
Reals = Sequence[float]


class Cases:
    r"""Instances of a claim with the margin by which it holds there.

    .. math:: \text{the claim holds at a case} \iff \text{margin} \ge 0

    Parameters
    ----------
    margin
        One number, or an array of them. For claims of equality there is :func:`agreement`.
    witness
        Arrays that show the case (logits, factors), kept when it is a counterexample.
    at
        Where: named values that broadcast against the margins.
    """

    def __init__(self, margin: float | Array, witness: Mapping[str, Array] | None = None, **at: Any) -> None:
        self.margin = np.atleast_1d(np.asarray(margin, dtype=float)).ravel()
        shape = np.shape(margin) or (1,)
        self.at = {name: np.broadcast_to(np.asarray(value), shape).ravel() for name, value in at.items()}
        self.witness = dict(witness or {})

    def __len__(self) -> int:
        return self.margin.size

    def where(self, index: int) -> dict[str, Any]:
        """The named values of one case, as Python numbers and strings."""
        return {name: values[index].item() for name, values in self.at.items()}


def agreement(error: float | Array, tolerance: float) -> float | Array:
    """Margin of a claim of equality: 1 - error / tolerance, one where both sides agree and negative beyond it."""
    return 1 - np.asarray(error, dtype=float) / tolerance


@dataclass(frozen=True)
class Proof:
    """A step of a proof: ``check`` raises AssertionError when it does not go through."""

    step: str
    check: Callable[[], object]


@dataclass(frozen=True)
class Undecided:
    """A case that the method cannot decide: the ``reason`` in words, and ``at`` which values of the axes."""

    reason: str
    at: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Remark:
    """A sentence for the report: what was found beyond the claim. ``sharper`` marks what improves on the source."""

    text: str
    sharper: bool = False


@dataclass(frozen=True)
class Table:
    """Rows for the report: a ``title``, in ``head`` the names of the columns, in ``rows`` a value for each of them."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[Any]]


@dataclass(frozen=True)
class Lines:
    """Curves for the report: {label: (x, y)}."""

    title: str
    x: str
    y: str
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]]
    log: str = ""

    def plot(self, path: str | Path | None = None) -> Any:
        """The picture of the report: a matplotlib figure, written to a file too."""
        return drawn_by("claims.report.figure:draw", self, path)


@dataclass(frozen=True)
class Grid:
    """A map over two axes for the report: ``values[i, j]`` indexes ``labels``; -1 leaves a cell empty."""

    title: str
    x: str
    y: str
    columns: Sequence[Any]
    rows: Sequence[Any]
    values: Array
    labels: Sequence[str]
    text: Sequence[Sequence[str]] | None = None

    def plot(self, path: str | Path | None = None) -> Any:
        """The picture of the report: a matplotlib figure, written to a file too."""
        return drawn_by("claims.report.figure:draw", self, path)


Exhibit = Table | Lines | Grid
Evidence = Cases | Proof | Undecided | Remark | Table | Lines | Grid
Check = Callable[..., Iterator[Evidence]]

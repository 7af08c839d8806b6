"""The loss table: the optimal loss of every named structure over a grid of problems."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from optima import brief, html
from optima.extras import needed
from optima.limits import check_named
from optima.model import Array
from optima.model.arguments import several
from optima.model.inputs import one_of, positive_integer, positive_number
from optima.presented import drawn_by
from optima.proofs.one_direction import bounding_structures
from optima.scales.batch import best_of_structures
from optima.scales.scale import BestScales
from optima.structures import Structure, catalogue, check_names, families, known_as
from optima.tables.export import short

if TYPE_CHECKING:
    import pandas as pd

# Cells whose losses are held at once, at most.
BATCH = 1 << 14
# Their work, cells times margins of the structures, at most: expensive cells come a few at a time, so that they are
# written and a closed output is noticed. Whatever the number of cells, every K adds what its structures alone take.
WORK, ALONE = 1 << 19, 256

_INTEGERS = ("classes", "depth", "samples", "rank", "multiplicity", "multiplicity_2")
_TEXTS = ("winner", "runner_up")


def _kinds(names: str) -> dict[str, pa.DataType]:
    """The types of columns."""
    kind = lambda name: pa.int64() if name in _INTEGERS else pa.string() if name in _TEXTS else pa.float64()
    return {name: kind(name) for name in names.split()}


_KEYS = _kinds("classes depth reg samples")
_RESULTS = _kinds(
    "loss winner win_by runner_up rank scale scale_2 singular_value multiplicity singular_value_2 multiplicity_2 fit "
    "penalty lower_bound"
)


@dataclass(frozen=True)
class LossTable:
    r"""Optimal losses of named structures on the grid classes x depths x regs x samples.

    .. math:: V_s(K, L, \lambda, n) = \min_{a \ge 0} f_s(a),\qquad \text{winner} = \arg\min_s V_s

    Each cell has, in this order: its key; the ``loss`` of the ``winner``, by how much (``win_by``) it is
    below the ``runner_up`` (the best structure that is not the same one under another name; none where
    the zero logits win), its ``rank``, its ``scale`` and, where two blocks have their own, ``scale_2``; the
    nonzero singular values of Z in R^{K x Kn} with multiplicities; its ``fit`` and ``penalty``; a ``lower_bound``
    that no logits go below, named or not (:mod:`optima.proofs.one_direction`; exact for squared error); and one column
    ``loss_NAME`` for each family or structure asked for, which for a family is that of its best member (null where
    there is none at this K).

    Parameters
    ----------
    classes, depths, regs, samples
        Values along the axes of the grid, each several or one.
    loss
        ``"ce"`` or ``"mse"``.
    structures
        Names of families (``srg``) or structures (``srg-petersen``); None means every family of the loss.
    width
        Hidden width; structures of larger rank are left out.
    activation
        ``"linear"`` or ``"relu"``, where the structures are the named networks, from depth two on, and a cell of
        squared error has the scale u of :class:`optima.structures.base.Ridge`.

    Cells come in batches (:meth:`batches`), so a table of any size can be written in constant memory.

    Raises ValueError on a value out of range or an unknown structure.

    Examples
    --------
    >>> import optima
    >>> table = optima.LossTable([4, 10], [2], [1e-3])
    >>> [(row["classes"], row["winner"]) for row in table.to_arrow().to_pylist()]
    [(4, 'simplex'), (10, 'pairs')]
    """

    classes: Sequence[int]
    depths: Sequence[int]
    regs: Sequence[float]
    samples: Sequence[int] = (1,)
    loss: str = "ce"
    structures: Sequence[str] | None = None
    width: int | None = None
    activation: str = "linear"

    def __post_init__(self) -> None:
        one_of("loss", self.loss, ("ce", "mse"))
        one_of("activation", self.activation, ("linear", "relu"))
        for name, least in (("classes", 2), ("depths", 1), ("samples", 1)):
            values = tuple(positive_integer(name, value, least) for value in several(getattr(self, name)))
            object.__setattr__(self, name, values)
        if self.activation == "relu" and 1 in self.depths:
            raise ValueError(
                "depths has 1, and a network of one weight matrix has no relu: it is the linear model; pass depths "
                "from 2 on, or leave the activation out"
            )
        object.__setattr__(self, "regs", tuple(positive_number("regs", value) for value in several(self.regs)))
        for name in ("classes", "depths", "regs", "samples"):
            if not getattr(self, name):
                raise ValueError(f"{name} is empty; pass at least one value")
        check_named(max(self.classes))
        if self.width is not None:
            positive_integer("width", self.width)
        if self.structures is not None:
            object.__setattr__(self, "structures", several(self.structures))
            check_names(self.structures, self.classes, self.activation)

    def __repr__(self) -> str:
        axes = ("K", self.classes), ("L", self.depths), ("reg", self.regs), ("n", self.samples)
        where = ", ".join(f"{name} {brief.of_axis(values)}" for name, values in axes if values != (1,) or name != "n")
        relu = ", relu" if self.activation == "relu" else ""
        return f"<LossTable of {brief.counted(len(self), 'cell')}, {self.loss}{relu}: {where}>"

    def _repr_html_(self) -> str:
        cells: list[dict[str, Any]] = []
        for batch in self.batches():
            cells += batch.slice(0, html.ROWS - len(cells)).to_pylist()
            if len(cells) >= html.ROWS:
                break
        names = ("classes", "depth", "reg", "samples", "loss", "winner", "win_by", "runner_up", "rank", "lower_bound")
        rows = [[short(cell[name]) for name in names] for cell in cells]
        way = ".to_pandas() or .to_arrow()"
        return html.section(
            repr(self).strip("<>"), html.table(names, rows), html.more(len(self) - len(rows), "cells", way)
        )

    def __len__(self) -> int:
        return len(self.classes) * len(self.depths) * len(self.regs) * len(self.samples)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The families or structures with a column of their own."""
        if self.structures is None:
            return tuple(family.name for family in families(self.loss, self.activation))
        return tuple(dict.fromkeys(known_as(name, self.activation) for name in self.structures))

    @cached_property
    def schema(self) -> pa.Schema:
        """Names and types of the columns."""
        losses = {f"loss_{name}": pa.float64() for name in self.names}
        return pa.schema({**_KEYS, **_RESULTS, **losses}.items())

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The cells in the order classes, depths, samples, regs (the last varies fastest)."""
        axes = np.array(self.depths), np.array(self.samples), np.array(self.regs)
        shape = tuple(map(len, axes))
        inner = math.prod(shape)
        for columns in _together(map(self._column, self.classes), inner):
            step = min(BATCH, max(1, WORK // max(column.margins for column in columns) - ALONE))
            for start in range(0, inner, step):
                places = np.unravel_index(np.arange(start, min(start + step, inner)), shape)
                L, n, lam = (axis[place] for axis, place in zip(axes, places, strict=True))
                yield self._batch(columns, L, n, lam)

    def to_arrow(self) -> pa.Table:
        """All cells as one Arrow table."""
        return pa.Table.from_batches(self.batches(), self.schema)

    def to_pandas(self) -> pd.DataFrame:
        """All cells as a data frame indexed by (classes, depth, reg, samples). Needs the extra ``pandas``."""
        needed("pandas", "pandas")
        return self.to_arrow().to_pandas().set_index(list(_KEYS))

    def plot(self, path: str | Path | None = None) -> Any:
        """Who wins in every cell, and how far below collapse: a matplotlib figure, written to a file too.

        Raises ValueError for more than 2000 cells.
        """
        return drawn_by("plot.table:plot_table", self, path)

    def _batch(self, columns: Sequence[_Column], L: Array, n: Array, lam: Array) -> pa.RecordBatch:
        everything = [structure for column in columns for structure in column.structures]
        best = iter(best_of_structures(everything, L, lam, n, self.loss))
        rows = []
        for column in columns:
            groups = [[(structure, next(best)) for structure in group] for group in column.groups]
            rows.append(_cells(column.classes, L, n, lam, groups, self.names, self.loss))
            rows[-1]["lower_bound"] = np.min([next(best).loss for _ in column.bounding], axis=0)
        merged = {name: np.concatenate([row[name] for row in rows]) for name in self.schema.names}
        arrays = [_arrow(merged[field.name], field.type) for field in self.schema]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _column(self, classes: int) -> _Column:
        groups = [catalogue(classes, [name], self.loss, self.width, self.activation) for name in self.names]
        return _Column(classes, groups, bounding_structures(classes, self.loss, self.width, self.activation))


@dataclass(frozen=True)
class _Column:
    """What is solved at K classes: the members of each name, and the structures that bound the loss."""

    classes: int
    groups: list[list[Structure]]
    bounding: list[Structure]

    @property
    def structures(self) -> list[Structure]:
        return [structure for group in self.groups for structure in group] + self.bounding

    @cached_property
    def margins(self) -> int:
        """At least one, what the solution of one cell takes."""
        blocks = [block for structure in self.structures for block in structure.blocks()]
        return max(1, sum(len(orbit.margins) for block in blocks for orbit in block.orbits))


def _together(columns: Iterable[_Column], inner: int) -> Iterator[list[_Column]]:
    """Runs of columns whose cells, ``inner`` for each, are computed in one go."""
    run: list[_Column] = []
    work = 0
    for column in columns:
        more = column.margins * (inner + ALONE)
        if run and ((len(run) + 1) * inner > BATCH or work + more > WORK):
            yield run
            run, work = [], 0
        run.append(column)
        work += more
    yield run


def _cells(
    K: int,
    L: Array,
    n: Array,
    lam: Array,
    groups: list[list[tuple[Structure, BestScales]]],
    names: Sequence[str],
    loss: str,
) -> dict[str, np.ndarray]:
    """The columns of the cells with K classes."""
    size = L.size
    row: dict[str, np.ndarray] = {"classes": np.full(size, K), "depth": L, "reg": lam, "samples": n}
    for name, group in zip(names, groups, strict=True):
        least = np.min([best.loss for _, best in group], axis=0) if group else np.full(size, np.nan)
        # Infinite at depths at which there is none.
        row[f"loss_{name}"] = np.where(np.isinf(least), np.nan, least)
    candidates = _distinct([pair for group in groups for pair in group])
    row |= {name: np.full(size, np.nan) for name in _RESULTS}
    row["winner"] = row["runner_up"] = np.full(size, None, dtype=object)
    if candidates:
        row |= _winner(candidates, np.sqrt(n), loss)
    return row


def _distinct(candidates: list[tuple[Structure, BestScales]]) -> list[tuple[Structure, BestScales]]:
    """Candidates without those that are an earlier one under another name."""
    first: dict[object, tuple[Structure, BestScales]] = {}
    for structure, best in candidates:
        first.setdefault(structure.fingerprint, (structure, best))
    return list(first.values())


def _winner(candidates: list[tuple[Structure, BestScales]], root_samples: Array, loss: str) -> dict[str, np.ndarray]:
    """Who wins in each cell, by how much, and what the winner looks like."""
    size = root_samples.size
    cells = np.arange(size)
    losses = np.array([best.loss for _, best in candidates])
    # A structure at scale zero is the zero structure, and no rival to it.
    alive = np.array([best.scales.any(axis=0) if len(best.scales) else np.zeros(size, bool) for _, best in candidates])
    order = np.where(alive, losses, np.inf)
    first = np.argmin(losses, axis=0)
    won = alive[first, cells]
    order[first, cells] = np.inf
    second = np.argmin(order, axis=0)
    rival = won & np.isfinite(order[second, cells])
    zero = np.flatnonzero([structure.name == "zero" for structure, _ in candidates])
    if zero.size:
        # Without another rival the zero logits are the runner-up.
        second, rival = np.where(won & ~rival, zero[0], second), won
        first = np.where(won, first, zero[0])
    names = np.array([structure.name for structure, _ in candidates], dtype=object)
    out = {
        "loss": losses[first, cells],
        "winner": np.where(won, names[first], "zero"),
        "runner_up": np.where(rival, names[second], None),
        "win_by": np.where(rival, losses[second, cells] - losses[first, cells], np.nan),
    }
    shapes = [_description(structure, best, root_samples, loss) for structure, best in candidates]
    return out | {key: np.array([shape[key] for shape in shapes])[first, cells] for key in shapes[0]}


def _description(structure: Structure, best: BestScales, root_samples: Array, loss: str) -> dict[str, np.ndarray]:
    """Scales, rank, singular values, fit and penalty of one structure in each cell."""
    size = root_samples.size
    scales = np.full((2, size), np.nan)
    scales[: len(best.scales)] = best.scales
    pairs = [
        (root_samples * value, np.where(scale > 0, int(multiplicity), 0))
        for scale, block in zip(best.scales, structure.blocks(), strict=True)
        for value, multiplicity in block.singular_values(scale, loss)
    ]
    values = np.array([value for value, _ in pairs] + [np.zeros(size)] * (2 - len(pairs)))
    counts = np.array([count for _, count in pairs] + [np.zeros(size, int)] * (2 - len(pairs)))
    order = np.argsort(-values, axis=0, kind="stable")
    values, counts = np.take_along_axis(values, order, axis=0), np.take_along_axis(counts, order, axis=0)
    there = counts > 0
    value, count = np.where(there, values, np.nan), np.where(there, counts, np.nan)
    return {
        "rank": counts.sum(axis=0).astype(float),
        "scale": scales[0],
        "scale_2": scales[1],
        "singular_value": value[0],
        "multiplicity": count[0],
        "singular_value_2": value[1],
        "multiplicity_2": count[1],
        "fit": best.fit,
        "penalty": best.penalty,
    }


def _arrow(values: np.ndarray, kind: pa.DataType) -> pa.Array:
    """An Arrow array in which nan means null."""
    if values.dtype == object:
        return pa.array(values, kind)
    missing = np.isnan(values)
    if pa.types.is_integer(kind):
        values = np.where(missing, 0, values).astype(np.int64)
    return pa.array(values, kind, mask=missing)

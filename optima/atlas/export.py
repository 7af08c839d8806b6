"""An atlas as a table or as labelled arrays, without its logits."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa

from optima.atlas.record import Record
from optima.extras import needed
from optima.reduction import Reduction

# Rows of a batch.
BATCH = 1000

SCHEMA = pa.schema(
    [
        pa.field("classes", pa.int64(), nullable=False),
        pa.field("depth", pa.int64(), nullable=False),
        pa.field("reg", pa.float64(), nullable=False),
        pa.field("samples", pa.int64()),
        pa.field("width", pa.int64()),
        pa.field("objective", pa.string(), nullable=False),
        pa.field("loss", pa.float64(), nullable=False),
        pa.field("structure", pa.string(), nullable=False),
        pa.field("description", pa.string(), nullable=False),
        pa.field("rank", pa.int64(), nullable=False),
        pa.field("best_named_loss", pa.float64()),
        pa.field("lower_bound", pa.float64()),
        pa.field("regs", pa.string()),
        pa.field("class_sizes", pa.string()),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("known_by", pa.string(), nullable=False),
        pa.field("version", pa.string(), nullable=False),
        pa.field("seed", pa.int64(), nullable=False),
        pa.field("effort", pa.string(), nullable=False),
    ]
)


def row(record: Record) -> dict[str, Any]:
    """A record as a row: ``reg`` is the geometric mean where the factors differ, ``width`` None where it is free."""
    problem = record.problem
    return {
        "classes": problem.classes,
        "depth": problem.depth,
        "reg": Reduction(problem).reg,
        "samples": problem.samples if problem.balanced else None,
        "width": problem.width,
        "objective": problem.loss,
        "loss": record.loss,
        "structure": record.structure,
        "description": record.description,
        "rank": record.rank,
        "best_named_loss": None if math.isnan(record.named) else record.named,
        "lower_bound": None if record.certificate is None else record.certificate.lower,
        "regs": ",".join(map(repr, problem.reg)) if isinstance(problem.reg, tuple) else None,
        "class_sizes": ",".join(map(str, problem.samples)) if isinstance(problem.samples, tuple) else None,
        "kind": str(record.kind),
        "known_by": record.known_by,
        "version": record.version,
        "seed": record.seed,
        "effort": record.effort,
    }


def batches(records: Iterable[Record]) -> Iterator[pa.RecordBatch]:
    """The rows of an atlas, a thousand at a time."""
    rows = map(row, records)
    while part := list(islice(rows, BATCH)):
        yield pa.RecordBatch.from_pylist(part, schema=SCHEMA)


# Width of a cell whose rank nothing bounds, in arrays.
FREE = 0


def dataset(records: Iterable[Record]) -> Any:
    """Loss, rank, structure and bounds over (objective, classes, depth, reg, samples, width), as an xarray Dataset.

    Cells that the atlas lacks are nan, -1 or empty; width 0 stands for one that does not bound the rank.

    Raises ValueError when xarray is missing, and for cells with several regularisations or class sizes, which have
    no place on such a grid.
    """
    xarray = needed("xarray", "xarray")
    rows = [row(record) for record in records]
    if any(cell["regs"] or cell["class_sizes"] for cell in rows):
        raise ValueError("a cell has several regularisations or class sizes; pass --format csv or parquet instead")
    names = ("objective", "classes", "depth", "reg", "samples", "width")
    places = [tuple(FREE if cell[name] is None else cell[name] for name in names) for cell in rows]
    axes = {name: sorted({place[i] for place in places}) for i, name in enumerate(names)}
    where = [{value: i for i, value in enumerate(axis)} for axis in axes.values()]
    shape = tuple(len(axis) for axis in axes.values())
    arrays: dict[str, np.ndarray] = {
        "loss": np.full(shape, np.nan),
        "lower_bound": np.full(shape, np.nan),
        "best_named_loss": np.full(shape, np.nan),
        "rank": np.full(shape, -1),
        "structure": np.full(shape, "", dtype=object),
    }
    for place, cell in zip(places, rows, strict=True):
        at = tuple(index[value] for index, value in zip(where, place, strict=True))
        for name, array in arrays.items():
            if cell[name] is not None:
                array[at] = cell[name]
    return xarray.Dataset(
        {name: (names, array) for name, array in arrays.items()}, coords=axes, attrs={"source": "optima atlas export"}
    )

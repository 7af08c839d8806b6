"""An atlas, its minima and its runs of gradient descent, as tables or as labelled arrays, without the logits."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa

from optima.atlas.record import Record
from optima.atlas.trained import Trained
from optima.extras import needed
from optima.model import DeepUFM
from optima.reduction import mean_reg

# Rows of a batch.
BATCH = 1000

# The kinds of the columns of both tables that are not text.
KINDS = {
    pa.int64(): "classes depth samples width rank seed steps steps_taken polished_rank",
    pa.float64(): "reg loss best_named_loss lower_bound lr scale momentum tolerance relative_gradient polished_loss",
    pa.bool_(): "nesterov",
}


@dataclass(frozen=True)
class Rows:
    """A kind of table: its columns, and of an item the values that are not its attributes of that name."""

    schema: pa.Schema
    values: Callable[[Any], dict[str, Any]]

    @classmethod
    def of(cls, values: Callable[[Any], dict[str, Any]], columns: str, missing: str) -> Rows:
        """The table with these columns, of which some may have ``missing`` values."""
        kinds = {name: kind for kind, names in KINDS.items() for name in names.split()}
        absent = missing.split()
        fields = [pa.field(name, kinds.get(name, pa.string()), name in absent) for name in columns.split()]
        return cls(pa.schema(fields), values)

    def row(self, item: Any) -> dict[str, Any]:
        """One record or run, in the order of the columns."""
        values = self.values(item)
        return {name: values[name] if name in values else getattr(item, name) for name in self.schema.names}

    def batches(self, items: Iterable[Any]) -> Iterator[pa.RecordBatch]:
        """The rows, a thousand at a time."""
        rows = map(self.row, items)
        while part := list(islice(rows, BATCH)):
            yield pa.RecordBatch.from_pylist(part, schema=self.schema)


def _problem(problem: DeepUFM) -> dict[str, Any]:
    """What both tables say of a problem."""
    return {
        "classes": problem.classes,
        "depth": problem.depth,
        "samples": problem.samples if problem.balanced else None,
        "width": problem.width,
        "objective": problem.loss,
        "activation": problem.activation,
        "regs": ",".join(map(repr, problem.reg)) if isinstance(problem.reg, tuple) else None,
        "class_sizes": ",".join(map(str, problem.samples)) if isinstance(problem.samples, tuple) else None,
    }


def _of_record(record: Record) -> dict[str, Any]:
    return {
        **_problem(record.problem),
        "reg": mean_reg(record.problem),
        "best_named_loss": None if math.isnan(record.named) else record.named,
        "lower_bound": None if record.certificate is None else record.certificate.lower,
        "kind": str(record.kind),
    }


def _of_run(run: Trained) -> dict[str, Any]:
    return {
        **asdict(run.hyperparameters),
        **_problem(run.problem),
        "reg": mean_reg(run.problem),
        "steps_taken": run.steps,
        "relative_gradient": run.gradient,
        "polished_verdict": run.verdict,
    }


# One row for each cell: ``reg`` is the geometric mean where the factors differ, ``width`` None where it is free, and
# ``rank`` that of the logits, of relu networks the middle rank.
CELLS = Rows.of(
    _of_record,
    "classes depth reg samples width objective activation loss structure description rank best_named_loss lower_bound "
    "regs class_sizes kind known_by version seed effort",
    missing="samples width best_named_loss lower_bound regs class_sizes",
)
# One row for each run of gradient descent.
RUNS = Rows.of(
    _of_run,
    "classes depth reg samples width objective activation lr steps init scale momentum nesterov decay tolerance seed "
    "ending steps_taken loss relative_gradient structure rank polished_loss polished_structure polished_rank "
    "polished_verdict regs class_sizes version",
    missing="samples scale loss relative_gradient rank polished_loss polished_structure polished_rank polished_verdict "
    "regs class_sizes",
)

# Width of a cell whose rank nothing bounds, in arrays.
FREE = 0
# The arrays of a dataset, and what stands for a cell that the atlas lacks.
ARRAYS = {"loss": np.nan, "lower_bound": np.nan, "best_named_loss": np.nan, "rank": -1, "structure": ""}


def dataset(records: Iterable[Record]) -> Any:
    """Loss, rank, structure and bounds over (objective, classes, depth, reg, samples, width), as an xarray Dataset.

    And over (activation) where there are relu networks, whose rank is the middle rank.

    Cells that the atlas lacks are nan, -1 or empty; width 0 stands for one that does not bound the rank.

    Raises ValueError when xarray is missing, and for cells with several regularisations or class sizes, which have
    no place on such a grid.
    """
    xarray = needed("xarray", "xarray")
    rows = [CELLS.row(record) for record in records]
    if any(cell["regs"] or cell["class_sizes"] for cell in rows):
        raise ValueError("a cell has several regularisations or class sizes; pass --format csv or parquet instead")
    names = ["objective", "classes", "depth", "reg", "samples", "width"]
    if any(cell["activation"] == "relu" for cell in rows):
        names.append("activation")
    places = [tuple(FREE if cell[name] is None else cell[name] for name in names) for cell in rows]
    axes = {name: sorted({place[i] for place in places}) for i, name in enumerate(names)}
    where = [{value: i for i, value in enumerate(axis)} for axis in axes.values()]
    shape = tuple(len(axis) for axis in axes.values())
    arrays = {name: np.full(shape, gap, dtype=object if gap == "" else None) for name, gap in ARRAYS.items()}
    for place, cell in zip(places, rows, strict=True):
        at = tuple(index[value] for index, value in zip(where, place, strict=True))
        for name, array in arrays.items():
            if cell[name] is not None:
                array[at] = cell[name]
    return xarray.Dataset(
        {name: (names, array) for name, array in arrays.items()}, coords=axes, attrs={"source": "optima atlas export"}
    )

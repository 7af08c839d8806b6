"""The runs of gradient descent in an atlas as a table, without their logits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from itertools import islice
from typing import Any

import pyarrow as pa

from optima.atlas.export import BATCH
from optima.atlas.runs import mean_reg
from optima.atlas.trained import Trained

SCHEMA = pa.schema(
    [
        pa.field("classes", pa.int64(), nullable=False),
        pa.field("depth", pa.int64(), nullable=False),
        pa.field("reg", pa.float64(), nullable=False),
        pa.field("samples", pa.int64()),
        pa.field("width", pa.int64(), nullable=False),
        pa.field("objective", pa.string(), nullable=False),
        pa.field("activation", pa.string(), nullable=False),
        pa.field("lr", pa.float64(), nullable=False),
        pa.field("steps", pa.int64(), nullable=False),
        pa.field("init", pa.string(), nullable=False),
        pa.field("scale", pa.float64()),
        pa.field("momentum", pa.float64(), nullable=False),
        pa.field("nesterov", pa.bool_(), nullable=False),
        pa.field("decay", pa.string(), nullable=False),
        pa.field("tolerance", pa.float64(), nullable=False),
        pa.field("seed", pa.int64(), nullable=False),
        pa.field("ending", pa.string(), nullable=False),
        pa.field("steps_taken", pa.int64(), nullable=False),
        pa.field("loss", pa.float64()),
        pa.field("relative_gradient", pa.float64()),
        pa.field("structure", pa.string(), nullable=False),
        pa.field("rank", pa.int64()),
        pa.field("polished_loss", pa.float64()),
        pa.field("polished_structure", pa.string()),
        pa.field("polished_rank", pa.int64()),
        pa.field("polished_verdict", pa.string()),
        pa.field("regs", pa.string()),
        pa.field("class_sizes", pa.string()),
        pa.field("version", pa.string(), nullable=False),
    ]
)


def row(run: Trained) -> dict[str, Any]:
    """A run as a row: ``reg`` is the geometric mean where the factors differ."""
    problem, settings = run.problem, asdict(run.hyperparameters)
    return {
        **{name: settings[name] for name in SCHEMA.names if name in settings},
        "classes": problem.classes,
        "depth": problem.depth,
        "reg": mean_reg(problem),
        "samples": problem.samples if problem.balanced else None,
        "width": problem.width,
        "objective": problem.loss,
        "activation": problem.activation,
        "seed": run.seed,
        "ending": run.ending,
        "steps_taken": run.steps,
        "loss": run.loss,
        "relative_gradient": run.gradient,
        "structure": run.structure,
        "rank": run.rank,
        "polished_loss": run.polished_loss,
        "polished_structure": run.polished_structure,
        "polished_rank": run.polished_rank,
        "polished_verdict": run.verdict,
        "regs": ",".join(map(repr, problem.reg)) if isinstance(problem.reg, tuple) else None,
        "class_sizes": ",".join(map(str, problem.samples)) if isinstance(problem.samples, tuple) else None,
        "version": run.version,
    }


def batches(runs: Iterable[Trained]) -> Iterator[pa.RecordBatch]:
    """The runs as rows, a thousand at a time."""
    rows = map(row, runs)
    while part := list(islice(rows, BATCH)):
        yield pa.RecordBatch.from_pylist(part, schema=SCHEMA)

"""``optima loss``: one problem, every structure, all stationary scales."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

from optima.cli import options
from optima.cli.declared import choice
from optima.cli.terminal import say, show
from optima.model import DeepUFM
from optima.report.fit_width import columns_of
from optima.report.words import problem_words
from optima.tables.export import Form, chosen, open_sink

if TYPE_CHECKING:
    from optima.scales.losses import StructureLoss

COLUMNS = columns_of("<structure loss scale:2 rank:1 <singular_values_of_Z:3 fit:4 penalty:4 <other_scales:5")


TERMINAL = "terminal"


def loss(
    problem: options.AnyProblem,
    structures: options.Structures = None,
    format: Annotated[
        str, choice("terminal, csv, markdown or latex.", TERMINAL, "csv", "markdown", "latex", metavar="FORMAT")
    ] = TERMINAL,
    *,
    columns: options.Columns,
    as_json: options.AsJson = False,
) -> None:
    """Optimal loss of every named structure in one problem, with all stationary scales."""
    from optima.scales.losses import structure_losses

    model, form = problem.model, columns.typeset(format)
    if format == TERMINAL and columns.columns is not None:
        raise ValueError("--columns is for other formats; pass --format such as latex")
    if format != TERMINAL and as_json:
        raise ValueError("--json and --format are two formats; pass one of them")
    found = structure_losses(model, structures)
    if format != TERMINAL:
        _write(found, form, columns.columns)
    elif as_json:
        from optima.model.key import problem_dict

        entries = {name: entry.as_dict() for name, entry in found.items()}
        print(json.dumps({"problem": problem_dict(model), "structures": entries}, allow_nan=False))
    else:
        _print(model, found)


def _write(found: dict[str, StructureLoss], form: Form, columns: list[str] | None) -> None:
    """One row for each structure, to standard output."""
    import pyarrow as pa

    numbers = ("scale", "scale_2", "singular_value", "multiplicity", "singular_value_2", "multiplicity_2")
    kinds = {"structure": pa.string(), "rank": pa.int64(), "loss": pa.float64()}
    kinds |= {name: pa.int64() if "multi" in name else pa.float64() for name in numbers}
    whole = pa.schema({**kinds, "fit": pa.float64(), "penalty": pa.float64()}.items())
    schema = chosen(whole, columns)
    batch = pa.RecordBatch.from_pylist([_as_row(*each) for each in found.items()], whole)
    with open_sink(None, form, schema, sys.stdout.buffer) as sink:
        sink.write(batch.select(schema.names))


def _as_row(name: str, entry: StructureLoss) -> dict[str, Any]:
    best = entry.stationary[0]
    row: dict[str, Any] = {"structure": name, "rank": entry.rank, "loss": best.loss}
    for end, scale in zip(("", "_2"), best.scales, strict=False):
        row[f"scale{end}"] = scale
    for end, (value, count) in zip(("", "_2"), entry.singular_values, strict=False):
        row |= {f"singular_value{end}": value, f"multiplicity{end}": count}
    return row | {"fit": best.fit, "penalty": best.penalty}


def _print(problem: DeepUFM, found: dict[str, StructureLoss]) -> None:
    show(COLUMNS, [[name, *_cells(entry)] for name, entry in found.items()], problem_words(problem))
    ridge = problem.nonlinear and problem.loss == "mse"
    unit = "s^2/(lambda K)" if problem.balanced else "s^2 n/(lambda N), N the samples of all classes"
    factor = f"{unit}, s the factor of the last hidden layer" if ridge else "the factor of the structure's logits"
    say(
        f"scale: {factor} at which its loss is least, one for each block that has its own; other scales: where the "
        "loss is stationary too (its value there, and of which kind)"
    )


def _cells(entry: StructureLoss) -> list[str]:
    best, *others = entry.stationary
    singular = ", ".join(f"{value:.6g} x{count}" for value, count in entry.singular_values)
    stationary = "; ".join(f"{_scales(point.scales)} ({point.loss:.6g}, {point.kind})" for point in others)
    head = [f"{best.loss:.12g}", _scales(best.scales), str(entry.rank), singular]
    return [*head, f"{best.fit:.6g}", f"{best.penalty:.6g}", stationary]


def _scales(scales: tuple[float, ...]) -> str:
    return ", ".join(f"{scale:.6g}" for scale in scales) or "0"

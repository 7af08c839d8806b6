"""``optima loss``: one problem, every structure, all stationary scales."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from optima.cli import options, parse
from optima.cli.terminal import say, show
from optima.model import DeepUFM
from optima.report.screen import Column
from optima.report.words import problem_words
from optima.tables.export import Form, chosen, open_sink

if TYPE_CHECKING:
    from optima.scales.losses import StructureLoss

COLUMNS = (
    Column("structure", right=False),
    Column("loss"),
    Column("scale", 2),
    Column("rank", 1),
    Column("singular values of Z", 3, right=False),
    Column("fit", 4),
    Column("penalty", 4),
    Column("other scales", 5, right=False),
)


class Format(StrEnum):
    """Output formats."""

    terminal = "terminal"
    csv = "csv"
    markdown = "markdown"
    latex = "latex"


def loss(
    classes: options.Classes,
    depth: options.Depth,
    reg: options.Reg = None,
    reg_per_factor: options.RegPerFactor = None,
    samples: Annotated[str, typer.Option(metavar=options.INTEGER, help="Samples n per class.")] = "1",
    width: options.Width = None,
    loss: options.LossOption = options.Loss.ce,
    activation: options.Activation = "linear",
    structures: options.Structures = None,
    format: Annotated[
        Format, typer.Option(metavar="FORMAT", help="terminal, csv, markdown or latex.")
    ] = Format.terminal,
    columns: options.Columns = None,
    digits: options.Digits = None,
    caption: options.Caption = None,
    label: options.Label = None,
    as_json: options.AsJson = False,
) -> None:
    """Optimal loss of every named structure in one problem, with all stationary scales."""
    from optima.scales.losses import structure_losses

    size = parse.integer(samples, "samples", 1)
    problem = options.problem(classes, depth, reg, reg_per_factor, size, width, loss, activation)
    form = options.typeset(format.value, digits, caption, label)
    if format is Format.terminal and columns is not None:
        raise ValueError("--columns is for other formats; pass --format such as latex")
    if format is not Format.terminal and as_json:
        raise ValueError("--json and --format are two formats; pass one of them")
    found = structure_losses(problem, parse.names(structures))
    if format is not Format.terminal:
        _write(found, form, parse.names(columns))
    elif as_json:
        from optima.model.key import problem_dict

        print(json.dumps({"problem": problem_dict(problem), "structures": _as_dicts(found)}, allow_nan=False))
    else:
        _print(problem, found)


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


def _as_dicts(found: dict[str, StructureLoss]) -> dict[str, Any]:
    return {name: entry.as_dict() for name, entry in found.items()}


def _print(problem: DeepUFM, found: dict[str, StructureLoss]) -> None:
    show(COLUMNS, [[name, *_cells(entry)] for name, entry in found.items()], problem_words(problem))
    ridge = problem.activation == "relu" and problem.loss == "mse"
    factor = (
        "s^2/(lambda K), s the factor of the last hidden layer" if ridge else "the factor of the structure's logits"
    )
    say(
        f"scale: {factor} at which its loss is least, one for each block that has its own; "
        "other scales: where the loss is stationary too (its value there, and of which kind)"
    )


def _cells(entry: StructureLoss) -> list[str]:
    best, *others = entry.stationary
    singular = ", ".join(f"{value:.6g} x{count}" for value, count in entry.singular_values)
    stationary = "; ".join(f"{_scales(point.scales)} ({point.loss:.6g}, {point.kind})" for point in others)
    return [
        f"{best.loss:.12g}",
        _scales(best.scales),
        str(entry.rank),
        singular,
        f"{best.fit:.6g}",
        f"{best.penalty:.6g}",
        stationary,
    ]


def _scales(scales: tuple[float, ...]) -> str:
    return ", ".join(f"{scale:.6g}" for scale in scales) or "0"

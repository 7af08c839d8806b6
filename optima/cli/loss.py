"""``optima loss``: one problem, every structure, all stationary scales."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from optima.cli import options, parse
from optima.cli.terminal import say, show
from optima.model import DeepUFM
from optima.report.screen import Column
from optima.report.words import problem_words
from optima.solution import problem_dict
from optima.solve.cell import StructureLoss, structure_losses

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


def loss(
    classes: options.Classes,
    depth: options.Depth,
    reg: options.Reg = None,
    reg_per_factor: options.RegPerFactor = None,
    samples: Annotated[str, typer.Option(help="Samples n per class.")] = "1",
    width: options.Width = None,
    loss: options.LossOption = options.Loss.ce,
    structures: options.Structures = None,
    as_json: options.AsJson = False,
) -> None:
    """Optimal loss of every named structure in one problem, with all stationary scales."""
    size = parse.integer(samples, "samples", 1)
    problem = options.problem(classes, depth, reg, reg_per_factor, size, width, loss)
    found = structure_losses(problem, parse.names(structures))
    if as_json:
        print(json.dumps({"problem": problem_dict(problem), "structures": _as_dicts(found)}, allow_nan=False))
    else:
        _print(problem, found)


def _as_dicts(found: dict[str, StructureLoss]) -> dict[str, Any]:
    return {name: entry.as_dict() for name, entry in found.items()}


def _print(problem: DeepUFM, found: dict[str, StructureLoss]) -> None:
    show(COLUMNS, [[name, *_cells(entry)] for name, entry in found.items()], problem_words(problem))
    say(
        "scale: the factor of the structure's logits at which its loss is least, one for each block that has its own; "
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

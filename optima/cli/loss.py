"""``optima loss``: one problem, every structure, all stationary scales."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from optima.cli import options, parse
from optima.cli.terminal import console
from optima.export import short
from optima.model import DeepUFM

if TYPE_CHECKING:
    from optima.solve.cell import StructureLoss


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
    from optima.solve.cell import structure_losses

    size = parse.integer(samples, "samples", 1)
    problem = options.problem(classes, depth, reg, reg_per_factor, size, width, loss)
    found = structure_losses(problem, parse.names(structures))
    if as_json:
        from optima.solution import problem_dict

        print(json.dumps({"problem": problem_dict(problem), "structures": _as_dicts(found)}, allow_nan=False))
    else:
        _print(problem, found)


def _as_dicts(found: dict[str, StructureLoss]) -> dict[str, Any]:
    return {name: entry.as_dict() for name, entry in found.items()}


def _print(problem: DeepUFM, found: dict[str, StructureLoss]) -> None:
    table = Table(header_style="bold", title=_title(problem))
    table.add_column("structure", no_wrap=True)
    for head in ("loss", "scale", "rank"):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("singular values of Z", no_wrap=True)
    for head in ("fit", "penalty"):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("other stationary scales (loss, kind)")
    for name, entry in found.items():
        table.add_row(name, *_cells(entry))
    console().print(table)


def _title(problem: DeepUFM) -> str:
    reg = ", ".join(map(short, problem.reg)) if isinstance(problem.reg, tuple) else short(problem.reg)
    kind = "cross-entropy" if problem.loss == "ce" else "squared error"
    return f"{kind}, K = {problem.classes}, L = {problem.depth}, reg = {reg}, n = {problem.samples}"


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

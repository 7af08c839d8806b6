"""``optima solve``: the best minimum known of one problem."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from optima.cli import parse
from optima.cli.loss import regularisation
from optima.cli.table import Loss
from optima.model import DeepUFM


class Effort(StrEnum):
    """How hard to look."""

    quick = "quick"
    normal = "normal"
    thorough = "thorough"


def solve(
    classes: Annotated[str, typer.Option(help="Number of classes K.")],
    depth: Annotated[str, typer.Option(help="Number of weight matrices L.")],
    reg: Annotated[str | None, typer.Option(help="Regularisation lambda of every factor, e.g. 2^-10.")] = None,
    reg_per_factor: Annotated[
        str | None, typer.Option(help="L + 1 regularisations, comma-separated: W_1, ..., W_L, H.")
    ] = None,
    samples: Annotated[str, typer.Option(help="Samples n per class: one number, or K of them with commas.")] = "1",
    width: Annotated[str | None, typer.Option(help="Hidden width d, which bounds the rank; default wide.")] = None,
    loss: Annotated[Loss, typer.Option(help="Cross-entropy or squared error.")] = Loss.ce,
    seed: Annotated[str, typer.Option(help="Seed of the random starts.")] = "0",
    effort: Annotated[Effort, typer.Option(help="How hard to look.")] = Effort.normal,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    logits: Annotated[bool, typer.Option("--logits", help="With --json: the class-mean logits too.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Draw the logits and the code to this file.")] = None,
    save: Annotated[Path | None, typer.Option(help="Save the solution to this file (.npz).")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite existing files.")] = False,
) -> None:
    """Best minimum known over logits of every rank, with the ladder of ranks and how the loss is known."""
    from optima.solve.search import solve as search

    sizes = [parse.integer(part, "samples", 1) for part in samples.split(",")]
    problem = DeepUFM(
        parse.integer(classes, "classes", 2),
        parse.integer(depth, "depth", 1),
        regularisation(reg, reg_per_factor),
        sizes[0] if len(sizes) == 1 else tuple(sizes),
        None if width is None else parse.integer(width, "width", 1),
        loss.value,
    )
    for path in (plot, save):
        _check_output(path, force)
    tell = (lambda line: print(line, file=sys.stderr)) if sys.stderr.isatty() else None
    solution = search(problem, parse.integer(seed, "seed", 0), effort.value, progress=tell)
    if plot is not None:
        solution.plot(plot)
    if save is not None:
        solution.save(save)
    print(json.dumps(solution.as_dict(logits), allow_nan=False) if as_json else solution)


def _check_output(path: Path | None, force: bool) -> None:
    """Raise ValueError before any work when an output file could not be written afterwards."""
    if path is None:
        return
    if path.exists() and not force:
        raise ValueError(f"{path} exists; pass another name, or --force to overwrite it")
    if not path.parent.is_dir():
        raise ValueError(f"{path.parent} is not a folder; pass a file in an existing one")

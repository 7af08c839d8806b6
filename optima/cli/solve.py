"""``optima solve``: the best minimum known of one problem."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from optima.cli import options, parse
from optima.cli.progress import line
from optima.cli.terminal import width as screen_width


def solve(
    classes: options.Classes,
    depth: options.Depth,
    reg: options.Reg = None,
    reg_per_factor: options.RegPerFactor = None,
    samples: options.ClassSizes = "1",
    width: options.Width = None,
    loss: options.LossOption = options.Loss.ce,
    seed: options.Seed = "0",
    effort: options.EffortOption = options.Effort.normal,
    as_json: options.AsJson = False,
    logits: Annotated[bool, typer.Option("--logits", help="With --json: the class-mean logits too.")] = False,
    plot: Annotated[
        Path | None, typer.Option(metavar=options.FILE, help="Draw the logits and the code to this file.")
    ] = None,
    save: Annotated[
        Path | None, typer.Option(metavar=options.FILE, help="Save the solution to this file (.npz).")
    ] = None,
    force: options.Force = False,
) -> None:
    """Best minimum known over logits of every rank, with the ladder of ranks and how the loss is known."""
    from optima.certification import solve as search
    from optima.report.solution import solution_text

    problem = options.problem(classes, depth, reg, reg_per_factor, options.class_sizes(samples), width, loss)
    for path in (plot, save):
        options.check_output(path, force)
    if plot is not None:
        from optima.plot.picture import check_pictures

        check_pictures([plot])
    with line("searching") as tell:
        solution = search(problem, parse.integer(seed, "seed", 0), effort.value, progress=tell)
    if plot is not None:
        solution.plot(plot)
    if save is not None:
        solution.save(save)
    if as_json:
        print(json.dumps(solution.as_dict(logits), allow_nan=False))
    else:
        print(solution_text(solution, screen_width()))

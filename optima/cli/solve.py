"""``optima solve``: the best minimum known of one problem."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from optima.cli import options
from optima.cli.declared import file
from optima.cli.terminal import bar
from optima.cli.terminal import width as screen_width


def solve(
    problem: options.Problem,
    seed: options.Seed = 0,
    effort: options.Effort = "normal",
    as_json: options.AsJson = False,
    logits: Annotated[bool, typer.Option("--logits", help="With --json: the class-mean logits too.")] = False,
    plot: Annotated[Path | None, file("Draw the logits and the code to this file.")] = None,
    save: Annotated[Path | None, file("Save the solution to this file (.npz).")] = None,
    force: options.Force = False,
) -> None:
    """Best minimum known over logits of every rank, with the ladder of ranks and how the loss is known."""
    from optima.certification import solve as search
    from optima.report.solution import solution_text

    options.check_picture(plot, force)
    options.check_output(save, force)
    with bar("searching", known=False) as tell:
        solution = search(problem.model, seed, effort, progress=tell)
    if plot is not None:
        solution.plot(plot)
    if save is not None:
        solution.save(save)
    if as_json:
        print(json.dumps(solution.as_dict(logits), allow_nan=False))
    else:
        print(solution_text(solution, screen_width()))

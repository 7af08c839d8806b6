"""``optima certify``: the best minimum known, with a proof of how far the global one can be below it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from optima.cli import options, parse
from optima.cli.progress import bar, from_checkpoint, line, resumable
from optima.cli.terminal import say
from optima.cli.terminal import width as screen_width

if TYPE_CHECKING:
    from optima.checker import Verification


def certify(
    classes: options.Classes,
    depth: options.Depth,
    reg: options.Reg = None,
    reg_per_factor: options.RegPerFactor = None,
    samples: options.ClassSizes = "1",
    width: options.Width = None,
    loss: options.LossOption = options.Loss.ce,
    gap: Annotated[str, typer.Option(metavar=options.NUMBER, help="Relative gap at which the proof is done.")] = "1e-6",
    boxes: Annotated[
        str | None,
        typer.Option(
            metavar=options.INTEGER, help="Most boxes of the proof, by default 600000, or without limit with --minutes."
        ),
    ] = None,
    minutes: Annotated[
        str | None,
        typer.Option(
            metavar=options.NUMBER, help="Stop by the clock, after this time: the bound then depends on the machine."
        ),
    ] = None,
    memory: Annotated[str, typer.Option(metavar=options.NUMBER, help="Most memory of the proof, in GiB.")] = "4",
    seed: options.Seed = "0",
    effort: options.EffortOption = options.Effort.normal,
    verify: Annotated[bool, typer.Option("--verify", help="Check the certificate by independent code.")] = False,
    intervals: Annotated[
        bool, typer.Option("--intervals", help="Check it in interval arithmetic; searches at most three classes.")
    ] = False,
    checkpoint: Annotated[
        Path | None,
        typer.Option(metavar=options.FILE, help="Keep an interrupted proof here; the same command goes on from it."),
    ] = None,
    as_json: options.AsJson = False,
    save: Annotated[
        Path | None, typer.Option(metavar=options.FILE, help="Save solution and certificate to this file (.npz).")
    ] = None,
    force: options.Force = False,
) -> None:
    """Lower bound of the global minimum, as close to the best one known as the boxes allow."""
    from optima.certification import certify as prove
    from optima.proofs.branch_and_bound import BranchAndBound
    from optima.proofs.budget import budget_of
    from optima.proofs.gap import gap_of_search, relative_gap
    from optima.report.solution import solution_text
    from optima.search.ladder import search

    problem = options.problem(classes, depth, reg, reg_per_factor, options.class_sizes(samples), width, loss)
    if save is not None:
        options.check_output(save, force)
    aim, room = parse.positive_real(gap, "gap"), parse.positive_real(memory, "memory")
    most = None if boxes is None else parse.integer(boxes, "boxes", 1)
    limit = None if minutes is None else parse.positive_real(minutes, "minutes")
    gap_of_search(aim)
    budget = budget_of(most, room, limit)
    with line("searching") as now:
        solution = search(problem, parse.integer(seed, "seed", 0), effort.value, progress=now)
    way_on = from_checkpoint(checkpoint)
    with resumable(way_on), bar("certifying") as tell:

        def show(search: BranchAndBound) -> None:
            rate = search.size / max(search.seconds, 1e-9)
            reached = relative_gap(search.bound, solution.loss)
            words = f"bound {search.bound:.8g}, gap {reached:.1e}, {search.size} boxes, {rate:.0f}/s"
            tell(min(budget.spent(search), 1.0), 1.0, words)

        solution = prove(solution, aim, limit, room, checkpoint, show, intervals, most)
    checked = solution.certificate.verify(intervals) if verify or intervals else None
    if save is not None:
        solution.save(save)
    verdict = {} if checked is None else {"verified": bool(checked), "verification": _words(checked)}
    if as_json:
        print(json.dumps(solution.as_dict() | verdict, allow_nan=False))
    else:
        print(solution_text(solution, screen_width()))
        if checked is not None:
            say(f"{'verified' if checked else 'refuted':<10}{verdict['verification']}", 10)
    if checked is not None and not checked:
        raise typer.Exit(1)


def _words(checked: Verification) -> str:
    """The checker's answer without its own bounds, which are those printed or, by rounding, next to them."""
    if not checked:
        return str(checked)
    return f"this bound and this loss were proved again by separate code, {checked.how}"

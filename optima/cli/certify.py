"""``optima certify``: the best minimum known, with a proof of how far the global one can be below it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from optima.cli import options
from optima.cli.declared import choice, file, integer, number, typed
from optima.cli.terminal import bar, from_checkpoint, resumable, say
from optima.cli.terminal import width as screen_width

if TYPE_CHECKING:
    from optima.checker import Verification
    from optima.proofs.convex.comparison import Comparison
    from optima.proofs.invariant.certificate import InvariantCertificate
    from optima.solution import Solution


# The gap that is asked for, and the GiB that may be used, where nothing is said.
GAP, MEMORY = 1e-6, 4.0


@dataclass(frozen=True, kw_only=True)
class Problem(options.AnyProblem):
    """The model, whose classes a group may say."""

    classes: Annotated[Any, integer("Number of classes K; left out with --invariant.", least=2)] = None


def _check_unused(given: dict[str, bool], where: str) -> None:
    """Raise ValueError for an option that would be passed over in silence."""
    for name in (name for name, is_given in given.items() if is_given):
        raise ValueError(f"--{name} is not used {where}; leave it out")


def certify(
    problem: Problem,
    gap: Annotated[float, number("Relative gap at which the proof is done.")] = GAP,
    boxes: Annotated[
        int | None, integer("Most boxes of the proof, by default 600000, or without limit with --minutes.")
    ] = None,
    minutes: Annotated[
        float | None, number("Stop by the clock, after this time: the bound then depends on the machine.")
    ] = None,
    memory: Annotated[float, number("Most memory of the proof, in GiB.")] = MEMORY,
    seed: options.Seed = 0,
    effort: options.Effort = "normal",
    verify: Annotated[bool, typer.Option("--verify", help="Check the certificate by independent code.")] = False,
    intervals: Annotated[
        bool, typer.Option("--intervals", help="Check it in interval arithmetic; searches at most three classes.")
    ] = False,
    invariant: Annotated[
        tuple[int, ...] | None,
        typed(
            "GROUP",
            options.group_orders,
            "Search only logits invariant under a cyclic group of classes, such as 24, or a product, such as 4x6; "
            "nothing is proved of other logits.",
        ),
    ] = None,
    check_with: Annotated[
        str | None,
        choice(
            "Compare with a convex solver of others: the minimum at depth 1, else boxes of the proof.",
            "cvxpy",
            metavar="NAME",
        ),
    ] = None,
    checkpoint: Annotated[
        Path | None, file("Keep an interrupted proof here; the same command goes on from it.")
    ] = None,
    as_json: options.AsJson = False,
    save: Annotated[Path | None, file("Save solution and certificate to this file (.npz).")] = None,
    force: options.Force = False,
) -> None:
    """Lower bound of the global minimum, as close to the best one known as the boxes allow."""
    from optima.certification import certify as prove
    from optima.certification import solve
    from optima.proofs.budget import budget_of
    from optima.proofs.convex.comparison import check_comparable, compare
    from optima.proofs.gap import gap_of_search
    from optima.proofs.invariant.certificate import certify_invariant
    from optima.report.solution import solution_text
    from optima.search.ladder import search

    if problem.classes is None:
        if invariant is None:
            raise ValueError("Missing option '--classes'.")
        problem = replace(problem, classes=math.prod(invariant))
    model = problem.model
    options.check_output(save, force)
    gap_of_search(gap)
    unused = {"check-with": check_with is not None, "checkpoint": checkpoint is not None, "memory": memory != MEMORY}
    if invariant is not None:
        _check_unused({**unused, "effort": effort != "normal"}, "with --invariant")
        with bar("certifying", known=False) as tell:
            found = certify_invariant(model, invariant, gap, minutes, seed, tell, boxes)
        _answer(found, lambda limit: _invariant_text(found, limit), verify, intervals, as_json, save)
        return
    budget_of(boxes, memory, minutes)
    if model.nonlinear:
        unused |= {
            "minutes": minutes is not None,
            "boxes": boxes is not None,
            "gap": gap != GAP,
            "intervals": intervals,
        }
        _check_unused(unused, "with --activation relu, where no boxes are searched")
        with bar("searching", known=False) as tell:
            network = solve(model, seed, effort, progress=tell)
        _answer(network, lambda limit: solution_text(network, limit), verify, intervals, as_json, save)
        return
    if check_with is not None:
        check_comparable(model)
    with bar("searching", known=False) as tell:
        solution = search(model, seed, effort, progress=tell)
    way_on = from_checkpoint(checkpoint)
    with resumable(way_on), bar("certifying") as tell:
        solution = prove(solution, gap, minutes, memory, checkpoint, tell, intervals, boxes)
    compared = None
    if check_with is not None:
        with bar("comparing", known=False):
            compared = compare(solution.certificate)
    _answer(solution, lambda limit: solution_text(solution, limit), verify, intervals, as_json, save, compared)


def _answer(
    found: Solution | InvariantCertificate,
    text: Callable[[int | None], str],
    verify: bool,
    intervals: bool,
    as_json: bool,
    save: Path | None,
    compared: Comparison | None = None,
) -> None:
    """Check, save and print what was found; exit code 1 where a check refuses it."""
    certificate = found.certificate if hasattr(found, "certificate") else found
    checked = certificate.verify(intervals) if verify or intervals else None
    if save is not None:
        found.save(save)
    verdict = {} if checked is None else {"verified": bool(checked), "verification": _words(checked)}
    verdict |= {} if compared is None else {"check_with": compared.as_dict()}
    if as_json:
        print(json.dumps(found.as_dict() | verdict, allow_nan=False))
    else:
        print(text(screen_width()))
        if checked is not None:
            say(f"{'verified' if checked else 'refuted':<10}{verdict['verification']}", 10)
        if compared is not None:
            say(f"{'compared':<10}{compared}", 10)
    if (checked is not None and not checked) or not (compared is None or compared.agrees):
        raise typer.Exit(1)


def _invariant_text(found: InvariantCertificate, limit: int | None) -> str:
    """What is proved, among which logits."""
    from optima.report.fit_width import labelled, paragraph
    from optima.report.words import problem_words

    among = f"logits invariant under {found.group_name}"
    facts = [
        ("problem", problem_words(found.problem)),
        ("bound", f"{found.lower:.12g} (gap {found.gap:.2g} = 1 - bound / loss); {found.ended}"),
        ("time", f"{found.seconds:.2f} s"),
    ]
    lines = [
        f"best known among {among}: loss {found.upper:.12g}",
        f"proved only among {among}: none has a loss below {found.lower:.12g}",
        "nothing is proved of other logits: their loss may be lower",
    ]
    return "\n".join([*(paragraph(line, limit) for line in lines), "", *labelled(facts, limit)])


def _words(checked: Verification) -> str:
    """The checker's answer without its own bounds, which are those printed or, by rounding, next to them."""
    if not checked:
        return str(checked)
    return f"this bound and this loss were proved again by separate code, {checked.how}"

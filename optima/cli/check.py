"""``optima check``: theorems as checks."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from optima.cli import options, parse
from optima.cli.declared import file, word
from optima.cli.terminal import bar, say, show
from optima.progress import Part
from optima.report.fit_width import columns_of

if TYPE_CHECKING:
    from optima.claims import Claim, Outcome


COLUMNS = columns_of("<claim <verdict worst_margin:2 <at:4 <control:1 s:3")


def _claims(incomplete: str) -> list[str]:
    """The claims that begin with what has been typed, for the shell to complete."""
    from optima.claims.select import library

    names = [name for full in library() for name in (full.partition(".")[2], full)]
    return [name for name in names if name.startswith(incomplete)]


def check(
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="CLAIMS",
            help="Claims (theorem1), groups (garrod2025), a file of claims, a counterexample.",
            autocompletion=_claims,
        ),
    ] = None,
    classes: Annotated[str | None, word("K to check on: integers and ranges a:b[:step].", metavar="INTEGERS")] = None,
    depths: Annotated[str | None, word("L to check on: integers and ranges a:b[:step].", metavar="INTEGERS")] = None,
    regs: Annotated[str | None, word("lambda to check on: numbers and ranges lo:hi:count.", metavar="NUMBERS")] = None,
    deep: Annotated[bool, typer.Option("--deep", help="Larger domains, for as long as they take.")] = False,
    list_: Annotated[bool, typer.Option("--list", help="List the claims and their domains; check nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a list with one object for each claim.")] = False,
    report: Annotated[Path | None, file("Write a report, .md (with figures next to it) or .html.")] = None,
    counterexamples: Annotated[
        Path, word("Folder for the files that reproduce counterexamples.", metavar="FOLDER")
    ] = Path("."),
    run_claims: Annotated[
        bool, typer.Option("--run-claims", help="Run the Python file that a counterexample names.")
    ] = False,
    force: options.Force = False,
) -> None:
    """Check theorems: verdict, cases, worst margin, and whether a false neighbour is refuted.

    Exit code 0 when every verdict is the one recorded, also for a published statement recorded as refuted; 1 when one
    has changed, or a claim of your own does not hold.
    """
    from optima.claims import claims_of, run_all, write_counterexample
    from optima.claims.report import check_output, write_report

    claims, axes = claims_of(targets or [], run_claims)
    axes = {**axes, **_axes(claims, classes, depths, regs)}
    if list_:
        _list(claims, as_json)
        return
    if report is not None:
        check_output(report, force)
    if not counterexamples.is_dir():
        raise ValueError(f"{counterexamples} is not a folder; pass an existing one to --counterexamples")
    outcomes = []
    with bar("claims") as tell:
        for outcome in run_all(claims, axes, deep, tell):
            outcomes.append(outcome)
            tell(Part(len(outcomes), len(claims)))
    files = {o.claim.name: write_counterexample(o, counterexamples) for o in outcomes if o.finding.counterexamples}
    if as_json:
        print(json.dumps([outcome.as_dict() for outcome in outcomes], allow_nan=False, default=float))
    else:
        _show(outcomes, files)
    if report is not None:
        write_report(report, outcomes, _command(targets, classes, depths, regs, deep))
        print(f"report written to {report}", file=sys.stderr)
    if not all(outcome.good for outcome in outcomes):
        raise typer.Exit(1)


def _axes(
    claims: Sequence[Claim], classes: str | None, depths: str | None, regs: str | None
) -> dict[str, Sequence[Any]]:
    """The axes given on the command line. Raises ValueError when none of the claims has one of them."""
    given: dict[str, Sequence[Any]] = {}
    if classes is not None:
        given["classes"] = parse.integers(classes, "classes", 2)
    if depths is not None:
        given["depths"] = parse.integers(depths, "depths", 1)
    if regs is not None:
        given["regs"] = parse.reals(regs, "regs")
    for name in given:
        if not any(name in claim.axes for claim in claims):
            raise ValueError(f"none of these claims has the axis {name}; leave out --{name}, or see --list")
    return given


def _command(targets: list[str] | None, classes: str | None, depths: str | None, regs: str | None, deep: bool) -> str:
    parts = ["optima check", *(targets or [])]
    parts += [
        f"--{name} {value}" for name, value in (("classes", classes), ("depths", depths), ("regs", regs)) if value
    ]
    return " ".join([*parts, *(["--deep"] if deep else [])])


def _list(claims: Sequence[Claim], as_json: bool) -> None:
    if as_json:
        keys = ("name", "statement", "latex", "source", "how", "domain")
        rows = [{key: getattr(claim, key) for key in keys} | {"control": claim.control.statement} for claim in claims]
        print(json.dumps(rows))
        return
    for claim in claims:
        say(claim.name)
        entries = {
            "": claim.statement,
            "source: ": claim.source,
            "checked: ": claim.how,
            "domain: ": claim.domain,
            "false neighbour, to be refuted: ": claim.control.statement,
        }
        for label, text in entries.items():
            if text:
                say(f"    {label}{text}", 6)
    say(f"{len(claims)} claims; optima check NAME checks one of them, optima check without a name all")


def _show(outcomes: Sequence[Outcome], files: dict[str, Path]) -> None:
    show(COLUMNS, [_row(outcome) for outcome in outcomes])
    say("worst margin: the room left by the case that leaves least; control: a false neighbour of the claim")
    for outcome in outcomes:
        for sentence in _sentences(outcome):
            say(f"{outcome.claim.name}: {sentence}", 2)
    own = {outcome.claim.name for outcome in outcomes if outcome.claim.file is not None}
    for name, path in files.items():
        again = f"optima check {path}" + " --run-claims" * (name in own)
        say(f"{name}: the worst counterexample is in {path}; {again} runs it again", 2)
    changed = [outcome.claim.name for outcome in outcomes if not outcome.good]
    recorded = "every verdict is the one recorded" if not changed else "not as recorded: " + ", ".join(changed)
    say(f"{len(outcomes)} {'claim' if len(outcomes) == 1 else 'claims'}: {recorded}")


def _sentences(outcome: Outcome) -> Iterator[str]:
    """What the verdict means where it is not plain, and what was remarked."""
    finding = outcome.finding
    if finding.kind == "undecided":
        yield f"undecided: {finding.why}"
    elif finding.kind == "counterexample" and outcome.as_recorded:
        yield "refuted, as recorded: a finding about the published statement as we read it, not a failure of the check"
    elif not outcome.as_recorded:
        yield f"the verdict has changed; recorded is {outcome.claim.expected!r}"
    if outcome.control_words == "not refuted":
        yield "its false neighbour was not refuted, so that the check shows nothing"
    for remark in finding.remarks:
        yield remark.text


def _row(outcome: Outcome) -> list[str]:
    from optima.claims.report import shown_at, shown_number

    finding = outcome.finding
    margin, at, seconds = shown_number(finding.margin), shown_at(finding.at), f"{outcome.seconds:.1f}"
    return [outcome.claim.name, finding.verdict, margin, at, outcome.control_words, seconds]

"""Running claims: the statement, then its control."""

from __future__ import annotations

import inspect
import json
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optima.claims.claim import NOTHING, Axes, Claim
from optima.claims.evidence import Undecided
from optima.claims.verdict import COUNTEREXAMPLE, HOLDS, PROVED, Finding
from optima.files import read_json, write
from optima.model.inputs import LARGEST
from optima.progress import Tell, Words, silent

FORMAT = "optima counterexample 1"


@dataclass(frozen=True)
class Outcome:
    """A claim, what was found, and what was found about its control (None when the control was not run)."""

    claim: Claim
    axes: Axes
    finding: Finding
    control: Finding | None
    seconds: float

    def __str__(self) -> str:
        """What the command says of the claim, in a line."""
        verdict, cases, at = self.finding.verdict, self.finding.cases, self.finding.at
        counted = "" if str(cases) in verdict or not cases else f", {cases} cases"
        worst = f", least margin {self.finding.margin:.3g} at {at}" if at and math.isfinite(self.finding.margin) else ""
        control = f"control ({self.claim.control.statement}) {self.control_words}"
        return f"{self.claim.name}: {verdict}{counted}{worst}; {control}"

    def __repr__(self) -> str:
        return f"<Outcome {self.claim.name}: {self.finding.verdict}, control {self.control_words}>"

    @property
    def control_words(self) -> str:
        """``refuted``, ``not refuted`` or ``not run``."""
        if self.control is None:
            return "not run"
        return "refuted" if self.control.kind == COUNTEREXAMPLE else "not refuted"

    @property
    def as_recorded(self) -> bool:
        """Whether the verdict is the one on record; a counterexample need not lie on every part of the domain."""
        kind, expected = self.finding.kind, self.claim.expected
        part = any(tuple(values) != tuple(self.claim.axes[name]) for name, values in self.axes.items())
        return kind == expected or (expected == COUNTEREXAMPLE and part and kind in (PROVED, HOLDS))

    @property
    def good(self) -> bool:
        """Whether the verdict is the one on record, and the control is refuted."""
        return self.as_recorded and self.control_words == "refuted"

    def as_dict(self) -> dict[str, Any]:
        """For JSON: one entry of the list that ``optima check --json`` prints."""
        margin = self.finding.margin
        return {
            "claim": self.claim.name,
            "verdict": self.finding.verdict,
            "cases": self.finding.cases,
            "margin": margin if math.isfinite(margin) else None,
            "at": self.finding.at,
            "control": self.control_words,
            "seconds": self.seconds,
        }


def run(
    claim: Claim, axes: Axes = NOTHING, deep: bool = False, control: bool = True, progress: Tell[Words] = silent
) -> Outcome:
    """Check one claim on its axes, with those given in ``axes`` instead of its own, and then its control.

    Axes that the claim does not have are ignored. ``progress`` is told what is being checked and the number of cases
    so far.
    """
    began = time.perf_counter()
    own = {**claim.axes, **(claim.deep if deep else {})}
    own |= {name: tuple(values) for name, values in axes.items() if name in own}
    tell = lambda what: lambda count: progress(Words(f"{what}, {count} cases" if count else what))
    finding = _find(claim, own, {}, tell(claim.name))
    refuted = None
    if control:
        false = claim.control
        # The control is a fixed statement: the default axes of the claim with its own changes.
        axes = {**claim.axes, **false.axes}
        refuted = _find(claim, axes, false.options, tell(f"control of {claim.name}"), stop=True)
    return Outcome(claim, own, finding, refuted, time.perf_counter() - began)


def run_all(
    claims: Iterable[Claim], axes: Axes = NOTHING, deep: bool = False, progress: Tell[Words] = silent
) -> Iterator[Outcome]:
    """:func:`run` for several claims, one after another."""
    for claim in claims:
        yield run(claim, axes, deep, progress=progress)


def _find(
    claim: Claim, axes: Axes, options: Mapping[str, Any], tell: Callable[[int], None], stop: bool = False
) -> Finding:
    """The finding of a check; with ``stop`` it ends at the first counterexample."""
    finding = Finding(claim.proves)
    taken = inspect.signature(claim.check).parameters
    arguments = {name: tuple(values) for name, values in axes.items() if name in taken}
    evidence = claim.check(**arguments, **options)
    tell(0)
    try:
        for piece in evidence:
            finding.add(piece)
            tell(finding.cases)
            if stop and finding.counterexamples:
                break
    except Exception as error:
        # One broken check must not keep the others from running.
        finding.add(Undecided(f"the check raised {type(error).__name__}: {error}"))
    return finding


def write_counterexample(outcome: Outcome, folder: Path) -> Path:
    """Write the worst counterexample of a claim to a file that ``optima check FILE`` runs again.

    The file is JSON: the claim, the axes narrowed to the case, where it is, the margin and the witness.
    """
    path = folder / f"counterexample-{outcome.claim.name}.json"
    finding = outcome.finding
    narrowed = {name: [finding.at[name]] if name in finding.at else list(v) for name, v in outcome.axes.items()}
    if run(outcome.claim, narrowed, control=False).finding.kind != COUNTEREXAMPLE:
        # The claim compares values along an axis, so one value alone shows nothing.
        narrowed = {name: list(values) for name, values in outcome.axes.items()}
    data = {
        "format": FORMAT,
        "claim": outcome.claim.name,
        "file": str(outcome.claim.file.resolve()) if outcome.claim.file else None,
        "axes": narrowed,
        "at": finding.at,
        "margin": finding.margin,
        "witness": {name: array.tolist() for name, array in finding.witness.items()},
    }
    write(path, (json.dumps(data, indent=1, default=float) + "\n").encode())
    return path


def read_counterexample(path: Path) -> dict[str, Any]:
    """The content of a file written by :func:`write_counterexample`. Raises ValueError on any other file."""
    try:
        data = read_json(path)
    except FileNotFoundError:
        raise ValueError(f"{path} does not exist; pass a counterexample written by optima check") from None
    except ValueError:
        data = None
    if not (isinstance(data, dict) and data.get("format") == FORMAT and _well_formed(data)):
        raise ValueError(f"{path} is not a counterexample; pass a file written by optima check")
    return data


def _well_formed(data: dict[str, Any]) -> bool:
    """Whether a counterexample names a claim, perhaps a file, and values on axes."""
    axes = data.get("axes")
    values = list(axes.values()) if isinstance(axes, dict) else [None]
    plain = all(isinstance(row, list) and row and all(map(_plain, row)) for row in values)
    file = data.get("file")
    named = file is None or (isinstance(file, str) and "\0" not in file)
    return plain and named and isinstance(data.get("claim"), str)


def _plain(value: object) -> bool:
    """Whether a value can be one of an axis: text, a finite number, or a list of them."""
    if isinstance(value, list):
        return all(map(_plain, value))
    if isinstance(value, int):
        return abs(value) <= LARGEST
    return isinstance(value, str) or (isinstance(value, float) and math.isfinite(value))

"""The claims of the package, from the package, and the reports that ``optima check`` wrote."""

from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path

from optima.claims import Claim, library

INTRODUCTION = """# All claims

What is on trial, with the verdict on record; `optima check NAME` tries it again, and exits with 1 where the verdict is
another. [Theorems as checks](../claims.md) says how to read them.
"""
# Reports kept in examples/, and what they are called here.
REPORTS = {
    "claims": "Report: linear models",
    "claims_relu": "Report: ReLU networks",
    "claims_spectra_dynamics": "Report: spectra, dynamics, forecasts",
}


def pages(root: Path) -> dict[str, str]:
    """The list of claims, and a page for each report."""
    names = "\n".join(f"report-{name}" for name in REPORTS)
    listed = INTRODUCTION + f"\n```{{toctree}}\n:maxdepth: 1\n\n{names}\n```\n\n" + "\n\n".join(_groups())
    reports = {f"report-{name}.md": _report(root, name, title) for name, title in REPORTS.items()}
    return {"claims.md": listed + "\n", **reports}


def _groups() -> list[str]:
    claims = sorted(library().values(), key=lambda claim: claim.name)
    grouped = groupby(claims, key=lambda claim: claim.name.partition(".")[0])
    return [f"## {name}\n\n" + "\n\n".join(map(_entry, group)) for name, group in grouped]


def _entry(claim: Claim) -> str:
    formula = f"\n\n$${claim.latex}$$" if claim.latex else ""
    facts = [
        f"*On record*: {claim.expected}, by {claim.how}.",
        f"*Domain*: {_safe(claim.domain)}.",
        f"*Control*, refuted by the same check: {_safe(claim.control.statement.rstrip('.'))}.",
        f"*Source*: {_safe(claim.source)}.",
    ]
    return f"### {claim.name}\n\n{_safe(claim.statement)}{formula}\n\n" + "\\\n".join(facts)


def _safe(words: str) -> str:
    """Words in which no sign means markup."""
    return re.sub(r"([*_<>\[\]`|$\\])", r"\\\1", words)


def _report(root: Path, name: str, title: str) -> str:
    """A report with its links to the figures beside it."""
    text = (root / "examples" / f"{name}.md").read_text(encoding="utf-8")
    text = re.sub(r"^# .*", f"# {title}", text, count=1)
    # Stars of norms and optima in statements are no emphasis.
    text = re.sub(
        r"^(?!\$\$).*", lambda line: re.sub(r"(?<=[\w|])\*(?=[\w,^ ])", r"\*", line[0]), text, flags=re.MULTILINE
    )
    return re.sub(r"\]\((?=[\w.-]+\.(?:png|csv|json)\))", "](../../examples/", text)

"""The text of a report in Markdown."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from optima.claims.claim import brief
from optima.claims.evidence import Table
from optima.claims.run import Outcome
from optima.claims.verdict import COUNTEREXAMPLE, HOLDS, PROVED, UNDECIDED

MEANING = (
    "*Proved*: a written proof in derivations/ covers the whole statement, and its algebraic steps were run (sympy, "
    "exact or 50 digits) together with the cases. *Holds on N cases*: no case failed; where part of the statement is "
    "proved, the proof steps are listed. A margin is how much room a case leaves (negative: counterexample); for "
    "claims of equality it is one minus the error over its tolerance. A control is a false neighbour that the same "
    "code has to refute."
)


def markdown(outcomes: Sequence[Outcome], command: str, figures: Mapping[tuple[int, int], str]) -> str:
    """The report; ``figures`` maps (claim, exhibit) to the address of a picture."""
    parts = ["# Claims checked", f"Written by `{command}`.", headline(outcomes), MEANING, _summary(outcomes)]
    for number, outcome in enumerate(outcomes):
        parts.append(_section(number, outcome, figures))
    return "\n\n".join(parts) + "\n"


def headline(outcomes: Sequence[Outcome]) -> str:
    """How many claims have which verdict, and what turned out sharper."""
    count = Counter(outcome.finding.kind for outcome in outcomes)
    cases = sum(outcome.finding.cases for outcome in outcomes)
    refuted = sum(outcome.control_words == "refuted" for outcome in outcomes)
    words = {PROVED: "proved", HOLDS: "hold on every case", COUNTEREXAMPLE: "refuted", UNDECIDED: "undecided"}
    verdicts = ", ".join(f"{count[kind]} {words[kind]}" for kind in words if count[kind])
    lines = [
        f"{len(outcomes)} claims: {verdicts}. {cases:,} cases in all; {refuted} of {len(outcomes)} controls (false "
        f"neighbours) refuted by the same checks."
    ]
    for outcome in outcomes:
        if outcome.finding.kind in (COUNTEREXAMPLE, UNDECIDED):
            lines.append(f"* **{outcome.claim.name} {outcome.finding.verdict}**: {outcome.claim.statement}")
    for outcome in outcomes:
        lines += [f"* {outcome.claim.name}: {r.text}" for r in outcome.finding.remarks if r.sharper]
    return "\n".join([lines[0], "", *lines[1:]]).rstrip()


def _summary(outcomes: Sequence[Outcome]) -> str:
    rows = [
        [
            f"[{o.claim.name}](#{anchor(o.claim.name)})",
            o.finding.verdict,
            f"{o.finding.cases:,}",
            shown_number(o.finding.margin),
            shown_at(o.finding.at),
            o.control_words,
        ]
        for o in outcomes
    ]
    return table(["claim", "verdict", "cases", "worst margin", "at", "control (should be refuted)"], rows)


def anchor(name: str) -> str:
    """The address of a claim's section within the report."""
    return name.replace(".", "").lower()


def _section(number: int, outcome: Outcome, figures: Mapping[tuple[int, int], str]) -> str:
    claim, finding = outcome.claim, outcome.finding
    parts = [f"## {claim.name}", f"{claim.statement}"]
    if claim.latex:
        parts.append(f"$${claim.latex}$$")
    domain = ", ".join(f"{name} {brief(values)}" for name, values in outcome.axes.items()) or "one instance"
    facts = [
        f"* source: {claim.source}",
        f"* checked: {claim.how}",
        f"* grid: {domain}",
        f"* verdict: **{finding.verdict}**, {finding.cases:,} cases" + _worst(outcome),
        f"* control: {claim.control.statement}; {outcome.control_words}" + _control_at(outcome),
    ]
    facts += [f"* proof step: {step}" for step in finding.steps]
    if finding.kind == UNDECIDED:
        facts.append(f"* open: {finding.why}")
    facts += [f"* {'sharper: ' if remark.sharper else ''}{remark.text}" for remark in finding.remarks]
    parts.append("\n".join(facts))
    for place, exhibit in enumerate(finding.exhibits):
        if isinstance(exhibit, Table):
            rows = [[shown_number(v) if isinstance(v, float) else str(v) for v in row] for row in exhibit.rows]
            parts += [f"**{exhibit.title}**", table(exhibit.head, rows)]
        else:
            parts += [f"![{exhibit.title}]({figures[number, place]})", f"*{exhibit.title}*"]
    return "\n\n".join(parts)


def _worst(outcome: Outcome) -> str:
    finding = outcome.finding
    if math.isnan(finding.margin):
        return ""
    return f", worst margin {shown_number(finding.margin)} at {shown_at(finding.at) or 'the only case'}"


def _control_at(outcome: Outcome) -> str:
    """Where the control fails, and that it is no failure of the claim."""
    found = outcome.control
    wanted = ", as it should be" if outcome.control_words == "refuted" else ""
    if found is None or math.isnan(found.margin):
        return wanted
    return f" with margin {shown_number(found.margin)} at {shown_at(found.at) or 'the only case'}{wanted}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def shown_number(value: float) -> str:
    """A number to four digits; nothing for nan."""
    return "" if math.isnan(value) else f"{value:.4g}"


def shown_at(at: Mapping[str, Any]) -> str:
    """``K = 4, L = 2`` and so on."""
    short = {"classes": "K", "depths": "L", "regs": "lambda", "widths": "d", "samples": "n"}
    text = lambda value: f"{value:.4g}" if isinstance(value, float) else str(value)
    return ", ".join(f"{short.get(name, name)} = {text(value)}" for name, value in at.items())

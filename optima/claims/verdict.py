"""From evidence to a verdict."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from optima.claims.evidence import Cases, Evidence, Exhibit, Proof, Remark, Undecided
from optima.model import Array

PROVED, HOLDS, COUNTEREXAMPLE, UNDECIDED = "proved", "holds", "counterexample", "undecided"


@dataclass
class Finding:
    """The evidence for one statement, summed up.

    ``margin`` is the smallest margin of all cases and ``at`` where it was met; ``failed`` lists the steps of
    the proof that did not go through; ``counterexamples`` counts the cases with a negative margin, the worst of
    which has the arrays ``witness``.
    """

    proves: bool = False
    cases: int = 0
    counterexamples: int = 0
    margin: float = math.nan
    at: dict[str, Any] = field(default_factory=dict)
    witness: dict[str, Array] = field(default_factory=dict)
    steps: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    open: list[Undecided] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    exhibits: list[Exhibit] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """``proved``, ``holds``, ``counterexample`` or ``undecided``."""
        if self.counterexamples:
            return COUNTEREXAMPLE
        if self.failed or self.open or not (self.cases or self.steps):
            return UNDECIDED
        return PROVED if self.proves and self.steps else HOLDS if self.cases else UNDECIDED

    @property
    def verdict(self) -> str:
        """The kind in words, with the number of cases where nothing more is known."""
        return f"holds on {self.cases} cases" if self.kind == HOLDS else self.kind

    @property
    def why(self) -> str:
        """What is open when the verdict is ``undecided``."""
        if self.failed:
            return self.failed[0]
        if self.open:
            return self.open[0].reason
        return "no case of its domain lies on the grid"

    def add(self, evidence: Evidence) -> None:
        """Take one more piece of evidence into account. Raises TypeError when it is none."""
        if isinstance(evidence, Cases):
            self._add_cases(evidence)
        elif isinstance(evidence, Proof):
            self._add_step(evidence)
        elif isinstance(evidence, Undecided):
            self.open.append(evidence)
        elif isinstance(evidence, Remark):
            self.remarks.append(evidence)
        elif isinstance(evidence, Exhibit):
            self.exhibits.append(evidence)
        else:
            raise TypeError(f"a check yielded {type(evidence).__name__}; yield Cases, Proof, Undecided or an exhibit")

    def _add_cases(self, cases: Cases) -> None:
        if not len(cases):
            return
        self.cases += len(cases)
        unknown = np.flatnonzero(np.isnan(cases.margin))
        if unknown.size:
            self.open.append(Undecided("a margin is not a number", cases.where(int(unknown[0]))))
        self.counterexamples += int(np.sum(cases.margin < 0))
        known = np.where(np.isnan(cases.margin), np.inf, cases.margin)
        worst = int(np.argmin(known))
        if math.isnan(self.margin) or known[worst] < self.margin:
            self.margin, self.at, self.witness = float(known[worst]), cases.where(worst), cases.witness

    def _add_step(self, proof: Proof) -> None:
        try:
            proof.check()
        except AssertionError as error:
            self.failed.append(f"the step '{proof.step}' of the proof fails: {error}")
        else:
            self.steps.append(proof.step)

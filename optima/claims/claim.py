"""A claim: what is stated, where, how it is checked, and a false neighbour that the same check refutes."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any

from optima.claims.evidence import Check
from optima.claims.verdict import COUNTEREXAMPLE, HOLDS, PROVED
from optima.model.inputs import shown

# Values by axis.
Axes = Mapping[str, Sequence[Any]]
NOTHING: Axes = MappingProxyType({})
# Claims of the library by name, in the order of their definition.
REGISTRY: dict[str, Claim] = {}


@dataclass(frozen=True)
class Control:
    """A false statement near the claim: other options of the check, or other axes.

    The check of the claim, called with these, has to end in a counterexample.
    """

    statement: str
    options: Mapping[str, Any] = field(default_factory=dict)
    axes: Axes = field(default_factory=dict)


@dataclass(frozen=True)
class Claim:
    """A statement with its check.

    Attributes
    ----------
    name
        Such as ``garrod2025.theorem1``.
    statement, latex, source
        In words, as a formula, and where it is from.
    how
        In words: symbolic proof, exhaustive on a grid, sampled, by search.
    check
        A generator of evidence; takes the axes, and options with defaults, by keyword.
    control
        The false neighbour.
    axes, deep
        The values over which the claim is checked, by default and with more patience.
    proves
        Whether the proof steps of the check, when all go through, prove the whole statement.
    file
        The user's file it was read from, if any.
    recorded
        The kind of its verdict where that is on record as another than the one hoped for: ``counterexample`` for a
        published statement that is known to be refuted.
    """

    name: str
    statement: str
    latex: str
    source: str
    how: str
    check: Check
    control: Control
    axes: Axes = field(default_factory=dict)
    deep: Axes = field(default_factory=dict)
    proves: bool = False
    file: Path | None = None
    recorded: str = ""

    @property
    def expected(self) -> str:
        """The kind of the verdict on record: that of ``recorded``, else proved where there is a proof, else holds."""
        return self.recorded or (PROVED if self.proves else HOLDS)

    @property
    def domain(self) -> str:
        """The default axes in words."""
        return ", ".join(f"{name} {brief(values)}" for name, values in self.axes.items()) or "one instance"


def claim(
    name: str,
    *,
    statement: str,
    latex: str = "",
    source: str = "",
    how: str = "exhaustive on a grid",
    control: Control,
    axes: Axes = NOTHING,
    deep: Axes = NOTHING,
    proves: bool = False,
    recorded: str = "",
) -> Callable[[Check], Claim]:
    """Register the decorated generator as the check of a claim.

    The generator takes every axis by keyword (a tuple of values) and may have options with defaults, which
    the control overrides; it yields :class:`Cases`, :class:`Proof` steps and other evidence.

    Raises ValueError when the name is taken or not of the form ``word.word``, and when axes, options and
    the arguments of the generator do not match. Example: examples/my_claims.py.
    """

    def register(check: Check) -> Claim:
        made = Claim(
            name, statement, latex, source, how, check, control, dict(axes), dict(deep), proves, recorded=recorded
        )
        _check_form(made)
        if name in REGISTRY:
            raise ValueError(f"there is a claim {name!r} already; pass another name")
        REGISTRY[name] = made
        return made

    return register


def _check_form(made: Claim) -> None:
    if not (isinstance(made.name, str) and re.fullmatch(r"\w+(\.\w+)+", made.name)):
        raise ValueError(f"the name of a claim is {shown(made.name)}; pass one such as 'mine.rank_never_rises'")
    if not made.statement.strip():
        raise ValueError(f"{made.name} has no statement; pass the statement in words")
    if not isinstance(made.control, Control):
        raise TypeError(f"{made.name} has no control; pass control=Control(...), a false statement to be refuted")
    for axis, values in [*made.axes.items(), *made.deep.items(), *made.control.axes.items()]:
        if isinstance(values, str) or not isinstance(values, Collection) or not len(values):
            raise TypeError(f"{made.name} has the axis {axis} = {shown(values)}; pass a list of values")
    takes = set(inspect.signature(made.check).parameters)
    for kind, names in (
        ("axis", made.axes),
        ("deep axis", made.deep),
        ("axis of the control", made.control.axes),
        ("option of the control", made.control.options),
    ):
        for missing in sorted(set(names) - takes):
            raise ValueError(f"{made.name} has the {kind} {missing!r}; let its check take an argument of that name")
    if made.recorded not in ("", PROVED, HOLDS, COUNTEREXAMPLE):
        raise ValueError(
            f"{made.name} has recorded={shown(made.recorded)}; pass {PROVED!r}, {HOLDS!r} or {COUNTEREXAMPLE!r}"
        )
    if not (made.control.options or made.control.axes):
        raise ValueError(f"the control of {made.name} changes nothing; pass options or axes that make it false")


def brief(values: Sequence[Any]) -> str:
    """Values on one line: a range, or the first and last of many."""
    values = list(values)
    if len(values) > 1 and all(isinstance(v, int) for v in values):
        steps = {b - a for a, b in pairwise(values)}
        if steps == {1}:
            return f"{values[0]} to {values[-1]}"
    text = [f"{v:.4g}" if isinstance(v, float) else str(v) for v in values]
    return ", ".join(text) if len(text) <= 6 else f"{text[0]}, {text[1]}, ..., {text[-1]} ({len(text)} values)"

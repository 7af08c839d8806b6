"""What a comparison of a network with the predicted minima says."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from optima.model import Array, DeepUFM
from optima.model.content import Content
from optima.model.key import problem_dict
from optima.presented import drawn_by
from optima.reduction import Reduction
from optima.solution import Solution
from optima.structures.recognition import Recognition, recognise
from optima.tables.export import short

# Predicted losses that are listed; the others are counted.
LISTED = 6
# Singular values that are listed.
LISTED_VALUES = 12
BEST = "best known"


@dataclass(frozen=True, eq=False)
class Comparison(Content):
    """A network's class-mean logits among the minima of its problem.

    Attributes
    ----------
    problem, means
        The linear model, and M, shape (K, K), centred for cross-entropy.
    recognition
        What M is, and the nearest structures.
    cut
        How many of the largest singular values of M are best kept alone, and f at that truncation of M.
    data_loss, accuracy
        Mean cross-entropy or squared error of the samples, and the share of them that is classified right; of the
        class means where no samples were given.
    predicted
        Loss by name, least first: the named structures at their best scales, and ``best known``.
    collapse
        The name that deep neural collapse has: ``simplex``, or ``frame`` for squared error.
    solution
        The best minimum known; None where only named structures were looked at.
    measures, measured
        NC1, NC2, NC3, None where they cannot be had, and what they are of.
    notes
        Sentences on what was taken for granted.
    """

    problem: DeepUFM
    means: Array
    recognition: Recognition
    cut: tuple[int, float]
    data_loss: float
    accuracy: float
    predicted: Mapping[str, float]
    collapse: str
    solution: Solution | None
    measures: Mapping[str, float | None]
    measured: str
    notes: tuple[str, ...] = ()

    @cached_property
    def loss(self) -> float:
        """f(M): the least objective of weights and features with these class-mean logits."""
        return Reduction(self.problem).value(self.means)

    @cached_property
    def numerical_rank(self) -> int:
        """Rank of M up to rounding: what the penalty of the loss is of."""
        return Reduction(self.problem).rank(self.means)

    @property
    def rank(self) -> int:
        """Rank without noise: that of the structure within 2 %, or else the singular values above 2 % of the first."""
        return self.recognition.rank

    @cached_property
    def singular_values(self) -> Array:
        """Those of M diag(sqrt(n_c)) above rounding: of the logits of all samples, were they their class means."""
        s = np.linalg.svd(self.means * np.sqrt(self.problem.class_sizes), compute_uv=False)
        return np.asarray(s[s > 8 * len(s) * np.finfo(float).eps * s[0]], dtype=float)

    @property
    def forecast(self) -> Array | None:
        """The same of the best minimum known, as :func:`optima.forecast` has them; None where there was no search."""
        return None if self.solution is None else self.solution.singular_values

    @property
    def above_best(self) -> float:
        """loss / best known loss - 1."""
        return self.loss / self.predicted[BEST] - 1

    @property
    def below_collapse(self) -> float | None:
        """1 - loss / loss of deep neural collapse; None where the width does not allow that."""
        collapse = self.predicted.get(self.collapse)
        return None if collapse is None else 1 - self.loss / collapse

    @cached_property
    def best_structure(self) -> str:
        """What the best minimum known is: its name, or its rank and what it is nearest to."""
        best = self.solution
        assert best is not None
        return recognise(best.means, loss=self.problem.loss, rank=best.rank).called

    @property
    def best_means(self) -> Array:
        """Class-mean logits of the best minimum known."""
        assert self.solution is not None
        return self.solution.means

    @property
    def best_words(self) -> str:
        """What the least predicted loss is that of."""
        return "the best minimum known"

    def __str__(self) -> str:
        parts = [*self._headline(), "", *self._facts(), "", *self._standing(), "", *self._nearness(), *self._hints()]
        return "\n".join(parts)

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"

    def _headline(self) -> list[str]:
        text = f"Your network sits {away(self.above_best, self.best_words)} ({self.best_structure})"
        if self.below_collapse is not None:
            text += f" and {away(-self.below_collapse, 'deep neural collapse')} ({self.collapse})"
        return wrapped(f"{text}. {self._near_words()}.")

    def _near_words(self) -> str:
        near = self.recognition.nearest[0]
        return f"Nearest structure: {near.name}, distance {near.distance:.2g}"

    def _facts(self) -> list[str]:
        reduction = Reduction(self.problem)
        kept = reduction.admissible(self.means)
        return [
            *wrapped(f"problem   {self._problem_words()}"),
            f"loss      {self.loss:.8g} = {reduction.fit(kept):.6g} data + {reduction.penalty(self.means):.6g} weights",
            "          (the least that any weights with these class-mean logits cost)",
            self._samples_words(),
            f"rank      {self.rank} without singular values under 2 % of the largest, {self.numerical_rank} with them",
            self._collapse_words(),
            f"          ({self.measured}; 0 at deep neural collapse)",
        ]

    def _problem_words(self) -> str:
        problem = self.problem
        kind = "cross-entropy" if problem.loss == "ce" else "squared error"
        regs = ", ".join(map(short, problem.reg)) if isinstance(problem.reg, tuple) else short(problem.reg)
        low, high = min(problem.class_sizes), max(problem.class_sizes)
        sizes = short(low) if problem.balanced else f"{low} to {high}"
        return f"{kind}, K = {problem.classes}, L = {problem.depth}, lambda = {regs}, n = {sizes}"

    def _samples_words(self) -> str:
        return f"samples   data loss {self.data_loss:.6g}, {100 * self.accuracy:.4g} % classified right"

    def _collapse_words(self) -> str:
        measures = [f"{name.upper()} {value:.3g}" for name, value in self.measures.items() if value is not None]
        return f"collapse  {', '.join(measures)}"

    def _standing(self) -> list[str]:
        """Predicted losses, least first, with the network between them."""
        rows = [(loss, name) for name, loss in self.predicted.items() if name != self.best_structure]
        kept = [row for row in rows if row[1] in (BEST, self.collapse)]
        rest = [row for row in rows if row not in kept]
        room = LISTED - len(kept)
        own = (self.loss, "your network  <--")
        lines = [f"  {loss:<14.8g} {self._title(name)}" for loss, name in sorted([*kept, *rest[:room], own])]
        more = [f"  ({len(rest) - room} more structures: --json, or .predicted)"] if len(rest) > room else []
        return ["predicted loss", *lines, *more, *self._spectra()]

    def _spectra(self) -> list[str]:
        """Singular values of the logits, found beside those of the best minimum known."""
        if self.forecast is None:
            return []
        pairs = zip_longest(self.singular_values[:LISTED_VALUES], self.forecast[:LISTED_VALUES])
        show = lambda value: "" if value is None else f"{value:.6g}"
        lines = [f"  {show(found):<14} {show(expected)}".rstrip() for found, expected in pairs]
        more = max(self.singular_values.size, self.forecast.size) - LISTED_VALUES
        rest = [f"  ({more} more: --json)"] if more > 0 else []
        return ["", "singular values of the logits", "  found          forecast", *lines, *rest]

    def _title(self, name: str) -> str:
        if name == BEST:
            return f"{self.best_structure}: {self.best_words.removeprefix('the ')}"
        return f"{name}: deep neural collapse" if name == self.collapse else name

    def _nearness(self) -> list[str]:
        lines = [f"  {near.distance:<14.3g} {near.name}" for near in self.recognition.nearest]
        return ["distance from (relative, over all relabellings and scales)", *lines]

    def _hints(self) -> list[str]:
        hints = list(self.notes)
        if self.numerical_rank > self.problem.max_rank:
            hints.append(
                f"Logits of rank {self.numerical_rank} need a width of as much, and the problem has "
                f"{self.problem.width}: no network of that width has exactly this loss."
            )
        kept, loss = self.cut
        if kept < self.numerical_rank and loss < self.loss:
            excess = loss / self.predicted[BEST] - 1
            hints.append(
                f"Small singular values are costly: with the {kept} largest alone the loss is {loss:.8g}, "
                f"{away(excess, 'the best minimum known')}."
            )
        return ["", *(line for hint in hints for line in wrapped(hint))] if hints else []

    def as_dict(self) -> dict[str, Any]:
        """For JSON: the object that ``optima compare --json`` prints."""
        return {
            "problem": problem_dict(self.problem),
            "loss": self.loss,
            "truncated_rank": self.cut[0],
            "truncated_loss": self.cut[1],
            "data_loss": self.data_loss,
            "accuracy": self.accuracy,
            "rank": self.rank,
            "numerical_rank": self.numerical_rank,
            "structure": self.recognition.name,
            "singular_values": self.singular_values.tolist(),
            "forecast_singular_values": None if self.forecast is None else self.forecast.tolist(),
            "nearest": [near._asdict() for near in self.recognition.nearest],
            "predicted": dict(self.predicted),
            "best_structure": self.best_structure if self.solution is None else self.solution.structure,
            "above_best": self.above_best,
            "below_collapse": self.below_collapse,
            **self.measures,
            "measured": self.measured,
            "notes": list(self.notes),
        }

    def plot(self, path: str | Path | None = None) -> Any:
        """The logits beside those of the best minimum known, classes in one order; a matplotlib figure."""
        return drawn_by("plot.comparison:plot_comparison", self, path)


def away(excess: float, where: str) -> str:
    """``3.1 % above the best minimum known``."""
    if abs(excess) < 5e-7:
        return f"at {where}"
    if excess > 1:
        return f"at {1 + excess:.3g} times {where}"
    return f"{100 * abs(excess):.2g} % {'above' if excess > 0 else 'below'} {where}"


def wrapped(text: str) -> list[str]:
    """Lines of 79 characters; no name or number is broken."""
    return textwrap.wrap(text, 79, break_long_words=False, break_on_hyphens=False)

"""What theory predicts for a problem, and how often training ended at which structure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from optima import brief, html
from optima.model import DeepUFM
from optima.model.arguments import takes_model
from optima.model.content import Content
from optima.presented import drawn_by
from optima.scales.collapse_loss import collapse_loss
from optima.scales.losses import structure_losses
from optima.search.ladder import search
from optima.training.run import Run, runs_table

# Name of the least loss over all logits in a table of predictions, and of the bound for relu networks.
GLOBAL, BOUND = "global", "dnc"
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Share:
    """How many of some runs ended at a structure: the fraction and its Wilson interval at 95 %."""

    structure: str
    count: int
    total: int

    @property
    def fraction(self) -> float:
        """count / total."""
        return self.count / self.total

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's score interval at 95 %."""
        # Imported when needed: it takes a good part of the time of `import optima`.
        from scipy.stats import binomtest

        bounds = binomtest(self.count, self.total).proportion_ci(CONFIDENCE, method="wilson")
        return float(bounds.low), float(bounds.high)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        low, high = self.interval
        return {"count": self.count, "total": self.total, "fraction": self.fraction, "low": low, "high": high}


def shares(structures: Iterable[str]) -> dict[str, Share]:
    """One share for each structure among the names of the ends of some runs, the most frequent first."""
    counts = Counter(structures)
    return {name: Share(name, count, counts.total()) for name, count in counts.most_common()}


@takes_model()
def predict(problem: DeepUFM, effort: str = "quick") -> dict[str, float]:
    r"""Losses to hold a run against, by name.

    Linear: every named structure at its best scales (classes of equal size), and ``global``, the least loss that
    :func:`optima.solve` finds. ReLU: every named network at its best scales, among them ``collapse``; for cross-entropy
    and classes of equal size also ``dnc``, a bound from below on the loss of deep neural collapse,

    .. math:: \min_a \log(1 + (K-1) e^{-a}) + \tfrac{L+1}{2} \lambda (K-1) (a \sqrt n)^{2/(L+1)}

    which is the simplex loss of the linear model and below that of ``collapse``. The comparison in Theorem 7 of
    garrod2025, under its assumption on global means, is with this penalty: its condition 2K + 4 < (K-1)
    2^{2(L-1)/(L+1)} ((K+2)/K)^{3/(L+1)} says that its construction costs less than
    (L+1)/2 lambda (K-1) (a sqrt n)^{2/(L+1)} at the same scale a. Without regularisation the result is empty.
    """
    named: dict[str, float] = {}
    if not any(problem.regs):
        # No loss is the least one.
        return named
    if problem.balanced or problem.nonlinear:
        named = {name: entry.loss for name, entry in structure_losses(problem).items()}
    if problem.nonlinear:
        return {**named, **_collapse_bound(problem)}
    return {**named, GLOBAL: search(problem, effort=effort).loss}


def _collapse_bound(problem: DeepUFM) -> dict[str, float]:
    if not problem.balanced or problem.loss != "ce":
        return {}
    least = collapse_loss(replace(problem, activation="linear", width=None))
    return {} if least is None else {BOUND: least}


@dataclass(frozen=True, eq=False)
class Comparison(Content):
    """Runs of one problem against the predicted losses.

    ``shares`` counts where descent stopped and ``polished_shares`` where it was heading for (empty before
    polishing); diverged runs are counted under ``"diverged"``.
    """

    problem: DeepUFM
    lr: float
    runs: tuple[Run, ...]
    predicted: dict[str, float]

    def __repr__(self) -> str:
        counts = f"{brief.counted(len(self.runs), 'run')}, {len(self.predicted)} predicted losses"
        return f"<Comparison {self.problem.summary} lr={self.lr:g}: {counts}>"

    def _repr_html_(self) -> str:
        predicted = sorted(self.predicted.items(), key=lambda item: item[1])
        return html.section(
            f"Training at {self.problem.summary}, learning rate {self.lr:g}",
            html.table(("ended at", "runs", "share (95 %)"), [_share_cells(share) for share in self.shares.values()]),
            runs_table(self.runs),
            html.table(("predicted", "loss"), [(name, f"{loss:.9g}") for name, loss in predicted[: html.ROWS]]),
            html.more(len(predicted) - html.ROWS, "predicted losses", ".predicted"),
        )

    def plot(self, path: str | Path | None = None) -> Any:
        """Loss curves with the predicted losses, and the mean logits of the commonest ends; a matplotlib figure.

        Where runs recorded their spectra, the eigenvalues and the alignment of every layer.
        """
        spectra = any("hessian_eigenvalues" in run.history for run in self.runs)
        place = "plot.training_spectra:plot_layers" if spectra else "plot.training:plot_training"
        return drawn_by(place, self, path)

    @property
    def shares(self) -> dict[str, Share]:
        """By structure at the end of descent."""
        return shares(run.structure for run in self.runs)

    @property
    def polished_shares(self) -> dict[str, Share]:
        """By structure after polishing."""
        if not any(run.polished for run in self.runs):
            return {}
        return shares(run.polished.structure if run.polished else run.structure for run in self.runs)

    def excess(self, run: Run) -> dict[str, float]:
        """loss / predicted - 1 for every predicted loss."""
        return {name: run.loss / loss - 1 for name, loss in self.predicted.items()}

    def as_dict(self) -> dict[str, Any]:
        """For JSON: ``runs``, ``predicted`` and ``summary``."""
        runs = []
        for run in self.runs:
            entry = run.as_dict()
            entry["excess"] = None if run.diverged else self.excess(run)
            runs.append(entry)
        summary = {
            "structures": _dicts(self.shares),
            "polished_structures": _dicts(self.polished_shares),
            "converged": sum(run.converged for run in self.runs),
            "diverged": sum(run.diverged for run in self.runs),
        }
        return {"runs": runs, "predicted": self.predicted, "summary": summary}


def _share_cells(share: Share) -> tuple[str, str, str]:
    low, high = share.interval
    return share.structure, f"{share.count} of {share.total}", f"{share.fraction:.0%} ({low:.0%} to {high:.0%})"


def _dicts(found: dict[str, Share]) -> dict[str, Any]:
    return {name: share.as_dict() for name, share in found.items()}


def compare(runs: Sequence[Run], effort: str = "quick") -> list[Comparison]:
    """One comparison for each problem and learning rate among the runs, in their order."""
    cells: dict[tuple[DeepUFM, float], list[Run]] = {}
    for run in runs:
        cells.setdefault((run.problem, run.lr), []).append(run)
    predicted = {problem: predict(problem, effort) for problem in dict.fromkeys(problem for problem, _ in cells)}
    return [Comparison(problem, lr, tuple(found), predicted[problem]) for (problem, lr), found in cells.items()]

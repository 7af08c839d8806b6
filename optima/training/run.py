"""One finished run of gradient descent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from optima import brief, html
from optima.dynamics.flow import effective_rank
from optima.dynamics.repulsion import deviation_growth, deviations
from optima.model import Array, DeepUFM
from optima.model.content import Content
from optima.relu.names import recognise_trained
from optima.solution.knowledge import Knowledge
from optima.structures.recognition import Recognition, recognise

if TYPE_CHECKING:
    from optima.training.polish import Polished


@dataclass(frozen=True, eq=False)
class Run(Content):
    """Where gradient descent ended, and how it came there.

    Attributes
    ----------
    problem, lr, seed
        The model with its width, the learning rate, the seed of the starting point.
    ending
        ``"converged"``, ``"margin reached"``, ``"out of steps"`` or ``"diverged"``.
    steps
        Steps taken; for a diverged run the step at which that was seen.
    factors
        (W_1, ..., W_L, H) at the end; empty for a diverged run.
    history
        Arrays whose first axis is over the recorded steps: ``step``, ``loss``, ``fit``, ``penalty``,
        ``gradient_norm``, ``relative_gradient`` (0 without regularisation), the smallest ``margin`` of a sample,
        class-mean logits ``means`` (K, K), and those of :func:`optima.training.measures.measure` and
        :func:`optima.training.layer_spectra.measure_spectra`.
    polished
        What :meth:`optima.training.Training.polished` found, or None.
    """

    problem: DeepUFM
    lr: float
    seed: int
    ending: str
    steps: int
    factors: tuple[Array, ...]
    history: dict[str, Array] = field(repr=False)
    polished: Polished | None = None

    def __repr__(self) -> str:
        end = f"{self.ending} after {brief.counted(self.steps, 'step')}"
        loss = "" if self.diverged else f", loss {self.loss:.6g}"
        return f"<Run {self.problem.summary} lr={self.lr:g} seed={self.seed}: {end}{loss}>"

    @property
    def converged(self) -> bool:
        """Whether the convergence rule of regularised training was met."""
        return self.ending == "converged"

    @property
    def diverged(self) -> bool:
        """Whether the logits went out of all bounds; such a run has no final numbers."""
        return self.ending == "diverged"

    def _last(self, name: str) -> float:
        return math.nan if self.diverged else float(self.history[name][-1])

    @property
    def loss(self) -> float:
        """Objective at the end, nan for a diverged run."""
        return self._last("loss")

    @property
    def kind(self) -> Knowledge | None:
        """How the loss is known; None for a diverged run."""
        return None if self.diverged else Knowledge.DESCENT

    @property
    def gradient_norm(self) -> float:
        """||grad F|| over all factors at the end, nan for a diverged run."""
        return self._last("gradient_norm")

    @property
    def relative_gradient(self) -> float:
        """||grad F|| / ||(lam_l W_l)_l|| at the end: 0 at rest, about 1 before the penalty is balanced."""
        return self._last("relative_gradient")

    @property
    def means(self) -> Array:
        """Class-mean logits M at the end, shape (K, K). Raises ValueError for a diverged run."""
        self._require_end()
        return np.asarray(self.history["means"][-1])

    def _require_end(self) -> None:
        if self.diverged:
            raise ValueError("a diverged run has no final logits; pass a smaller learning rate")

    @cached_property
    def recognition(self) -> Recognition:
        """What the class-mean logits at the end are; of a relu network what its layers are."""
        found = recognise(self.means, loss=self.problem.loss)
        return recognise_trained(self.problem, self.factors) if self.problem.nonlinear and found.rank else found

    @property
    def structure(self) -> str:
        """Its name; unnamed logits are told apart by their rank, and a diverged run is ``"diverged"``."""
        return "diverged" if self.diverged else self.recognition.label

    @property
    def rank(self) -> int:
        """Number of singular values of the class-mean logits above 2 % of the largest."""
        return recognise(self.means, loss=self.problem.loss).rank if self.recognition.middle else self.recognition.rank

    @property
    def middle_rank(self) -> int | None:
        """Of a relu network the least number of singular values of a layer above 2 % of the largest."""
        return self.recognition.rank if self.recognition.middle else None

    @cached_property
    def singular_values(self) -> Array:
        """The singular values of Z in R^{K x N}, descending, dying ones included. Raises ValueError like ``means``."""
        self._require_end()
        return np.asarray(np.linalg.svd(self.problem.logits(self.factors), compute_uv=False), dtype=np.float64)

    @cached_property
    def spectra(self) -> Array:
        """The K singular values of M diag(sqrt(n_c)) at every recorded step, shape (T, K)."""
        weighted = self.history["means"] * np.sqrt(self.problem.class_sizes)
        return np.asarray(np.linalg.svd(weighted, compute_uv=False), dtype=np.float64)

    @cached_property
    def effective_ranks(self) -> Array:
        """exp of the entropy of s / sum s at every recorded step, shape (T,)."""
        return effective_rank(self.spectra)

    @cached_property
    def repulsion(self) -> tuple[Array, Array]:
        r"""Relative spread of the singular values of M at every recorded step, and what is predicted, shapes (T,).

        The root mean square of s_i / mean - 1 over the K - 1 largest, and its first value times
        (rho/rho_0)^{1-2/m} e^{-(rho-rho_0)/K}, rho their mean over sqrt(n), which holds for small spreads of balanced
        starts in a basis of characters: see :func:`optima.dynamics.deviation_growth`.
        """
        problem = self.problem
        values = self.spectra[:, : problem.classes - 1]
        mean = values.mean(axis=1) / math.sqrt(problem.size / problem.classes)
        spread = np.sqrt(np.mean(deviations(values) ** 2, axis=1))
        return spread, spread[0] * deviation_growth(mean, mean[0], problem.classes, problem.depth)

    def as_dict(self) -> dict[str, Any]:
        """For JSON: one entry of ``runs`` of ``optima train --json``; null where there is no number."""
        known = not self.diverged
        polished = self.polished
        return {
            "seed": self.seed,
            "loss": self.loss if known else None,
            "kind": str(self.kind) if known else None,
            "rank": self.rank if known else None,
            **({"middle_rank": self.middle_rank} if known and self.problem.nonlinear else {}),
            "structure": self.structure,
            "distance": self.recognition.distance if known else None,
            "singular_values": self.singular_values.tolist() if known else None,
            "margin": self._last("margin") if known else None,
            "effective_rank": float(self.effective_ranks[-1]) if known else None,
            "converged": self.converged,
            "diverged": self.diverged,
            "steps": self.steps,
            "gradient_norm": self.gradient_norm if known else None,
            "relative_gradient": self.relative_gradient if known else None,
            "polished_loss": polished.loss if polished else None,
            "polished_structure": polished.structure if polished else None,
            "polished_verdict": polished.verdict if polished else None,
            "polished_rank": polished.rank if polished else None,
        }


def runs_table(runs: Sequence[Run]) -> str:
    """The first runs as HTML: the problem where it varies, and where each ended."""
    cells = {(run.problem, run.lr) for run in runs}
    where = lambda run: [f"{run.problem.summary} lr={run.lr:g}"] if len(cells) > 1 else []
    heads = [*(["problem"] if len(cells) > 1 else []), "seed", "loss", "rank", "structure", "steps", "ended"]
    polished = any(run.polished for run in runs)
    rows = [[*where(run), *_cells(run, polished)] for run in runs[: html.ROWS]]
    shown = html.table([*heads, *(["heading for"] if polished else [])], rows)
    return shown + html.more(len(runs) - html.ROWS, "runs", ".runs")


def _cells(run: Run, polished: bool) -> list[str]:
    end = ["", "", ""] if run.diverged else [f"{run.loss:.9g}", str(run.rank), run.structure]
    row = [str(run.seed), *end, str(run.steps), run.ending]
    return [*row, run.polished.structure if run.polished else ""] if polished else row

"""What a solver returns: the best minimum known, how it is known, and the ladder of the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from optima.model import Array, DeepUFM
from optima.model.class_network import ClassNetwork
from optima.model.content import Content
from optima.presented import drawn_by, shown_by
from optima.proofs import Certificate
from optima.proofs.gap import relative_gap
from optima.reduction import Reduction
from optima.solution.foreign import check_solution
from optima.solution.knowledge import Knowledge
from optima.solution.minima import Rung
from optima.solution.stored import read_fields, solution_dict, write_solution
from optima.structures.recognition.result import Recognition


@dataclass(frozen=True, eq=False)
class Solution(Content):
    r"""The best minimum known of the reduced problem min_M fit(M) + c rho(Z).

    The price rho(Z) is sum_i s_i(Z)^p for linear models, and for relu the least cost of a network whose logits are Z.

    Attributes
    ----------
    problem
        The model.
    means
        Class-mean logits M, shape (K, K).
    recognition
        Its name, up to relabelling, rotation and scale, or the facts of an unnamed one; :attr:`structure` is the name.
    ladder
        The rungs searched, by rank; for relu by the least rank of a layer of pre-activations.
    candidates
        Loss of every named structure (balanced problems).
    known_by
        How the loss is known, in words: closed form, convexity, or best of how many starts; :attr:`kind` in one word.
    seed, effort, seconds
        What was asked of the search and how long it took (no part of ``==``).
    proof
        A certificate, where one was worked for.
    network
        A network with these logits, where the reduction has none (relu).

    Equal solutions have equal fields, arrays entry by entry.
    """

    problem: DeepUFM
    means: Array
    recognition: Recognition
    ladder: tuple[Rung, ...]
    candidates: Mapping[str, float]
    known_by: str
    seed: int
    effort: str
    seconds: float = field(compare=False)
    proof: Certificate | None = None
    network: ClassNetwork | None = None

    @property
    def structure(self) -> str:
        """The name of the structure, ``"unnamed"`` without one."""
        return self.recognition.name

    @property
    def kind(self) -> Knowledge:
        """How the loss is known."""
        return Knowledge.stated(self.known_by).with_gap(None if self.proof is None else self.gap)

    @property
    def certificate(self) -> Certificate:
        """The proof. Raises ValueError where none was worked for."""
        if self.proof is None:
            raise ValueError("no lower bound was worked for; pass the solution to optima.certify")
        return self.proof

    @property
    def lower_bound(self) -> float:
        """No parameters have a smaller loss than this. Raises ValueError without a proof."""
        return self.certificate.lower

    @property
    def gap(self) -> float:
        """1 - lower bound / loss. Raises ValueError without a proof."""
        return relative_gap(self.lower_bound, self.loss)

    @cached_property
    def _reduction(self) -> Reduction:
        return Reduction(self.problem)

    @cached_property
    def fit(self) -> float:
        """Mean cross-entropy or squared error at M, without the singular values that count as zero."""
        if self.network is not None:
            return self.network.fit
        return self._reduction.fit(self._reduction.admissible(self.means))

    @cached_property
    def penalty(self) -> float:
        """c rho(Z)."""
        return self._reduction.penalty(self.means) if self.network is None else self.network.penalty

    @property
    def loss(self) -> float:
        """fit + penalty: the least objective of the model known to anyone who ran this."""
        return self.fit + self.penalty

    @cached_property
    def singular_values(self) -> Array:
        """Nonzero singular values of Z in R^{K x N}, descending."""
        if self.network is not None:
            return self.network.singular_values
        return self._reduction.singular_values(self.means)

    @property
    def rank(self) -> int:
        """Rank of the logits."""
        return self.singular_values.size

    @property
    def margin(self) -> float:
        """min over classes c and rivals j of M_cc - M_jc."""
        rivals = np.diagonal(self.means) - self.means
        return float(np.min(rivals[~np.eye(len(rivals), dtype=bool)]))

    def factors(self, width: int | None = None) -> list[Array]:
        """(W_1, ..., W_L, H) whose all-parameter objective is the loss, balanced for linear models."""
        return self.network.repeated(width) if self.network is not None else self._reduction.lift(self.means, width)

    def __str__(self) -> str:
        return str(shown_by("report.solution:solution_text", self))

    def __repr__(self) -> str:
        gap = "" if self.proof is None else f", gap {self.gap:.2g}"
        return f"<Solution {self.problem.summary}: {self.recognition.label}, loss {self.loss:.6g}{gap}>"

    def _repr_html_(self) -> str:
        return str(shown_by("report.solution:solution_html", self))

    def plot(self, path: str | Path | None = None) -> Any:
        """Heat map of the logits, and the code itself where its rank is 2 or 3; for relu the layers of the network."""
        place = "plot.solution:plot_solution" if self.network is None else "plot.network:plot_network"
        return drawn_by(place, self, path)

    def as_dict(self, logits: bool = False) -> dict[str, Any]:
        """For JSON: the object that ``optima solve --json`` prints."""
        return solution_dict(self, logits)

    def save(self, path: str | Path) -> None:
        """Write everything to one file (numpy's npz; pass a path ending in .npz), whole or not at all."""
        write_solution(self, path)

    @classmethod
    def load(cls, path: str | Path) -> Solution:
        """Read a file written by :meth:`save`. Raises ValueError on any other file."""
        try:
            solution = cls(**read_fields(path))
            check_solution(solution)
            return solution
        except FileNotFoundError:
            raise
        except Exception as error:
            # Fields that are missing, of another type or of another shape fail in many ways.
            why = str(error) if isinstance(error, ValueError) else "its fields are not those of a solution"
            raise ValueError(f"{path} is not a solution file; pass one written by Solution.save ({why})") from None

"""One cell of an atlas: a solution without its ladder, small enough to keep by the million."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from optima.model import Array, DeepUFM
from optima.model.content import Content
from optima.model.foreign import check_fields
from optima.model.inputs import one_of, positive_integer
from optima.model.key import content_key, normalised
from optima.proofs import Certificate, cheap_certificate
from optima.reduction import Reduction, balanced_factors
from optima.solution import Knowledge, Solution
from optima.solution.knowledge import EFFORTS
from optima.structures.recognition.result import Recognition
from optima.version import VERSION


@dataclass(frozen=True, eq=False)
class Record(Content):
    r"""The best logits known of one problem, as the product of two factors of their rank.

    .. math:: M = A B^T, \qquad A, B \in R^{K \times r}

    Attributes
    ----------
    problem
        The normalised model.
    factors
        A and B, shape (2, K, r).
    loss, description
        f(M), and what recognition says of M; :attr:`structure` is the name alone.
    named
        Loss of the best named structure (nan where none was tried).
    known_by, version, seed, effort
        How the loss is known, and what computed it.
    certificate
        A lower bound with its proof, where one was worked for.

    Raises ValueError and TypeError for fields that are not of their kind.
    """

    problem: DeepUFM
    factors: Array
    loss: float
    description: str
    named: float
    known_by: str
    version: str
    seed: int
    effort: str
    certificate: Certificate | None = None

    def __repr__(self) -> str:
        return f"<Record {self.problem.summary}: {self.label}, loss {self.loss:.6g}>"

    def __post_init__(self) -> None:
        check_fields(self, infinite=True)
        positive_integer("seed", self.seed, minimum=0)
        one_of("effort", self.effort, EFFORTS)
        shape = self.factors.shape
        if len(shape) != 3 or shape[:2] != (2, self.problem.classes) or not np.isfinite(self.factors).all():
            raise ValueError(f"the factors have shape {shape}; pass finite numbers of shape (2, K, rank)")

    @classmethod
    def of(cls, solution: Solution, certify: bool = False) -> Record:
        """The record of a solution; with ``certify`` a cheap lower bound is worked for where there is no proof."""
        problem = normalised(solution.problem)
        factors = split(problem, solution.means)
        means = factors[0] @ factors[1].T
        # From what is stored, so that a bound worked for later is the same.
        bound = cheap_certificate(problem, means) if certify and solution.proof is None else solution.proof
        named = min(solution.candidates.values(), default=math.nan)
        found = (problem, factors, Reduction(problem).value(means), solution.recognition.description, named)
        return cls(*found, solution.known_by, VERSION, solution.seed, solution.effort, bound)

    @property
    def key(self) -> bytes:
        """The content key of the problem."""
        return content_key(self.problem)

    @property
    def rank(self) -> int:
        """Rank of the logits."""
        return self.factors.shape[2]

    @cached_property
    def means(self) -> Array:
        """Class-mean logits M, shape (K, K)."""
        return self.factors[0] @ self.factors[1].T

    @cached_property
    def recognition(self) -> Recognition:
        """What the description tells."""
        return replace(Recognition.read(self.description), rank=self.rank)

    @property
    def structure(self) -> str:
        """The name of the structure, ``"unnamed"`` without one."""
        return self.recognition.name

    @property
    def label(self) -> str:
        """The name, or the rank of a structure without one."""
        return self.recognition.label

    @property
    def kind(self) -> Knowledge:
        """How the loss is known."""
        return Knowledge.stated(self.known_by).with_gap(self.gap)

    @property
    def gap(self) -> float:
        """1 - lower bound / loss; nan without a certificate."""
        return math.nan if self.certificate is None else 1 - self.certificate.lower / self.loss

    @property
    def gain(self) -> float:
        """How far, relative, the loss lies below that of every named structure; nan where none was tried."""
        return 1 - self.loss / self.named

    def solution(self) -> Solution:
        """The record as a solution: no ladder, no losses of other structures, no time."""
        how = (self.known_by, self.seed, self.effort, 0.0, self.certificate)
        return Solution(self.problem, self.means, self.recognition.seen(self.means, self.problem.loss), (), {}, *how)


def split(problem: DeepUFM, means: Array) -> Array:
    """A = U sqrt(S), B = V sqrt(S) of M = U S V^T cut to its rank, shape (2, K, r)."""
    reduction = Reduction(problem)
    return balanced_factors(reduction.admissible(means), reduction.rank(means))

"""One cell of an atlas: a solution without its ladder, small enough to keep by the million."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from optima.model import Array, DeepUFM
from optima.model.class_network import ClassNetwork
from optima.model.content import Content
from optima.model.foreign import check_fields
from optima.model.inputs import one_of, positive_integer
from optima.model.key import content_key, normalised
from optima.proofs import Certificate, cheap_certificate
from optima.proofs.relu_bounds import network_certificate
from optima.reduction import Reduction, balanced_factors
from optima.solution import Knowledge, Solution
from optima.solution.knowledge import EFFORTS
from optima.structures.recognition.result import Recognition
from optima.version import VERSION


@dataclass(frozen=True, eq=False)
class Record(Content):
    r"""The best minimum known of one problem: logits as the product of two factors of their rank, or a relu network.

    .. math:: M = A B^T, \qquad A, B \in R^{K \times r} \qquad \text{or} \qquad
        M = W_L\, s(W_{L-1} \cdots s(W_1 H))

    Attributes
    ----------
    problem
        The normalised model.
    factors
        A and B, shape (2, K, r); with relu W_1, ..., W_L and H of :attr:`network`, one column of H for each class.
    loss, description
        The objective, and what recognition says of it; :attr:`structure` is the name alone.
    named
        Loss of the best named structure (nan where none was tried).
    known_by, version, seed, effort
        How the loss is known, and what computed it.
    certificate
        A lower bound with its proof, where one was worked for.

    Raises ValueError and TypeError for fields that are not of their kind.
    """

    problem: DeepUFM
    factors: Array | tuple[Array, ...]
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
        if self.problem.nonlinear:
            network_of(self.problem, self.factors)
            return
        shape = np.shape(self.factors)
        if len(shape) != 3 or shape[:2] != (2, self.problem.classes) or not np.isfinite(self.factors).all():
            raise ValueError(f"the factors have shape {shape}; pass finite numbers of shape (2, K, rank)")

    @classmethod
    def of(cls, solution: Solution, certify: bool = False) -> Record:
        """The record of a solution; with ``certify`` a cheap lower bound is worked for where there is no proof."""
        problem, bound = normalised(solution.problem), solution.proof
        named = min(solution.candidates.values(), default=math.nan)
        how = (solution.recognition.description, named, solution.known_by, VERSION, solution.seed, solution.effort)
        if problem.nonlinear:
            network = network_of(problem, () if solution.network is None else solution.network.factors)
            record = cls(problem, network.factors, network.loss, *how, bound)
        else:
            factors = split(problem, solution.means)
            # From what is stored, so that a bound worked for later is the same.
            record = cls(problem, factors, Reduction(problem).value(factors[0] @ factors[1].T), *how, bound)
        return record.certified() if certify and bound is None else record

    def certified(self) -> Record:
        """The same with a cheap lower bound, worked for from what is stored."""
        network = self.network
        proof = cheap_certificate(self.problem, self.means) if network is None else network_certificate(network)
        return replace(self, certificate=proof)

    @property
    def key(self) -> bytes:
        """The content key of the problem."""
        return content_key(self.problem)

    @cached_property
    def network(self) -> ClassNetwork | None:
        """The relu network, one sample of each class; None for linear models."""
        return network_of(self.problem, self.factors) if self.problem.nonlinear else None

    @property
    def rank(self) -> int:
        """Rank of the logits; of a relu network its middle rank, the least of a hidden layer before the activation."""
        return len(self.factors[0].T) if self.network is None else self.network.middle_rank

    @cached_property
    def means(self) -> Array:
        """Class-mean logits M, shape (K, K)."""
        return self.factors[0] @ self.factors[1].T if self.network is None else self.network.logits

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
        how = (self.known_by, self.seed, self.effort, 0.0, self.certificate, self.network)
        return Solution(self.problem, self.means, self.recognition.seen(self.means, self.problem.loss), (), {}, *how)


def split(problem: DeepUFM, means: Array) -> Array:
    """A = U sqrt(S), B = V sqrt(S) of M = U S V^T cut to its rank, shape (2, K, r)."""
    reduction = Reduction(problem)
    return balanced_factors(reduction.admissible(means), reduction.rank(means))


def network_of(problem: DeepUFM, factors: Array | tuple[Array, ...]) -> ClassNetwork:
    """The relu network of finite factors. Raises ValueError for anything else, and where it is wider than the model."""
    arrays = isinstance(factors, tuple) and all(isinstance(each, np.ndarray) and each.ndim == 2 for each in factors)
    if not (arrays and factors and all(each.dtype.kind == "f" and np.isfinite(each).all() for each in factors)):
        raise ValueError(
            "a relu network is stored as its factors; pass (W_1, ..., W_L, H), matrices of finite numbers, H with one "
            "column for each class"
        )
    network = ClassNetwork(problem, tuple(factors))
    widest = max(len(layer) for layer in (*factors[:-2], factors[-1]))
    if problem.width is not None and widest > problem.width:
        raise ValueError(f"the network has a layer of {widest} neurons; pass one of at most {problem.width}")
    return network

"""Nothing in an atlas is taken on trust: every loss is computed again from weights and features."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from optima.atlas.record import Record
from optima.atlas.store import Store
from optima.atlas.trained import Trained
from optima.model import Array, DeepUFM
from optima.model.key import normalised
from optima.reduction import Reduction
from optima.scales.losses import structure_losses
from optima.solution import Solution
from optima.solution.foreign import check_solution
from optima.structures.recognition import recognise

# Relative difference of two losses of the same logits that is rounding.
AGREE = 1e-9


@dataclass(frozen=True)
class Check:
    """The loss that a record, or a run of its critical point, claims, and the all-parameter objective at its logits.

    ``bound`` is the certified one, if any.
    """

    problem: DeepUFM
    stored: float
    objective: float
    bound: float | None = None

    @property
    def error(self) -> float:
        """Relative difference of the two."""
        difference = abs(self.objective - self.stored)
        return difference / abs(self.stored) if self.stored else difference

    @property
    def holds(self) -> bool:
        """Whether they agree up to rounding, and the loss is not under the certified bound."""
        return self.error <= AGREE and (self.bound is None or self.bound <= self.objective * (1 + AGREE))


def check_trained(run: Trained) -> Check | None:
    """The loss of the critical point of a run again; None for runs without one and for relu networks.

    Where descent stopped, the factors are not balanced, so that the logits alone do not give the loss.
    """
    if run.polished_loss is None or run.means is None or run.problem.activation != "linear":
        return None
    return Check(run.problem, run.polished_loss, all_parameter_objective(run.problem, run.means))


def check(record: Record) -> Check:
    r"""The loss of a record again, through weights and features instead of singular values.

    .. math:: g(W_L \cdots W_1 H) + \sum_l \tfrac{\lambda_l}{2} \|W_l\|_F^2 + \tfrac{\lambda_H}{2} \|H\|_F^2
    """
    bound = None if record.certificate is None else record.certificate.lower
    return Check(record.problem, record.loss, all_parameter_objective(record.problem, record.means), bound)


def all_parameter_objective(problem: DeepUFM, means: Array) -> float:
    """The objective of the model at balanced factors whose logits are M R; samples of one class share their column."""
    reduction = Reduction(problem)
    factors = reduction.class_factors(means)
    logits = factors[-1]
    for weight in factors[:-1]:
        logits = weight @ logits
    repeats = [*(np.ones(weight.shape[1]) for weight in factors[:-1]), problem.class_sizes]
    norms = (float(np.sum(factor**2 @ repeat)) for factor, repeat in zip(factors, repeats, strict=True))
    return reduction.fit(logits) + sum(reg / 2 * norm for reg, norm in zip(problem.regs, norms, strict=True))


def add(store: Store, solution: Solution, claimed: float | None = None) -> bool:
    """Take someone's find into an atlas if it is better than what is stored; True when it was.

    See :func:`verified` for what is checked first, and for the errors.
    """
    return bool(store.put([verified(solution, claimed)]))


def verified(solution: Solution, claimed: float | None = None) -> Record:
    """The record of someone's find, of which only logits, seed, effort and words are taken as they are.

    Its loss, its structure and the loss of the best named structure are computed again, and a certificate that comes
    with it is proved again; ``claimed`` is the loss that the finder states, default that of the solution.

    Raises ValueError and TypeError when a field is not of its kind, the loss differs from the claim, the logits have
    a rank beyond the width, or a certificate does not hold or is about another problem.
    """
    check_solution(solution)
    problem = normalised(solution.problem)
    if Reduction(problem).singular_values(solution.means).size > problem.max_rank:
        raise ValueError(f"the logits have a rank beyond {problem.max_rank}; pass logits that the width allows")
    with np.errstate(all="ignore"):
        objective = all_parameter_objective(problem, solution.means)
        stated = solution.loss if claimed is None else claimed
    if not abs(objective - stated) <= AGREE * abs(objective) < math.inf:
        raise ValueError(
            f"the logits have loss {objective:.12g}, not {stated:.12g} as claimed; pass logits that reach the claim"
        )
    if solution.proof is not None:
        if normalised(solution.proof.problem) != problem:
            raise ValueError("the certificate is about another problem; pass a solution without it")
        verification = solution.proof.verify()
        if not verification:
            raise ValueError(f"the certificate does not hold ({verification.reason}); pass a solution without it")
    description = recognise(solution.means, loss=problem.loss, rank=solution.rank).description
    record = Record.of(solution)
    return replace(record, loss=objective, description=description, named=_best_named(problem, solution))


def _best_named(problem: DeepUFM, solution: Solution) -> float:
    """The least loss of a named structure, where the finder tried any."""
    if not (solution.candidates and problem.balanced):
        return math.nan
    return min((entry.loss for entry in structure_losses(problem).values()), default=math.nan)

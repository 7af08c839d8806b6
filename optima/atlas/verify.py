"""Nothing in an atlas is taken on trust: every loss is computed again from weights and features."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from optima.atlas.key import normalised
from optima.atlas.record import Record
from optima.atlas.store import Store
from optima.atlas.trained import Trained
from optima.model import Array, DeepUFM
from optima.reduction import Reduction
from optima.solution import Solution
from optima.structures.recognition import recognise

# Relative difference of two losses of the same logits that is rounding.
AGREE = 1e-9


@dataclass(frozen=True)
class Check:
    """The loss that a record claims and the all-parameter objective at its logits."""

    record: Record
    objective: float

    @property
    def problem(self) -> DeepUFM:
        """The model."""
        return self.record.problem

    @property
    def stored(self) -> float:
        """The loss that is claimed."""
        return self.record.loss

    @property
    def error(self) -> float:
        """Relative difference of the two."""
        return abs(self.objective - self.record.loss) / abs(self.record.loss)

    @property
    def holds(self) -> bool:
        """Whether they agree up to rounding, and the loss is not under the certified bound."""
        bound = self.record.certificate
        return self.error <= AGREE and (bound is None or bound.lower <= self.objective * (1 + AGREE))


@dataclass(frozen=True)
class TrainedCheck:
    """The loss that a run claims of its critical point, and the all-parameter objective at the logits there."""

    problem: DeepUFM
    stored: float
    objective: float

    @property
    def error(self) -> float:
        """Relative difference of the two."""
        return abs(self.objective - self.stored) / abs(self.stored)

    @property
    def holds(self) -> bool:
        """Whether they agree up to rounding."""
        return self.error <= AGREE


def check_trained(run: Trained) -> TrainedCheck | None:
    """The loss of the critical point of a run again; None for runs without one and for relu networks.

    Where descent stopped, the factors are not balanced, so that the logits alone do not give the loss.
    """
    if run.polished_loss is None or run.means is None or run.problem.activation != "linear":
        return None
    return TrainedCheck(run.problem, run.polished_loss, all_parameter_objective(run.problem, run.means))


def check(record: Record) -> Check:
    r"""The loss of a record again, through weights and features instead of singular values.

    .. math:: g(W_L \cdots W_1 H) + \sum_l \tfrac{\lambda_l}{2} \|W_l\|_F^2 + \tfrac{\lambda_H}{2} \|H\|_F^2
    """
    return Check(record, all_parameter_objective(record.problem, record.means))


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

    Its loss and its structure are computed again, and a certificate that comes with it is proved again; ``claimed``
    is the loss that the finder states, default that of the solution.

    Raises ValueError when the loss differs from the claim, or a certificate does not hold.
    """
    problem = normalised(solution.problem)
    objective = all_parameter_objective(problem, solution.means)
    stated = solution.loss if claimed is None else claimed
    if abs(objective - stated) > AGREE * abs(objective):
        raise ValueError(
            f"the logits have loss {objective:.12g}, not {stated:.12g} as claimed; pass logits that reach the claim"
        )
    if solution.proof is not None:
        verification = solution.proof.verify()
        if not verification:
            raise ValueError(f"the certificate does not hold ({verification.reason}); pass a solution without it")
    structure = str(recognise(solution.means, loss=problem.loss, rank=solution.rank))
    record = replace(Record.of(solution), loss=objective, structure=structure)
    return bool(store.put([record]))

"""Nothing in an atlas is taken on trust: every loss is computed again from weights and features."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from optima.atlas.record import Record, network_of
from optima.atlas.store import Store
from optima.atlas.trained import Trained
from optima.model import Array, DeepUFM
from optima.model.fit import Fit
from optima.model.forward_backward import layers
from optima.model.key import normalised
from optima.reduction import Reduction
from optima.relu.names import known_networks, recognise_network
from optima.scales.losses import structure_losses
from optima.solution import Solution
from optima.solution.foreign import check_solution
from optima.structures.recognition import recognise
from optima.structures.recognition.result import Recognition

# Relative difference of two losses of the same logits that is rounding.
AGREE = 1e-9
# What a find consists of, without and with relu.
_SAID = {False: ("the logits have", "logits that reach"), True: ("the network has", "a network that reaches")}


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

    Those of a relu network are the ones stored.
    """
    bound = None if record.certificate is None else record.certificate.lower
    network = record.network
    if network is None:
        return Check(record.problem, record.loss, all_parameter_objective(record.problem, record.means), bound)
    return Check(record.problem, record.loss, objective_at(record.problem, network.factors), bound)


def all_parameter_objective(problem: DeepUFM, means: Array) -> float:
    """The objective of a linear model at balanced factors whose logits are M R."""
    return objective_at(problem, Reduction(problem).class_factors(means))


def objective_at(problem: DeepUFM, factors: Sequence[Array]) -> float:
    """The objective of the model at factors (W_1, ..., W_L, H); samples of one class share their column of H."""
    classes, sizes = np.arange(problem.classes), problem.class_sizes
    relu = (lambda layer: np.maximum(layer, 0.0)) if problem.nonlinear else None
    fit = Fit(problem.loss, problem.classes, classes, sizes / problem.size).value(layers(list(factors), relu)[-1])
    norms = [float(np.sum(weight**2)) for weight in factors[:-1]]
    norms.append(float(np.sum(factors[-1] ** 2 @ sizes)))
    return float(fit) + sum(reg / 2 * norm for reg, norm in zip(problem.regs, norms, strict=True))


def add(store: Store, solution: Solution, claimed: float | None = None) -> bool:
    """Take someone's find into an atlas if it is better than what is stored; True when it was.

    See :func:`optima.atlas.verify.verified` for what is checked first, and for the errors.
    """
    return bool(store.put([verified(solution, claimed)]))


def verified(solution: Solution, claimed: float | None = None) -> Record:
    """The record of someone's find, of which only logits or network, seed, effort and words are taken as they are.

    Its loss, its structure and the loss of the best named structure are computed again, and a certificate that comes
    with it is proved again; ``claimed`` is the loss that the finder states, default that of the solution.

    Raises ValueError and TypeError when a field is not of its kind, the loss differs from the claim, the logits have
    a rank beyond the width, the network is wider, a relu model comes without one, or a certificate does not hold or is
    about another problem.
    """
    check_solution(solution)
    problem = normalised(solution.problem)
    with np.errstate(all="ignore"):
        objective = objective_at(problem, _factors(problem, solution))
        stated = solution.loss if claimed is None else claimed
    if not abs(objective - stated) <= AGREE * abs(objective) < math.inf:
        has, reaching = _SAID[problem.nonlinear]
        raise ValueError(f"{has} loss {objective:.12g}, not {stated:.12g} as claimed; pass {reaching} the claim")
    if solution.proof is not None:
        if normalised(solution.proof.problem) != problem:
            raise ValueError("the certificate is about another problem; pass a solution without it")
        verification = solution.proof.verify()
        if not verification:
            raise ValueError(f"the certificate does not hold ({verification.reason}); pass a solution without it")
    record = Record.of(solution)
    description = _recognised(record, solution).description
    return replace(record, loss=objective, description=description, named=_best_named(problem, solution))


def _factors(problem: DeepUFM, solution: Solution) -> Sequence[Array]:
    """The factors of a find. Raises ValueError where the width does not allow them."""
    if problem.nonlinear:
        return network_of(problem, () if solution.network is None else solution.network.factors).factors
    if Reduction(problem).singular_values(solution.means).size > problem.max_rank:
        raise ValueError(f"the logits have a rank beyond {problem.max_rank}; pass logits that the width allows")
    return Reduction(problem).class_factors(solution.means)


def _recognised(record: Record, solution: Solution) -> Recognition:
    problem = record.problem
    if record.network is None:
        return recognise(solution.means, loss=problem.loss, rank=solution.rank)
    return recognise_network(record.network, known_networks(problem))


def _best_named(problem: DeepUFM, solution: Solution) -> float:
    """The least loss of a named structure, where the finder tried any."""
    if not (solution.candidates and (problem.balanced or problem.nonlinear)):
        return math.nan
    return min((entry.loss for entry in structure_losses(problem).values()), default=math.nan)

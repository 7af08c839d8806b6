"""The bounds of relu networks by the nuclear norm of their logits and by two directions."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

import numpy as np

from optima.model import Array, DeepUFM
from optima.model.class_network import ClassNetwork
from optima.proofs.certificate import Certificate
from optima.proofs.class_shares import unequal_bound
from optima.proofs.entropy_directions import entropy_bound
from optima.proofs.gap import BOUND_ROUNDING
from optima.proofs.one_direction import OneDirection
from optima.reduction import exponent, mean_reg
from optima.scales.scale import best_scales
from optima.structures import Block, Structure
from optima.structures.base import Number, Orbit

FLOATING = "up to floating-point rounding"


class OneSingularValue(Structure):
    """A fit (1 - a)^2 / 2 at the price a^p: the bound for squared error, in the form of a structure."""

    name = "one-singular-value"

    def blocks(self, exact: bool = False) -> tuple[Block, ...]:
        """One class, one singular value."""
        return (Block((Orbit(1, (1,), (0,)),), ((1, 1),), 1),)

    def shape(self, scales: Sequence[Number] | None = None, exact: bool = False) -> np.ndarray:
        """Raises TypeError: there are no such logits."""
        raise TypeError("the bound by one singular value has no logits; ask for its loss only")


def network_certificate(network: ClassNetwork) -> Certificate:
    r"""A lower bound of the loss of all relu networks, and the network as the upper one.

    .. math:: f \ge \min_Z \operatorname{fit}(Z) + c\, \|Z \operatorname{diag}(\sqrt{n_c})\|_*^p

    since ||Z||_* <= ||W_L||_F ||X_L||_F and ||X_L||_F is at most the product of the other norms. Cross-entropy of
    classes of one size: the best Z is a simplex, and :func:`optima.proofs.entropy_directions.entropy_bound` is better.
    Squared error: the better of the scalar problems of :func:`optima.checker.scalar_bounds.nuclear_norm` and
    :func:`optima.checker.scalar_bounds.two_directions`. Cross-entropy of
    classes of different sizes: the bound of :func:`optima.proofs.class_shares.unequal_bound`.
    Source: derivations/network_price.py, derivations/network_rank_two.py.
    """
    start = time.perf_counter()
    problem = network.problem
    lower, method, shares = _lower(problem)
    rigour = {
        "one direction": f"Jensen's inequality and the nuclear norm, {FLOATING}",
        "two directions": f"the two largest singular values of every layer, {FLOATING}",
        "nuclear norm": f"the inequality of Cauchy and Schwarz and the nuclear norm, {FLOATING}",
        "class shares": f"Gibbs' inequality in each class and the nuclear norm, {FLOATING}",
    }[method]
    lower = min(lower, network.loss) * (1 - BOUND_ROUNDING)
    data = network_data(network) | shares
    seconds = time.perf_counter() - start
    return Certificate(problem, lower, network.loss, network.logits, method, rigour, seconds, data)


def network_data(network: ClassNetwork) -> dict[str, Array]:
    """The factors as the data of a certificate: all that it holds of the upper bound."""
    return {f"factor_{number}": factor for number, factor in enumerate(network.factors)}


def _lower(problem: DeepUFM) -> tuple[float, str, dict[str, Array]]:
    """The bound, how it is proved, and what is needed to prove it again."""
    reg = mean_reg(problem)
    if problem.loss == "mse":
        goals = np.sort(np.sqrt(problem.class_sizes))[::-1]
        nuclear = _one_value(problem, goals, reg)
        level = _one_value(problem, goals, reg * 2 ** (1 - float(exponent(problem.depth))))
        lower = min(level, _one_value(problem, goals[1:], 2 * reg))
        return max((nuclear, "nuclear norm", {}), (lower, "two directions", {}), key=lambda found: found[0])
    if problem.balanced:
        samples = int(problem.class_sizes[0])
        one = float(best_scales(OneDirection(problem.classes), problem.depth, reg, samples).loss)
        two = entropy_bound(problem)
        return max((one, "one direction", {}), (two, "two directions", {}), key=lambda found: found[0])
    lower, shares = unequal_bound(problem)
    return lower, "class shares", {"shares": shares}


def _one_value(problem: DeepUFM, goals: Array, reg: float) -> float:
    """min over x >= 0 of (sum of goals - x)^2 / (2 N count) + (L+1)/2 reg x^p."""
    goal = math.fsum(goals)
    unit = goal**2 / (len(goals) * problem.size)
    scaled = reg * goal ** float(exponent(problem.depth)) / unit
    return unit * float(best_scales(OneSingularValue(1), problem.depth, scaled, loss="mse").loss)

"""Problems of depth one: convex, so that their global minimum is known without a search of codes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from optima.model import Array, DeepUFM
from optima.reduction import balanced_factors
from optima.search.descent import balanced, descend
from optima.search.rung import STATIONARY, RungPoint, polish
from optima.search.rung_objective import RungObjective
from optima.structures.simplex import centred_identity

# Singular values of a nuclear-norm solution below this share of the largest are taken to be zero.
NEGLIGIBLE = 1e-9
# A dual certificate that is violated by no more than this has its rounding error only.
DUAL_ROUNDING = 1e-12


def depth_one_minimum(
    problem: DeepUFM, guesses: Sequence[Array] = (), interpreted: bool = False
) -> tuple[RungPoint | None, float]:
    """Best point of the cross-entropy problem with L = 1, and how far it is from the dual certificate.

    For L = 1 the penalty is lambda times the nuclear norm of Z, so the problem without a bound on the rank is
    convex, and a stationary point in factors is its global minimum when the gradient G of the fit has
    ||G||_2 <= lambda. Returns the point (None for zero logits) and max(0, ||G||_2 / lambda - 1).

    ``guesses`` are points (2, K, r); one that is stationary and has its certificate to rounding error is returned
    as it is, its curvature not computed.
    """
    objective = RungObjective.of(problem, interpreted)
    rank = min(problem.max_rank, problem.classes - 1)
    for guess in guesses:
        value, gradient = objective.value_and_gradient(guess[None])
        norm = float(np.linalg.norm(gradient) * np.linalg.norm(guess) / value[0])
        if norm <= STATIONARY and (excess := _excess(objective, guess[0] @ guess[1].T)) <= DUAL_ROUNDING:
            return RungPoint(float(value[0]), guess, norm, math.nan, "minimum"), excess
    start = balanced_factors(centred_identity(problem.classes) / objective.column, rank)
    end = balanced(descend(objective, start[None], steps=4000, tolerance=1e-10).factors)[0]
    s = np.sum(end[0] ** 2, axis=0)
    kept = s > NEGLIGIBLE * max(1.0, s[0])
    point = polish(objective, end[:, :, kept]) if kept.any() else None
    return point, _excess(objective, point.product if point else np.zeros((problem.classes,) * 2))


def _excess(objective: RungObjective, product: Array) -> float:
    slope = objective.fit(product[None].copy())[1][0]
    return max(0.0, float(np.linalg.norm(slope, 2) / objective.reg[0]) - 1)

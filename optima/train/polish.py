"""From where gradient descent ended to the critical point it was heading for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from optima.model import Array, DeepUFM
from optima.reduction import Reduction
from optima.solve.rung import RungPoint
from optima.solve.rung import polish as newton
from optima.solve.rung_objective import RungObjective
from optima.solve.starts import from_products
from optima.structures.recognition import recognise
from optima.train.arrays import Backend
from optima.train.measures import class_means
from optima.train.network import Network, penalty
from optima.train.run import structure_name

# Gradient relative to the pull of the penalty at which L-BFGS stops.
STATIONARY = 1e-7
MOST_STEPS = 20_000
MEMORY = 20
# Singular values of the logits below this part of the largest vanish at the critical point: they are products of
# L + 1 factors' values, each of which has fallen to the stationary tolerance.
VANISHING = 1e-4
# Gradient and curvature (in the units of RungPoint) of a point that is a saddle beyond doubt.
STALLED, BENT = 1e-6, 1e-3


@dataclass(frozen=True)
class Polished:
    """A critical point: its loss, structure, class-mean logits, rank and what it is.

    ``verdict`` is ``"minimum"``, ``"saddle"``, ``"not converged"``, or ``"unverified"`` for relu models.
    ``relative_gradient`` is that of the L-BFGS end, and ``steps`` how many L-BFGS took.
    """

    loss: float
    structure: str
    verdict: str
    rank: int
    means: Array
    relative_gradient: float
    steps: int


def polish(problem: DeepUFM, factors: Sequence[Array]) -> Polished:
    r"""The critical point that factors (W_1, ..., W_L, H) were heading for, and whether it is a minimum.

    .. math:: \min_{W_1..W_L, H} F \text{ by L-BFGS from the factors, until } \|\nabla F\| \le 10^{-7}
        \|(\lambda_l W_l)_l\|

    For the linear model its class-mean logits, without the singular values that vanish (below 1e-4 of the
    largest), are then refined by Newton's method on the matrices of their rank, and the Hessian there gives
    the verdict: a minimum over the logits of one rank is a minimum over all factors for L >= 2 (adding a rank
    costs eps^p with p < 1), and for L = 1 when also ||grad g||_2 <= lambda.

    Source: theory of the exact reduction; derivations/schatten_reduction.py.
    """
    end, gradient, steps = _descend(problem, factors)
    logits = problem.logits(end)
    means = class_means(logits, problem)
    loss = problem.objective(end)
    verdict = "unverified" if gradient <= 10 * STATIONARY else "not converged"
    if problem.activation == "linear":
        means, loss, verdict = _refined(problem, means)
    recognition = recognise(means, loss=problem.loss)
    return Polished(loss, structure_name(recognition), verdict, recognition.rank, means, gradient, steps)


def _descend(problem: DeepUFM, factors: Sequence[Array]) -> tuple[list[Array], float, int]:
    """The end of L-BFGS on all factors, its relative gradient and the number of steps."""
    network = Network(problem, Backend())
    shapes = [factor.shape for factor in factors]
    cuts = np.cumsum([factor.size for factor in factors])[:-1]
    regs = [np.full((1, 1, 1), reg) for reg in problem.regs]
    scale = np.repeat(problem.regs, [factor.size for factor in factors])

    def unpack(x: Array) -> list[Array]:
        return [part.reshape(1, *shape) for part, shape in zip(np.split(x, cuts), shapes, strict=True)]

    def value_and_gradient(x: Array) -> tuple[float, Array]:
        batch = unpack(x)
        loss = network.data_loss(network.logits(batch)) + penalty(np, batch, regs)
        data = np.concatenate([gradient.ravel() for gradient in network.data_gradients(batch)])
        return float(loss[0]), data + scale * x

    def relative(x: Array) -> float:
        pull = float(np.linalg.norm(scale * x))
        return float(np.linalg.norm(value_and_gradient(x)[1])) / pull if pull > 0 else 0.0

    start = np.concatenate([factor.ravel() for factor in factors])
    goal = STATIONARY * float(np.linalg.norm(scale * start)) / np.sqrt(start.size)
    options = {"maxcor": MEMORY, "maxiter": MOST_STEPS, "maxfun": 2 * MOST_STEPS, "gtol": goal, "ftol": 0.0}
    result = minimize(value_and_gradient, start, jac=True, method="L-BFGS-B", options=options)
    return [part[0] for part in unpack(result.x)], relative(result.x), int(result.nit)


def _refined(problem: DeepUFM, means: Array) -> tuple[Array, float, str]:
    """Logits at the critical point, its loss and verdict."""
    reduction = Reduction(problem)
    roots = np.sqrt(problem.class_sizes)
    s = np.linalg.svd(means * roots, compute_uv=False)
    rank = min(int(np.sum(s > VANISHING * s[0])), problem.max_rank)
    means, verdict = _on_rung(problem, means * roots, rank) if s[0] > VANISHING else (0 * means, "minimum")
    means = means / roots
    if problem.depth == 1 and verdict == "minimum" and not _tight(reduction, means):
        verdict = "saddle"
    return means, reduction.value(means), verdict


def _on_rung(problem: DeepUFM, product: Array, rank: int) -> tuple[Array, str]:
    """Newton's method from the nearest matrix of a rank, one lower as often as a singular value vanishes on the way."""
    objective = RungObjective.of(problem)
    for lower in range(rank, 0, -1):
        point = newton(objective, from_products([product], lower)[0])
        if point.verdict != "rank dropped":
            return point.product, _verdict(point)
    return 0 * product, "minimum"


def _verdict(point: RungPoint) -> str:
    """At a saddle rounding can stop Newton's method short of its own standard; the curvature tells all the same."""
    stalled = point.verdict == "not converged" and point.gradient_norm <= STALLED
    return "saddle" if stalled and point.curvature < -BENT else point.verdict


def _tight(reduction: Reduction, means: Array) -> bool:
    """L = 1: no direction outside the logits' range lowers the loss, or there is no room for one."""
    problem = reduction.problem
    gradient = reduction.fit_gradient(means) / np.sqrt(problem.class_sizes)
    full = reduction.singular_values(means).size == problem.max_rank
    return bool(full or np.linalg.norm(gradient, 2) <= reduction.reg * (1 + 1e-6))

"""Depth one by a conic solver: the minimum with a nuclear norm, and a lower bound from its dual point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from optima.checker.arithmetic import Floats
from optima.checker.depth_one import depth_one
from optima.model import Array, DeepUFM
from optima.model.arguments import takes_model
from optima.model.content import Content
from optima.proofs.convex.solver import cvxpy, run
from optima.proofs.gap import BOUND_ROUNDING
from optima.reduction import Reduction

# Classes whose cones the solver holds in about 1 GiB, and solves in half a minute: a semidefinite one of order 2 K, and
# K^2 exponential ones.
MOST_CLASSES = 40


@dataclass(frozen=True, eq=False)
class Minimum(Content):
    """What the solver found at depth one.

    ``means`` (K, K) are its class-mean logits and ``value`` their loss, worked out here, so no less than the minimum;
    ``lower`` is the bound of its dual point ``slope`` (K, K), made feasible here, so no more than the minimum.
    ``solver`` and ``status`` are its name and its own word.
    """

    problem: DeepUFM
    means: Array
    value: float
    slope: Array
    lower: float
    solver: str
    status: str

    def __repr__(self) -> str:
        bounds = f"{self.lower:.6g} <= minimum <= {self.value:.6g}"
        return f"<Minimum {self.problem.summary}: {bounds}, by {self.solver} ({self.status})>"


@takes_model()
def minimum(problem: DeepUFM) -> Minimum:
    r"""The global minimum at depth one, by the conic solver of cvxpy.

    .. math:: \min_M \operatorname{fit}(M) + \lambda \|M \operatorname{diag}(\sqrt{n_c})\|_* \ge
        -\operatorname{fit}^*(G), \qquad \|G \operatorname{diag}(n_c^{-1/2})\|_2 \le \lambda

    with M (K, K) the class-mean logits, cross-entropy or squared error, classes of any sizes, and lambda the geometric
    mean of both regularisations. The value is the loss of the solver's logits. The bound is that of its dual point G,
    which is put into the domain of fit^* and scaled to the norm allowed first: of cross-entropy the entropy of shares,
    and otherwise

    .. math:: -\operatorname{fit}^*(G) = -\sum_c \bigl[ G_{cc} + \tfrac{N}{2 n_c} \|G_c\|^2 \bigr].

    Parameters
    ----------
    problem
        A linear model with L = 1; or its numbers, ``minimum(4, 1, 1e-2)``.

    Raises ValueError for relu models and other depths, for more than 40 classes (the cones fill the memory), for widths
    that limit the rank (no convex problem), and when the solver leaves no point.
    Source: derivations/depth_one.py; theory of the nuclear norm.
    """
    check_depth_one(problem)
    cp = cvxpy()
    reduction = Reduction(problem)
    sizes, K = problem.class_sizes.astype(float), problem.classes
    means, scaled = cp.Variable((K, K)), cp.Variable((K, K))
    link = scaled == means @ np.diag(np.sqrt(sizes))
    # In units of lambda, in which the multipliers of weak penalties are no rounding noise.
    unit = reduction.strength
    fit = _fit(cp, means, problem.loss, sizes / sizes.sum())
    ended = run(cp.Problem(cp.Minimize(fit / unit + cp.normNuc(scaled)), [link]))
    slope = np.asarray(link.dual_value) * unit * np.sqrt(sizes)
    value, lower = reduction.value(means.value), dual_bound(problem, slope)
    return Minimum(problem, np.asarray(means.value), value, slope, lower, ended.solver, ended.status)


def check_depth_one(problem: DeepUFM) -> None:
    """Raise ValueError unless :func:`minimum` can be asked for."""
    if problem.depth != 1:
        raise ValueError(f"the problem is convex at depth 1 only; pass depth 1, not {problem.depth}")
    most = problem.classes - (problem.loss == "ce")
    if problem.max_rank < most:
        raise ValueError(
            f"width {problem.width} limits the rank, which is not convex; pass a width of at least {most} or none"
        )
    if problem.classes > MOST_CLASSES:
        raise ValueError(
            f"the cones of {problem.classes} classes are too large for cvxpy; pass at most {MOST_CLASSES} classes, or "
            "leave the check by cvxpy out"
        )


def dual_bound(problem: DeepUFM, slope: Array) -> float:
    """The lower bound of any point G (K, K) of the dual of :func:`minimum`, put into its domain, less rounding."""
    slope = np.asarray(slope, dtype=float)
    if problem.loss == "ce":
        return depth_one(problem, slope, Floats()) * (1 - BOUND_ROUNDING)
    sizes = problem.class_sizes.astype(float)
    norm, strength = float(np.linalg.norm(slope / np.sqrt(sizes), 2)), Reduction(problem).strength
    slope = slope * min(1.0, strength * (1 - BOUND_ROUNDING) / norm) if norm else slope
    linear, square = np.diag(slope), sizes.sum() / (2 * sizes) * np.sum(slope**2, axis=0)
    return float(-np.sum(linear + square) - BOUND_ROUNDING * np.sum(np.abs(linear) + square))


def _fit(cp: Any, means: Any, loss: str, weight: Array) -> Any:
    K = weight.size
    if loss == "mse":
        return cp.sum_squares(cp.multiply(np.tile(np.sqrt(weight / 2), (K, 1)), means - np.eye(K)))
    return sum(weight[c] * cp.log_sum_exp(means[:, c] - means[c, c]) for c in range(K))

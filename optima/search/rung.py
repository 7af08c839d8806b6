"""A stationary point of one rank: Newton steps from the end of a descent, and the curvature there."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve, eigh
from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh, minres

from optima.model import Array
from optima.model.content import Content
from optima.search.descent import DROPPED, balanced, descend, machine_code_for
from optima.search.rung_objective import RungObjective, gauge

Verdict = Literal["minimum", "saddle", "not converged", "unverified", "rank dropped"]

# Gradient of log F (times the size of the factors) below which a point is stationary.
STATIONARY = 1e-9
# Curvature of log F (times the squared size of the factors) that still counts as flat.
FLAT = 1e-7
# A Newton step this short, in units of the point, leaves a curvature above the second number what it was.
BESIDE, CLEAR = 1e-6, 1e-3
# Largest number of unknowns for which the Hessian is formed.
DENSE = 900
# Newton steps up to so many unknowns, and beyond.
NEWTON_STEPS, KRYLOV_STEPS = 25, 4
# Beyond it: most iterations of a Newton step's linear solve, and Lanczos vectors and restarts for the curvature.
KRYLOV = 2000
LANCZOS, RESTARTS = 64, 100
# Steps of the descent of one point to rest: the valleys of codes of a thousand points are long.
LONG = 20_000
# In numpy fewer: codes of few classes have no long valleys, and a step costs a hundred times as much.
LONG_IN_NUMPY = 2000


@dataclass(frozen=True, eq=False)
class RungPoint(Content):
    r"""A point of the reduced problem on the matrices of one rank.

    ``factors`` (2, K, r) are balanced: A = U sqrt(S), B = V sqrt(S) with U S V^T = M diag(sqrt(n_c)).
    ``gradient_norm`` is the norm of the gradient of log F times that of (A, B), and ``curvature`` the smallest
    eigenvalue of the Hessian of F, outside the rotations that leave A B^T as it is, times ||(A, B)||^2 / (2 r F);
    nan, and the verdict ``"unverified"``, where Lanczos iterations did not find it.
    """

    loss: float
    factors: Array
    gradient_norm: float
    curvature: float
    verdict: Verdict

    @property
    def rank(self) -> int:
        """r."""
        return self.factors.shape[2]

    @property
    def product(self) -> Array:
        """A B^T = M diag(sqrt(n_c)), shape (K, K)."""
        return self.factors[0] @ self.factors[1].T


def polish(objective: RungObjective, factors: Array) -> RungPoint:
    """Newton's method from a point (2, K, r) near a stationary one; says what it is.

    Steps go downhill along every eigenvector (along those of negative curvature too), so a saddle is left
    when the start is not exactly on it. ``objective`` holds one problem.
    """
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        point = balanced(factors[None])[0]
        second, near = _SecondOrder(objective, point), None
        if _dropping(point):
            return _point(second, np.nan, "rank dropped")
        for _ in range(NEWTON_STEPS if second.dense else KRYLOV_STEPS):
            if second.gradient_norm < 1e-2 * STATIONARY:
                break
            step = second.newton_step()
            moved = _step_down(second, step)
            if moved is None:
                break
            near = second if np.linalg.norm(step) < BESIDE * np.linalg.norm(point) else None
            point = balanced(moved[None])[0]
            second = _SecondOrder(objective, point)
            if second.dense and _dropping(point):
                return _point(second, np.nan, "rank dropped")
        return _point(second, _lowest(second, near), None)


def verified(objective: RungObjective, factors: Array) -> RungPoint:
    """A polished point, after a longer descent where Newton's method does not come to rest, and off a saddle."""
    if factors.size > DENSE:
        # Steps of the descent are cheaper than Krylov solves until the very end.
        factors = descend(objective, factors[None], LONG, tolerance=1e-9).factors[0]
    point = polish(objective, factors)
    if point.verdict == "not converged" and factors.size <= DENSE:
        steps = LONG_IN_NUMPY if objective.interpreted else LONG
        point = polish(objective, descend(objective, point.factors[None], steps, tolerance=1e-9).factors[0])
    if point.verdict == "saddle":
        left = leave_saddle(objective, point)
        if left.verdict == "minimum" and left.loss < point.loss:
            return left
    return point


def leave_saddle(objective: RungObjective, saddle: RungPoint) -> RungPoint:
    """Descend from both sides of a saddle along its direction of most negative curvature; the better end."""
    direction = _SecondOrder(objective, saddle.factors).lowest()[1] * np.linalg.norm(saddle.factors)
    starts = np.stack([saddle.factors + sign * 1e-2 * direction for sign in (1, -1)])
    ends = descend(objective, starts)
    return polish(objective, ends.factors[np.argmin(ends.loss)])


def _lowest(second: _SecondOrder, near: _SecondOrder | None) -> float:
    """The curvature at a point; that where the last step began, if it was tiny, is the same unless it is near zero."""
    before = near.lowest()[0] if near is not None and near.dense else 0.0
    return before if before > CLEAR else second.lowest()[0]


def _point(second: _SecondOrder, curvature: float, verdict: Verdict | None) -> RungPoint:
    if verdict is None:
        if second.gradient_norm > STATIONARY:
            verdict = "not converged"
        elif np.isnan(curvature):
            verdict = "unverified"
        else:
            verdict = "saddle" if curvature < -FLAT else "minimum"
    return RungPoint(second.value, second.point, second.gradient_norm, curvature, verdict)


def _dropping(point: Array) -> bool:
    s = np.sum(point[0] ** 2, axis=0)
    return bool(s[-1] < DROPPED * s[0])


def _step_down(second: _SecondOrder, step: Array) -> Array | None:
    """The point after the longest of the steps 1, 1/4, 1/16, ... that lowers the loss or the gradient."""
    value = second.value
    # The whole step is nearly always good: the shorter ones are computed only where it is not.
    for lengths in (np.ones(1), 0.25 ** np.arange(1, 8)):
        trials = second.point + lengths[:, None, None, None] * step
        values, gradients = second.objective.value_and_gradient(trials)
        calm = np.linalg.norm(gradients.reshape(lengths.size, -1), axis=1) < 0.9 * np.linalg.norm(second.gradient)
        # At the floor of rounding the loss cannot tell better from worse, but the gradient can.
        better = (values < value * (1 - 1e-14)) | (calm & (values <= value * (1 + 1e-14)))
        if better.any():
            return np.asarray(trials[np.argmax(better)])
    return None


class _SecondOrder:
    """Gradient and Hessian of F at a point, the latter without the rotations; where it is large its products only."""

    def __init__(self, objective: RungObjective, point: Array) -> None:
        values, gradient = objective.value_and_gradient(point[None])
        self.value, self.objective, self.point = float(values[0]), objective, point
        self.shape, self.dense = point.shape, point.size <= DENSE
        self.gradient = gradient.ravel()
        self.gradient_norm = float(np.linalg.norm(gradient) * np.linalg.norm(point) / values[0])
        self.unit = self.value / np.linalg.norm(point) ** 2

    @cached_property
    def H(self) -> Any:
        """The Hessian, where it is large as an operator."""
        if not self.dense:
            return _hessian_operator(self.objective, self.point)
        hessian, flat = self.objective.hessian(self.point), gauge(self.point)
        # Rotations are exactly flat at a stationary point: lift them out of the way of the smallest eigenvalue.
        hessian += (np.trace(hessian) / len(hessian) + self.unit) * flat @ flat.T
        return hessian

    def newton_step(self) -> Array:
        """-|H|^{-1} gradient, with eigenvalues kept away from zero; no step where the Hessian overflows."""
        if not self.dense:
            # The tolerance is in units of the largest curvature: the soft modes need a tiny one.
            return -minres(self.H, self.gradient, rtol=1e-10, maxiter=KRYLOV)[0].reshape(self.shape)
        if not np.isfinite(self.H).all():
            return np.zeros(self.shape)
        try:
            step = cho_solve(cho_factor(self.H), self.gradient)
        except LinAlgError:
            values, vectors = np.linalg.eigh(self.H)
            step = vectors @ ((vectors.T @ self.gradient) / np.maximum(np.abs(values), 1e-12 * values[-1]))
        return -step.reshape(self.shape)

    def lowest(self) -> tuple[float, Array]:
        """The smallest eigenvalue, in units of 2 r F / size^2, and its unit direction; nan where it is not found."""
        if not self.dense:
            return self._lowest_of_products()
        if not np.isfinite(self.H).all():
            return np.nan, np.zeros(self.shape)
        value, direction = eigh(self.H, subset_by_index=[0, 0])
        return float(value[0] / self.unit / (2 * self.shape[2])), direction[:, 0].reshape(self.shape)

    def _lowest_of_products(self) -> tuple[float, Array]:
        # A symmetric start would not see the directions that break the symmetry of the code.
        start = np.random.default_rng(0).standard_normal(self.gradient.size)
        try:
            values, vectors = eigsh(self.H, k=1, which="SA", tol=1e-2, ncv=LANCZOS, maxiter=RESTARTS, v0=start)
        except ArpackError:
            return np.nan, np.zeros(self.shape)
        return float(values[0] / (self.unit * 2 * self.shape[2])), vectors[:, 0].reshape(self.shape)


def _hessian_operator(objective: RungObjective, point: Array) -> LinearOperator:
    flat = gauge(point)
    lift = float(objective.value_and_gradient(point[None])[0][0]) / point.shape[2]
    compiled = machine_code_for(objective)

    def product(x: Array) -> Array:
        direction = x.reshape(point.shape)
        if compiled is None:
            curved = objective.hessian_product(point, direction[None])[0]
        else:
            curved = compiled.fit_hessian_product(point, direction, objective.column, objective.weight)
            curved += objective.penalty_hessian_product(point, direction[None])[0]
        return curved.ravel() + lift * flat @ (flat.T @ x.ravel())

    return LinearOperator((point.size, point.size), matvec=product, dtype=float)

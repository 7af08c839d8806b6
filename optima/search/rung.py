"""Local minima of one rank: batched descent, then Newton steps and the curvature at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from types import ModuleType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve, eigh
from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh, minres

from optima.model import Array
from optima.model.content import Content
from optima.search.lbfgs import lbfgs
from optima.search.rung_objective import RungObjective, gauge, products
from optima.workers.machine import loaded

Verdict = Literal["minimum", "saddle", "not converged", "unverified", "rank dropped"]

# A singular value this much smaller than the largest is on its way to zero.
DROPPED = 1e-6
# Singular values this small are on their way to the zero logits.
VANISHED = 1e-10
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
# Steps of a descent, and after how many of them the starts above their ceiling are set aside.
STEPS = 200
# Steps of the descent of one point to rest: the valleys of codes of a thousand points are long.
LONG = 20_000
# In numpy fewer: codes of few classes have no long valleys, and a step costs a hundred times as much.
LONG_IN_NUMPY = 2000
SHORT = 50
# Smallest singular value, in units of the largest, under which a descent is asked whether it is losing rank.
THIN = 1e-3


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


@dataclass(frozen=True)
class Batch:
    """Where the descents of a batch of starts ended: factors (S, 2, K, r), losses and gradient norms (S,).

    ``dropped`` says which of them lose rank, or everything.
    """

    factors: Array
    loss: Array
    gradient_norm: Array
    dropped: NDArray[np.bool_]


def descend(
    objective: RungObjective,
    starts: Array,
    steps: int = STEPS,
    tolerance: float = 1e-6,
    ceiling: float | Array = np.inf,
    aim: float = np.inf,
    known: Sequence[float] = (),
    look: int = 1,
) -> Batch:
    """Minimise log F from a batch of starts (S, 2, K, r) by limited-memory BFGS.

    Stops a start once the gradient of log F times the size of its factors is about ``tolerance``. After the first
    steps those that are seen to lose rank (for p < 1) and those still above ``ceiling``, one number or one for each
    start, are left where they are. Losing rank is a smallest singular value under 1e-3 of the largest which the
    penalty pulls down harder than the whole gradient of the fit could hold it up, or one under 1e-6 of the largest.

    Cross-entropy runs in machine code where numba is installed, one start after another, if not to be interpreted.
    There a start is also left where it is when it has come down to within 1e-7 of one of the losses ``known`` and is
    nearly at rest, which is asked every ``look`` steps, and when a hundred steps like the last ten would not bring it
    down to ``aim``.
    """
    count = len(starts)
    ceiling = np.broadcast_to(np.asarray(ceiling, dtype=float), (count,))
    compiled = machine_code_for(objective)
    if compiled is None:
        with np.errstate(over="ignore", invalid="ignore"):
            return _descend_in_two(objective, starts, steps, tolerance, ceiling)
    reg, p = (np.ascontiguousarray(np.broadcast_to(values, (count,))) for values in (objective.reg, objective.p))
    factors, loss, norm, _, ends, extremes = compiled.descend(
        np.ascontiguousarray(starts),
        reg,
        p,
        objective.column,
        objective.weight,
        steps,
        tolerance,
        np.ascontiguousarray(ceiling),
        aim,
        SHORT,
        THIN,
        np.array(known, dtype=float),
        look,
    )
    dropped = ends == compiled.DROPPING
    low, high = extremes.T
    doubtful = ~dropped & ~((low > 2 * DROPPED * high) & (low > 2 * VANISHED))
    if doubtful.any():
        dropped[doubtful] = _vanishing(factors[doubtful])
    return Batch(factors, loss, norm, dropped)


@cache
def machine_code() -> ModuleType | None:
    """The compiled descent; None, and numpy does its work, where numba is not installed or does not run."""
    return loaded("optima.search.compiled")


def machine_code_for(objective: RungObjective) -> ModuleType | None:
    """The compiled functions where they are to do the work of this objective."""
    return machine_code() if objective.loss == "ce" and not objective.interpreted else None


def _vanishing(factors: Array) -> NDArray[np.bool_]:
    factors = np.where(np.isfinite(factors), factors, 0.0)
    # The extreme singular values of A times those of B enclose those of A B^T, which settles most points.
    with np.errstate(over="ignore", invalid="ignore"):
        gram = np.swapaxes(factors, -1, -2) @ factors
    s = np.sqrt(np.maximum(np.linalg.eigvalsh(np.where(np.isfinite(gram), gram, 0.0)), 0.0))
    low, high = s[:, 0, 0] * s[:, 1, 0], s[:, 0, -1] * s[:, 1, -1]
    out: NDArray[np.bool_] = (low < 2 * DROPPED * high) | (low < 2 * VANISHED)
    if out.any():
        s = np.linalg.norm(balanced(factors[out])[:, 0], axis=1) ** 2
        out[out] = (s.min(axis=1) < DROPPED * s.max(axis=1)) | (s.max(axis=1) < VANISHED)
    return out


def _losing_rank(objective: RungObjective, factors: Array) -> NDArray[np.bool_]:
    """Whether the penalty on a small singular value outweighs the gradient of the fit (never for p = 1)."""
    s = np.linalg.norm(balanced(factors)[:, 0], axis=1) ** 2
    slope = objective.fit(products(factors))[1]
    low = np.maximum(s.min(axis=1), 1e-300)
    pull = objective.reg * low ** (objective.p - 1)
    pulled = (pull > np.linalg.norm(slope, axis=(1, 2))) & (objective.p < 1)
    return np.logical_and(low < THIN * s.max(axis=1), pulled)


def _descend_in_two(objective: RungObjective, starts: Array, steps: int, tolerance: float, ceiling: Array) -> Batch:
    end = _descend(objective, starts, min(steps, SHORT), tolerance)
    np.logical_or(end.dropped, _losing_rank(objective, end.factors), out=end.dropped)
    lost = end.dropped & (objective.p < 1)
    going = np.flatnonzero((end.gradient_norm > tolerance) & ~lost & (end.loss <= ceiling))
    if going.size and steps > SHORT:
        rest = _descend(objective.take(going), end.factors[going], steps - SHORT, tolerance)
        for whole, part in zip(vars(end).values(), vars(rest).values(), strict=True):
            whole[going] = part
    return end


def _descend(objective: RungObjective, starts: Array, steps: int, tolerance: float) -> Batch:
    rank, size = starts.shape[3], np.sqrt(np.sum(starts**2, axis=(1, 2, 3)))[:, None]

    def function(x: Array, rows: NDArray[np.intp]) -> tuple[Array, Array]:
        # In units of the factors' size, so that the first step and the tolerance fit every problem.
        value, gradient = objective.take(rows).log_value_and_gradient(size[rows] * x, rank)
        return value, size[rows] * gradient

    end = lbfgs(function, starts.reshape(len(starts), -1) / size, steps, tolerance)
    factors = (size * end.x).reshape(starts.shape)
    return Batch(factors, np.exp(end.value), np.linalg.norm(end.gradient, axis=1), _vanishing(factors))


def balanced(factors: Array) -> Array:
    """The same products A B^T (S, K, K) in balanced factors of the same rank, largest singular value first."""
    left, R = np.linalg.qr(factors[:, 0])
    right, T = np.linalg.qr(factors[:, 1])
    U, s, V = np.linalg.svd(R @ np.swapaxes(T, 1, 2))
    root = np.sqrt(s)[:, None, :]
    return np.stack([left @ U * root, right @ np.swapaxes(V, 1, 2) * root], axis=1)


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

"""Descents on one rung: a batch of starts at once, each to a stationary point or to where it loses rank."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from optima.model import Array
from optima.search.lbfgs import lbfgs
from optima.search.rung_objective import RungObjective, products
from optima.workers.machine import loaded

# A singular value this much smaller than the largest is on its way to zero.
DROPPED = 1e-6
# Singular values this small are on their way to the zero logits.
VANISHED = 1e-10
# Steps of a descent, and after how many of them the starts above their ceiling are set aside.
STEPS = 200
SHORT = 50
# Smallest singular value, in units of the largest, under which a descent is asked whether it is losing rank.
THIN = 1e-3


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

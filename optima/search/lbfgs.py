"""Limited-memory BFGS for a batch of independent problems in one array program."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optima.model import Array

# Function values, gradients and whatever rows of the batch they belong to.
BatchFunction = Callable[[Array, NDArray[np.intp]], tuple[Array, Array]]

MEMORY = 10
# Armijo's constant of sufficient decrease.
DECREASE = 1e-4
MOST_BACKTRACKS = 25
# Longest step, in units of the size of the point.
REACH = 2.0


@dataclass
class Ends:
    """Where a batch of descents ended: points (S, D), values (S,), gradients (S, D), steps taken (S,)."""

    x: Array
    value: Array
    gradient: Array
    steps: NDArray[np.int64]


def lbfgs(function: BatchFunction, start: Array, steps: int, tolerance: float) -> Ends:
    """Minimise each row of a batch until its gradient norm is at most ``tolerance`` or ``steps`` are done.

    ``function(x, rows)`` returns values (P,) and gradients (P, D) at the points x (P, D) of the problems
    numbered ``rows``. Rows leave the batch as they finish, or when no step decreases their value.
    """
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        return _lbfgs(function, start, steps, tolerance)


def _lbfgs(function: BatchFunction, start: Array, steps: int, tolerance: float) -> Ends:
    x = start.copy()
    value, gradient = function(x, np.arange(len(x)))
    taken = np.zeros(len(x), dtype=np.int64)
    rows = np.flatnonzero(_norm(gradient) > tolerance)
    history = _History(len(rows), x.shape[1])
    for _ in range(steps):
        if not rows.size:
            break
        g = gradient[rows]
        direction = history.direction(g)
        slope = _dot(direction, g)
        downhill = slope < -1e-12 * _norm(direction) * _norm(g)
        direction[~downhill] = -g[~downhill]
        slope = np.where(downhill, slope, -_dot(g, g))
        first = history.count == 0
        length = np.where(first, np.minimum(1.0, 1.0 / np.maximum(_norm(g), 1e-300)), 1.0)
        length = np.minimum(length, REACH * _norm(x[rows]) / np.maximum(_norm(direction), 1e-300))
        moved, new_value, new_gradient = _search(function, rows, x[rows], value[rows], direction, slope, length)
        history.update(np.where(moved[:, None], new_gradient - g, 0.0), moved, direction)
        taken[rows] += 1
        # Along the gradient, a step that lowers nothing is at the floor of rounding; from remembered curvature it
        # counts as failed unless the gradient went down.
        nothing = (moved > 0) & ~(new_value < value[rows])
        floor, stuck = nothing & first, nothing & ~first & ~(_norm(new_gradient) < _norm(g))
        keep_x = rows[moved > 0]
        x[keep_x] += (moved[:, None] * direction)[moved > 0]
        value[keep_x], gradient[keep_x] = new_value[moved > 0], new_gradient[moved > 0]
        going = (moved > 0) & ~floor & (_norm(gradient[rows]) > tolerance)
        # A failed step from remembered curvature gets a second chance along the gradient.
        again = ((moved == 0) | stuck) & (history.count > 0)
        history.forget(again)
        alive = going | again
        rows = rows[alive]
        history.keep(alive)
    return Ends(x, value, gradient, taken)


def _search(
    function: BatchFunction,
    rows: NDArray[np.intp],
    x: Array,
    value: Array,
    direction: Array,
    slope: Array,
    length: Array,
) -> tuple[Array, Array, Array]:
    """Backtracking with quadratic interpolation: accepted step lengths (0 where none), values, gradients."""
    accepted = np.zeros(len(rows))
    best_value, best_gradient = value.copy(), np.zeros_like(x)
    pending = np.arange(len(rows))
    length = length.copy()
    for _ in range(MOST_BACKTRACKS):
        trial_value, trial_gradient = function(x[pending] + length[pending, None] * direction[pending], rows[pending])
        fine = np.isfinite(trial_value) & (trial_value <= value[pending] + DECREASE * length[pending] * slope[pending])
        done = pending[fine]
        accepted[done], best_value[done], best_gradient[done] = length[done], trial_value[fine], trial_gradient[fine]
        bad, pending = ~fine, pending[~fine]
        if not pending.size:
            break
        rise = trial_value[bad] - value[pending] - length[pending] * slope[pending]
        guess = -0.5 * slope[pending] * length[pending] ** 2 / rise
        guess = np.where(np.isfinite(guess), guess, 0.0)
        length[pending] = np.clip(guess, 0.1 * length[pending], 0.5 * length[pending])
    return accepted, best_value, best_gradient


class _History:
    """The last MEMORY steps and gradient changes of each row still in the batch."""

    def __init__(self, rows: int, size: int) -> None:
        self.s = np.zeros((MEMORY, rows, size))
        self.y = np.zeros((MEMORY, rows, size))
        self.rho = np.zeros((MEMORY, rows))
        self.count = np.zeros(rows, dtype=np.int64)
        self.gamma = np.ones(rows)

    def direction(self, gradient: Array) -> Array:
        """Two-loop recursion; unused slots have rho = 0 and drop out."""
        q = gradient.copy()
        alpha = np.zeros_like(self.rho)
        for i in range(MEMORY - 1, -1, -1):
            alpha[i] = self.rho[i] * _dot(self.s[i], q)
            q -= alpha[i][:, None] * self.y[i]
        q *= self.gamma[:, None]
        for i in range(MEMORY):
            beta = self.rho[i] * _dot(self.y[i], q)
            q += (alpha[i] - beta)[:, None] * self.s[i]
        return -q

    def update(self, change: Array, moved: Array, direction: Array) -> None:
        """Remember the step of the rows that moved along positive curvature."""
        step = moved[:, None] * direction
        curvature, size = _dot(step, change), _dot(change, change)
        good = curvature > 1e-10 * np.sqrt(_dot(step, step) * size)
        for store, new in ((self.s, step), (self.y, change)):
            store[:-1, good] = store[1:, good]
            store[-1, good] = new[good]
        self.rho[:-1, good] = self.rho[1:, good]
        self.rho[-1, good] = 1.0 / curvature[good]
        self.gamma[good] = curvature[good] / size[good]
        self.count[good] += 1

    def forget(self, rows: NDArray[np.bool_]) -> None:
        """Start again from the gradient."""
        self.rho[:, rows] = 0.0
        self.gamma[rows] = 1.0
        self.count[rows] = 0

    def keep(self, rows: NDArray[np.bool_]) -> None:
        """Drop the rows that left the batch."""
        if rows.all():
            return
        self.s, self.y, self.rho = self.s[:, rows], self.y[:, rows], self.rho[:, rows]
        self.count, self.gamma = self.count[rows], self.gamma[rows]


def _dot(a: Array, b: Array) -> Array:
    return np.einsum("sd,sd->s", a, b)


def _norm(a: Array) -> Array:
    return np.sqrt(_dot(a, a))

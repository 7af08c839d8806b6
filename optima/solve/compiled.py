"""The descent of one rung in machine code, for codes so small that interpreting a step costs more than its arithmetic.

The same limited-memory BFGS on log F as :mod:`optima.solve.lbfgs`, cross-entropy only, one start after another.
Needs the optional dependency numba; the first call compiles, which is kept on disk for later processes.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from optima.model import Array
from optima.solve.lbfgs import DECREASE, MEMORY, MOST_BACKTRACKS, REACH

# Steps between two looks at the singular values and the ceiling.
LOOK = 10
# Sweeps of Jacobi's method at most, and the off-diagonal part, in units of the trace, that ends them.
SWEEPS = 30
OFF = 1e-14
# Beyond this rank the eigenproblem is LAPACK's.
JACOBI = 16

Integers = NDArray[np.int64]

CONVERGED, UNFINISHED, STUCK, DROPPING, ABANDONED = range(5)


@njit(cache=True, nogil=True, error_model="numpy")
def descend(
    starts: Array,
    reg: Array,
    p: Array,
    column: Array,
    weight: Array,
    steps: int,
    tolerance: float,
    ceiling: Array,
    patience: int,
    thin: float,
) -> tuple[Array, Array, Array, Integers, Integers]:
    """Minimise log F from each of the starts (S, 2, K, r); ``reg``, ``p`` and ``ceiling`` have shape (S,).

    From step ``patience`` on a start is left where it is when it is above its ceiling, and earlier when its
    smallest singular value is under ``thin`` times the largest and the penalty pulls it down more than the
    gradient of the fit, in Frobenius norm, could hold it up. Returns the points, F, the gradient norms of log F
    times the size of the start, the steps taken and how each descent ended.
    """
    count, _, K, r = starts.shape
    points = starts.copy()
    values, norms = np.empty(count), np.empty(count)
    taken, ends = np.zeros(count, np.int64), np.zeros(count, np.int64)
    vectors = np.empty((2, r, r))
    work = (np.empty((K, K)), np.empty((r, r)), np.empty((r, r)), np.empty(r), np.empty(3))
    for i in range(count):
        vectors[0] = vectors[1] = np.eye(r)
        values[i], norms[i], taken[i], ends[i] = _descend_one(
            points[i], reg[i], p[i], column, weight, steps, tolerance, ceiling[i], patience, thin, vectors, work
        )
    return points, values, norms, taken, ends


@njit(cache=True, nogil=True, error_model="numpy")
def _descend_one(
    point: Array,
    reg: float,
    p: float,
    column: Array,
    weight: Array,
    steps: int,
    tolerance: float,
    ceiling: float,
    patience: int,
    thin: float,
    vectors: Array,
    work: tuple[Array, ...],
) -> tuple[float, float, int, int]:
    size = math.sqrt(np.sum(point * point))
    D = point.size
    x = point.reshape(D)
    gradient, trial_point, trial_gradient = np.empty_like(point), np.empty_like(point), np.empty_like(point)
    g, trial, trial_g = gradient.reshape(D), trial_point.reshape(D), trial_gradient.reshape(D)
    S, Y, rho, alpha = np.zeros((MEMORY, D)), np.zeros((MEMORY, D)), np.zeros(MEMORY), np.zeros(MEMORY)
    direction = np.empty(D)
    count, newest, gamma = 0, -1, 1.0
    # All steps are in units of the size of the start: x = size * (what is minimised over).
    value = _evaluate(point, reg, p, column, weight, gradient, vectors, work)
    unit = size / value
    norm = math.sqrt(np.dot(g, g)) * unit
    for step in range(steps):
        if norm <= tolerance:
            return value, norm, step, CONVERGED
        if step % LOOK == 0 and step > 0:
            if p < 1 and _dropping(reg, p, thin, work[4]):
                return value, norm, step, DROPPING
            if step >= patience and value > ceiling:
                return value, norm, step, ABANDONED
        _direction(g, unit, S, Y, rho, alpha, gamma, count, newest, direction)
        slope = np.dot(direction, g) * unit
        length = math.sqrt(np.dot(direction, direction))
        if not slope < -1e-12 * length * norm:
            for k in range(D):
                direction[k] = -g[k] * unit
            slope, length = -norm * norm, norm
        t = 1.0 if count else min(1.0, 1.0 / max(norm, 1e-300))
        t = min(t, REACH * math.sqrt(np.dot(x, x)) / size / max(length, 1e-300))
        moved, level = False, math.log(value)
        for _ in range(MOST_BACKTRACKS):
            for k in range(D):
                trial[k] = x[k] + t * size * direction[k]
            trial_value = _evaluate(trial_point, reg, p, column, weight, trial_gradient, vectors, work)
            rise = math.log(trial_value) - level - t * slope
            if math.isfinite(trial_value) and rise <= (DECREASE - 1) * t * slope:
                moved = True
                break
            guess = -0.5 * slope * t * t / rise
            if not math.isfinite(guess):
                guess = 0.0
            t = min(max(guess, 0.1 * t), 0.5 * t)
        if not moved:
            if count == 0:
                return value, norm, step, STUCK
            # A failed step from remembered curvature gets a second chance along the gradient.
            count, newest, gamma = 0, -1, 1.0
            continue
        new_unit = size / trial_value
        slot = (newest + 1) % MEMORY
        curvature, change, stride = 0.0, 0.0, 0.0
        for k in range(D):
            s = t * direction[k]
            y = trial_g[k] * new_unit - g[k] * unit
            S[slot, k], Y[slot, k] = s, y
            curvature += s * y
            change += y * y
            stride += s * s
        if curvature > 1e-10 * math.sqrt(stride * change):
            rho[slot], gamma = 1.0 / curvature, curvature / change
            newest, count = slot, min(count + 1, MEMORY)
        elif count == MEMORY:
            # The oldest pair was overwritten by one that cannot be used.
            rho[slot] = 0.0
        x[:] = trial
        g[:] = trial_g
        value, unit = trial_value, new_unit
        norm = math.sqrt(np.dot(g, g)) * unit
    return value, norm, steps, CONVERGED if norm <= tolerance else UNFINISHED


@njit(cache=True, nogil=True, error_model="numpy")
def _direction(
    g: Array,
    unit: float,
    S: Array,
    Y: Array,
    rho: Array,
    alpha: Array,
    gamma: float,
    count: int,
    newest: int,
    direction: Array,
) -> None:
    """Two-loop recursion over the last ``count`` pairs of the ring."""
    D = g.size
    for k in range(D):
        direction[k] = -g[k] * unit
    for back in range(count):
        i = (newest - back) % MEMORY
        alpha[i] = rho[i] * np.dot(S[i], direction)
        a = alpha[i]
        for k in range(D):
            direction[k] -= a * Y[i, k]
    for k in range(D):
        direction[k] *= gamma
    for back in range(count - 1, -1, -1):
        i = (newest - back) % MEMORY
        a = alpha[i] - rho[i] * np.dot(Y[i], direction)
        for k in range(D):
            direction[k] += a * S[i, k]


@njit(cache=True, nogil=True, error_model="numpy")
def _dropping(reg: float, p: float, thin: float, seen: Array) -> bool:
    smallest, largest, push = seen
    return smallest < thin * largest and reg * smallest ** (p - 1) > push


@njit(cache=True, nogil=True, error_model="numpy")
def _evaluate(
    point: Array,
    reg: float,
    p: float,
    column: Array,
    weight: Array,
    gradient: Array,
    vectors: Array,
    work: tuple[Array, ...],
) -> float:
    """F at a point (2, K, r); its gradient goes to ``gradient``.

    ``vectors`` (2, r, r) are orthogonal, best near eigenvectors of the two Gram matrices, which they become.
    ``work[4]`` receives the smallest and the largest singular value of A B^T (as the geometric means of the
    eigenvalues of the two Gram matrices, exact for balanced factors) and the Frobenius norm of the fit's gradient.
    """
    slope, gram, middle, eigenvalues, seen = work
    A, B = point[0], point[1]
    K, r = A.shape
    # Row c of this array belongs to class c: its logits, then the gradient of the fit.
    np.dot(B, A.T, slope)
    fit = 0.0
    for c in range(K):
        own, scale = slope[c, c], column[c]
        total = 0.0
        for j in range(K):
            slope[c, j] = math.exp((slope[c, j] - own) * scale)
            total += slope[c, j]
        total = _without_own(slope, c, total)
        fit += weight[c] * math.log1p(total)
        share = weight[c] * scale / (1 + total)
        for j in range(K):
            slope[c, j] *= share
        slope[c, c] = -total * share
    if not math.isfinite(fit):
        return np.inf
    np.dot(slope.T, B, gradient[0])
    np.dot(slope, A, gradient[1])
    seen[0], seen[1], seen[2] = 1.0, 1.0, math.sqrt(np.sum(slope * slope))
    penalty = 0.0
    for side in range(2):
        factor, out = point[side], gradient[side]
        if p == 1.0:
            penalty += np.sum(factor * factor)
            for c in range(K):
                for k in range(r):
                    out[c, k] += reg * factor[c, k]
            continue
        np.dot(factor.T, factor, gram)
        if not math.isfinite(np.trace(gram)):
            return np.inf
        Q = vectors[side]
        _eigen(gram, Q, eigenvalues, middle)
        low, high = np.inf, 0.0
        for k in range(r):
            w = max(eigenvalues[k], 1e-300)
            low, high = min(low, w), max(high, w)
            power = w ** (p - 1)
            penalty += w * power
            for i in range(r):
                gram[i, k] = Q[i, k] * power * reg
        seen[0] *= math.sqrt(low)
        seen[1] *= math.sqrt(high)
        np.dot(gram, Q.T, middle)
        for c in range(K):
            for i in range(r):
                a = factor[c, i]
                for k in range(r):
                    out[c, k] += a * middle[i, k]
    return fit + 0.5 * reg / p * penalty


@njit(cache=True, nogil=True, error_model="numpy")
def _without_own(odds: Array, c: int, total: float) -> float:
    """The sum of the odds of the rivals; summed again where taking the own 1 away would lose digits."""
    if total > 1.5:
        return total - 1.0
    total = 0.0
    for j in range(odds.shape[0]):
        if j != c:
            total += odds[c, j]
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def _eigen(gram: Array, vectors: Array, eigenvalues: Array, scratch: Array) -> None:
    """Eigenvalues and eigenvectors of a symmetric matrix, by Jacobi's method while it is small; ``gram`` is lost.

    Jacobi's method begins from the orthogonal ``vectors``: after a small step few rotations are left to do.
    """
    r = gram.shape[0]
    if r > JACOBI:
        w, Q = np.linalg.eigh(gram)
        eigenvalues[:] = w
        vectors[:] = Q
        return
    np.dot(gram, vectors, scratch)
    np.dot(vectors.T, scratch, gram)
    for _ in range(SWEEPS):
        off, trace = 0.0, 0.0
        for i in range(r):
            trace += gram[i, i]
            for j in range(i):
                off += gram[i, j] ** 2
        if off <= (OFF * trace) ** 2:
            break
        for i in range(r - 1):
            for j in range(i + 1, r):
                _rotate(gram, vectors, i, j)
    for k in range(r):
        eigenvalues[k] = gram[k, k]


@njit(cache=True, nogil=True, error_model="numpy")
def _rotate(gram: Array, vectors: Array, i: int, j: int) -> None:
    """One Jacobi rotation that makes gram[i, j] zero."""
    b = gram[i, j]
    if b == 0.0:
        return
    theta = (gram[j, j] - gram[i, i]) / (2 * b)
    t = 1.0 / (abs(theta) + math.sqrt(theta * theta + 1))
    if theta < 0:
        t = -t
    c = 1.0 / math.sqrt(t * t + 1)
    s = t * c
    for k in range(gram.shape[0]):
        x, y = gram[k, i], gram[k, j]
        gram[k, i], gram[k, j] = c * x - s * y, s * x + c * y
        x, y = vectors[k, i], vectors[k, j]
        vectors[k, i], vectors[k, j] = c * x - s * y, s * x + c * y
    for k in range(gram.shape[0]):
        x, y = gram[i, k], gram[j, k]
        gram[i, k], gram[j, k] = c * x - s * y, s * x + c * y

"""The inner minima of the dual in machine code, one box after another: what :mod:`optima.proofs.dual` does in numpy.

Matrices are of order three at most, so that nothing is gained by handing many boxes to LAPACK at once, and most of
numpy's time goes to making arrays. Needs the optional dependency numba.
"""

from __future__ import annotations

import math

import numpy as np

from optima.model import Array
from optima.workers.machine import machine


def bounds(
    rival: Array, weight: Array, count: Array, rivals: float, S: Array, E: Array, x: Array, steps: int, close: float
) -> tuple[Array, Array]:
    """Lower bounds of phi (N,) and inner points (N, C, m) from inner points x, by at most so many Newton steps.

    ``rival`` (C, J, k), ``S`` (N, k, m) and E (N, m, m) as in the dual; the steps end where what a box has lost is
    below ``close`` times its value. Minus infinity where E is not positive definite beyond rounding.
    """
    N, C, m = x.shape
    J, points, found = rival.shape[1], np.array(x, order="C"), np.empty(N)
    work = tuple(np.empty(shape) for shape in ((C, J, m), (C, J), (C, m), (m, m), (m, m), (C, m), (m,)))
    S, E = np.ascontiguousarray(S), np.ascontiguousarray(E)
    _bounds(rival, weight, count, float(rivals), S, E, points, steps, close, found, *work)
    return found, points


@machine()
def _bounds(
    rival: Array,
    weight: Array,
    count: Array,
    rivals: float,
    S: Array,
    E: Array,
    points: Array,
    steps: int,
    close: float,
    found: Array,
    scaled: Array,
    odds: Array,
    gradients: Array,
    hessian: Array,
    factor: Array,
    mean: Array,
    step: Array,
) -> None:
    N, C, m = points.shape
    J = rival.shape[1]
    for n in range(N):
        for c in range(C):
            _scale(rival[c], S[n], scaled[c])
        # The last round only bounds.
        last = steps
        for turn in range(steps + 1):
            _factorise(E[n], factor, 0.0)
            value, lost, worst = 0.0, 0.0, 0.0
            for c in range(C):
                x = points[n, c]
                value += _inner(scaled[c], weight[c], count[c], rivals, E[n], x, odds[c], mean[c], gradients[c])
                for a in range(m):
                    step[a] = gradients[c, a]
                _solve(factor, step)
                here = 0.0
                for a in range(m):
                    here += gradients[c, a] * step[a]
                here /= 4 * count[c]
                # In this order a loss that is no number stays.
                lost += here
                worst = worst if here <= worst else here
            if turn == last:
                break
            if not worst > close * value:
                # One more step, of a method that converges quadratically, and its bound.
                last = turn + 1
            for c in range(C):
                _invertible(scaled[c], weight[c], count[c], E[n], odds[c], mean[c], hessian, factor)
                for a in range(m):
                    step[a] = gradients[c, a]
                _solve(factor, step)
                reach = 0.0
                for j in range(J):
                    moved = 0.0
                    for a in range(m):
                        moved += scaled[c, j, a] * step[a]
                    reach = max(reach, abs(moved))
                share = math.log1p(reach) / reach if reach > 1e-3 else 1.0
                for a in range(m):
                    points[n, c, a] -= share * step[a]
        found[n] = value - lost


def expansions(
    rival: Array, weight: Array, count: Array, rivals: float, basis: Array, S: Array, E: Array, x: Array
) -> tuple[Array, Array]:
    """Gradient (N, k) and negative curvature (N, k, k) of phi in the basis (k, m, m), from inner points (N, C, m)."""
    N, _, m = x.shape
    k, J = len(basis), rival.shape[1]
    gradient, curvature = np.zeros((N, k)), np.zeros((N, k, k))
    work = tuple(np.empty(shape) for shape in ((J, m), (J,), (m,), (m, m), (m, m), (m,), (k, m), (m,)))
    S, E, x = np.ascontiguousarray(S), np.ascontiguousarray(E), np.ascontiguousarray(x)
    _expansions(rival, weight, count, float(rivals), basis, S, E, x, gradient, curvature, *work)
    return gradient, curvature


@machine()
def _expansions(
    rival: Array,
    weight: Array,
    count: Array,
    rivals: float,
    basis: Array,
    S: Array,
    E: Array,
    points: Array,
    gradient: Array,
    curvature: Array,
    scaled: Array,
    odds: Array,
    slope: Array,
    hessian: Array,
    factor: Array,
    mean: Array,
    pull: Array,
    step: Array,
) -> None:
    N, C, m = points.shape
    for n in range(N):
        for c in range(C):
            _scale(rival[c], S[n], scaled)
            x = points[n, c]
            _inner(scaled, weight[c], count[c], rivals, E[n], x, odds, mean, slope)
            _invertible(scaled, weight[c], count[c], E[n], odds, mean, hessian, factor)
            for p in range(pull.shape[0]):
                for a in range(m):
                    total = 0.0
                    for b in range(m):
                        total += basis[p, a, b] * x[b]
                    pull[p, a] = 2 * count[c] * total
                    gradient[n, p] += 0.5 * pull[p, a] * x[a]
            for p in range(pull.shape[0]):
                for a in range(m):
                    step[a] = pull[p, a]
                _solve(factor, step)
                for q in range(pull.shape[0]):
                    for a in range(m):
                        curvature[n, q, p] += pull[q, a] * step[a]


@machine()
def _scale(rival: Array, S: Array, scaled: Array) -> None:
    """Differences (J, m) of one class in the coordinates of x."""
    for j in range(rival.shape[0]):
        for a in range(S.shape[1]):
            total = 0.0
            for b in range(S.shape[0]):
                total += rival[j, b] * S[b, a]
            scaled[j, a] = total


@machine()
def _inner(
    rival: Array,
    weight: float,
    count: float,
    rivals: float,
    E: Array,
    x: Array,
    odds: Array,
    mean: Array,
    gradient: Array,
) -> float:
    """Value and gradient of one class at x; leaves its shares in ``odds`` and the mean rival in ``mean``."""
    J, m = rival.shape
    top = 0.0
    for j in range(J):
        total = 0.0
        for a in range(m):
            total += rival[j, a] * x[a]
        odds[j] = total
        top = max(top, total)
    total = math.expm1(-top)
    for j in range(J):
        odds[j] = rivals * math.exp(odds[j] - top)
        total += odds[j]
    value = weight * (top + math.log1p(total))
    for a in range(m):
        mean[a] = 0.0
    for j in range(J):
        odds[j] /= 1 + total
        for a in range(m):
            mean[a] += odds[j] * rival[j, a]
    for a in range(m):
        pulled = 0.0
        for b in range(m):
            pulled += E[a, b] * x[b]
        pulled *= count
        value += x[a] * pulled
        gradient[a] = weight * mean[a] + 2 * pulled
    return value


@machine()
def _invertible(
    rival: Array, weight: float, count: float, E: Array, share: Array, mean: Array, hessian: Array, factor: Array
) -> None:
    """Hessian of one class from its shares, and Cholesky's factor of it, a little more so that there is one."""
    J, m = rival.shape
    trace = 0.0
    for a in range(m):
        for b in range(a + 1):
            total = 0.0
            for j in range(J):
                total += share[j] * rival[j, a] * rival[j, b]
            hessian[a, b] = weight * (total - mean[a] * mean[b]) + 2 * count * E[a, b]
            hessian[b, a] = hessian[a, b]
        trace += hessian[a, a]
    _factorise(hessian, factor, 1e-15 * max(trace, 1e-300))


@machine()
def _factorise(matrix: Array, factor: Array, more: float) -> None:
    """Cholesky's factor of matrix + more 1; not a number where a pivot is not positive."""
    m = matrix.shape[0]
    for a in range(m):
        for b in range(a + 1):
            total = matrix[a, b] + (more if a == b else 0.0)
            for i in range(b):
                total -= factor[a, i] * factor[b, i]
            if a == b:
                factor[a, a] = math.sqrt(total) if total > 0 else math.nan
            else:
                factor[a, b] = total / factor[b, b]


@machine()
def _solve(factor: Array, right: Array) -> None:
    """Solve with Cholesky's factor, in place."""
    m = right.size
    for a in range(m):
        for i in range(a):
            right[a] -= factor[a, i] * right[i]
        right[a] /= factor[a, a]
    for a in range(m - 1, -1, -1):
        for i in range(a + 1, m):
            right[a] -= factor[i, a] * right[i]
        right[a] /= factor[a, a]

"""The descent of one rung in machine code, and the curvature of the fit.

The same limited-memory BFGS on log F as :mod:`optima.search.lbfgs`, cross-entropy only, one start after another: with
few classes nothing is lost to interpreting a step, with many the logits are worked on in blocks that stay in the cache.
Needs the optional dependency numba; the first call compiles, which is kept on disk for later processes.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from optima.model import Array
from optima.search.lbfgs import DECREASE, MEMORY, MOST_BACKTRACKS, REACH
from optima.workers.machine import machine

# Steps between two looks at the singular values and the ceiling.
LOOK = 10
# What the steps between two looks brought down, this often again, should reach the aim.
SOON = 10
# A descent this close (relative) above a known minimum, with this gradient norm of log F, has met it.
SAME, RESTING = 1e-7, 1e-3
# Sweeps of Jacobi's method at most.
SWEEPS = 30
# The cosines that end them, in units of the gradient norm of log F, between these two. What is left is corrected to
# first order: the gradient is off by their square, F by their cube.
COSINE, LEAST_COSINE, LARGEST_COSINE = 0.03, 1e-5, 1e-3
# Beyond this rank the eigenproblem is LAPACK's.
JACOBI = 16

# Logits that are worked on together.
CACHE = 2**16
# The constants of e^x: where its argument is cut off, log 2 in two parts, and the power series.
LARGEST = 708.0
OVERFLOW = math.exp(LARGEST)
PER_LOG_2 = 1 / math.log(2)
LOG_2_HIGH, LOG_2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
SHIFT = 1.5 * 2.0**52
SERIES = tuple(1 / math.factorial(k) for k in range(14))

Integers = NDArray[np.int64]

CONVERGED, UNFINISHED, STUCK, DROPPING, ABANDONED, MET = range(6)


def descend(
    starts: Array,
    reg: Array,
    p: Array,
    column: Array,
    weight: Array,
    steps: int,
    tolerance: float,
    ceiling: Array,
    aim: float,
    patience: int,
    thin: float,
    known: Array,
    look: int,
) -> tuple[Array, Array, Array, Integers, Integers, Array]:
    """Minimise log F from each of the starts (S, 2, K, r); ``reg``, ``p`` and ``ceiling`` have shape (S,).

    From step ``patience`` on a start is left where it is when it is above its ceiling, or so slow that a hundred steps
    like the last ten would not bring it down to ``aim``, and earlier when its
    smallest singular value is under ``thin`` times the largest and the penalty pulls it down more than the
    gradient of the fit, in Frobenius norm, could hold it up, or when it has come down to one of the losses ``known``
    and is nearly at rest, which is asked every ``look`` steps. Returns the points, F, the gradient norms of log F times
    the size of the start, the steps taken, how each descent ended, and the smallest and largest singular value (S, 2)
    there as ``_evaluate`` has them, nan where they were not computed.
    """
    count, _, K, r = starts.shape
    points = np.array(starts, order="C")
    values, norms, extremes = np.empty(count), np.empty(count), np.full((count, 2), np.nan)
    taken, ends = np.zeros(count, np.int64), np.zeros(count, np.int64)
    # Room for the descents is made here: every array that machine code makes is more of it to compile.
    block, D = min(K, max(8, CACHE // K)), 2 * K * r
    shapes = (block, K), (K, r), (r, K), (r, r), (r, r), (r,), (r,), (3,)
    work = tuple(np.empty(shape) for shape in shapes)
    places, pairs, numbers, direction = (
        np.empty((3, 2, K, r)),
        np.empty((2, MEMORY, D)),
        np.empty((2, MEMORY)),
        np.empty(D),
    )
    flat, vectors, unit = places.reshape(3, D), np.empty((2, r, r)), np.eye(r)
    for i in range(count):
        pairs[:], numbers[:], vectors[:] = 0.0, 0.0, unit
        values[i], norms[i], taken[i], ends[i] = _descend_one(
            points[i],
            points[i].reshape(D),
            float(reg[i]),
            float(p[i]),
            column,
            weight,
            steps,
            tolerance,
            float(ceiling[i]),
            aim,
            patience,
            thin,
            known,
            look,
            vectors,
            extremes[i],
            work,
            places,
            flat,
            pairs,
            numbers,
            direction,
        )
    return points, values, norms, taken, ends, extremes


@machine()
def _descend_one(
    point: Array,
    x: Array,
    reg: float,
    p: float,
    column: Array,
    weight: Array,
    steps: int,
    tolerance: float,
    ceiling: float,
    aim: float,
    patience: int,
    thin: float,
    known: Array,
    look: int,
    vectors: Array,
    extremes: Array,
    work: tuple[Array, ...],
    places: Array,
    flat: Array,
    pairs: Array,
    numbers: Array,
    direction: Array,
) -> tuple[float, float, int, int]:
    """From ``point``, which becomes the end; ``x`` and ``flat`` are ``point`` and ``places`` as vectors."""
    gradient, trial_point, trial_gradient = places[0], places[1], places[2]
    g, trial, trial_g = flat[0], flat[1], flat[2]
    S, Y, rho, alpha = pairs[0], pairs[1], numbers[0], numbers[1]
    D = x.size
    size = math.sqrt(_dot(x, x))
    count, newest, gamma = 0, -1, 1.0
    # All steps are in units of the size of the start: x = size * (what is minimised over).
    value = _evaluate(point, reg, p, column, weight, LARGEST_COSINE, gradient, vectors, work)
    unit = size / value
    norm = math.sqrt(_dot(g, g)) * unit
    seen = value
    if p < 1 and math.isfinite(value):
        extremes[:] = work[7][:2]
    for step in range(steps):
        if norm <= tolerance:
            return value, norm, step, CONVERGED
        if step % LOOK == 0 and step > 0:
            if p < 1 and _dropping(reg, p, thin, work[7]):
                return value, norm, step, DROPPING
            if step >= patience and (value > ceiling or value - SOON * (seen - value) > aim):
                return value, norm, step, ABANDONED
            seen = value
        if step % look == 0 and step > 0 and norm <= RESTING and _met(value, known):
            return value, norm, step, MET
        _direction(g, unit, S, Y, rho, alpha, gamma, count, newest, direction)
        slope = _dot(direction, g) * unit
        length = math.sqrt(_dot(direction, direction))
        if not slope < -1e-12 * length * norm:
            for k in range(D):
                direction[k] = -g[k] * unit
            slope, length = -norm * norm, norm
        t = 1.0 if count else min(1.0, 1.0 / max(norm, 1e-300))
        t = min(t, REACH * math.sqrt(_dot(x, x)) / size / max(length, 1e-300))
        near = min(max(COSINE * norm, LEAST_COSINE), LARGEST_COSINE)
        moved, level = False, math.log(value)
        for _ in range(MOST_BACKTRACKS):
            for k in range(D):
                trial[k] = x[k] + t * size * direction[k]
            trial_value = _evaluate(trial_point, reg, p, column, weight, near, trial_gradient, vectors, work)
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
        for k in range(D):
            x[k], g[k] = trial[k], trial_g[k]
        value, unit = trial_value, new_unit
        if p < 1:
            extremes[:] = work[7][:2]
        norm = math.sqrt(_dot(g, g)) * unit
    return value, norm, steps, CONVERGED if norm <= tolerance else UNFINISHED


@machine(fastmath={"contract"})
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
        alpha[i] = rho[i] * _dot(S[i], direction)
        a = alpha[i]
        for k in range(D):
            direction[k] -= a * Y[i, k]
    for k in range(D):
        direction[k] *= gamma
    for back in range(count - 1, -1, -1):
        i = (newest - back) % MEMORY
        a = alpha[i] - rho[i] * _dot(Y[i], direction)
        for k in range(D):
            direction[k] += a * S[i, k]


@machine()
def _met(value: float, known: Array) -> bool:
    met = False
    for loss in known:
        met = met or loss <= value <= loss * (1 + SAME)
    return met


@machine()
def _dropping(reg: float, p: float, thin: float, seen: Array) -> bool:
    smallest, largest, push = seen
    return smallest < thin * largest and reg * smallest ** (p - 1) > push


@machine()
def _evaluate(
    point: Array,
    reg: float,
    p: float,
    column: Array,
    weight: Array,
    near: float,
    gradient: Array,
    vectors: Array,
    work: tuple[Array, ...],
) -> float:
    """F at a point (2, K, r); its gradient goes to ``gradient``.

    ``vectors`` (2, r, r) are orthogonal, best near eigenvectors (in rows) of the two Gram matrices, which they become
    to cosines of ``near``. ``work[7]`` receives the smallest and the largest singular value of A B^T (as the geometric
    means of the eigenvalues of the two Gram matrices, exact for balanced factors) and the Frobenius norm of the fit's
    gradient.
    """
    slope, part, turned, gram, middle, eigenvalues, powers, seen = work
    A, B = point[0], point[1]
    K, r = A.shape
    fit, square = 0.0, 0.0
    # Row c of the logits belongs to class c; as many rows at once as stay in the cache.
    for start in range(0, K, slope.shape[0]):
        stop = min(start + slope.shape[0], K)
        rows = slope[: stop - start]
        np.dot(B[start:stop], A.T, rows)
        _odds(rows, start, column)
        for c in range(start, stop):
            row = rows[c - start]
            total = _sum(row)
            if total >= OVERFLOW:
                return np.inf
            fit += weight[c] * math.log1p(total)
            share = weight[c] * column[c] / (1 + total)
            row[c] = -total
            square += _scaled(row, share)
        np.dot(rows, A, gradient[1][start:stop])
        if start == 0:
            np.dot(rows.T, B[start:stop], gradient[0])
        else:
            _add_product(rows.T, B[start:stop], part, gradient[0])
    if not math.isfinite(fit):
        return np.inf
    seen[0], seen[1], seen[2] = 1.0, 1.0, math.sqrt(square)
    penalty = 0.0
    for side in range(2):
        factor, out = point[side], gradient[side]
        if p == 1.0:
            for c in range(K):
                for k in range(r):
                    penalty += factor[c, k] * factor[c, k]
                    out[c, k] += reg * factor[c, k]
            continue
        Q = vectors[side]
        if not _eigen(factor, near, Q, turned, eigenvalues, gram):
            return np.inf
        low, high = np.inf, 0.0
        for k in range(r):
            w = max(eigenvalues[k], 1e-300)
            low, high = min(low, w), max(high, w)
            eigenvalues[k], powers[k] = w, w ** (p - 1)
            penalty += w * powers[k]
        seen[0] *= math.sqrt(low)
        seen[1] *= math.sqrt(high)
        penalty += p * _power(eigenvalues, powers, p - 1, gram)
        np.dot(gram, Q, middle)
        for i in range(r):
            for k in range(r):
                middle[i, k] *= reg
        np.dot(turned.T, middle, part)
        for c in range(K):
            for k in range(r):
                out[c, k] += part[c, k]
    return fit + 0.5 * reg / p * penalty


@machine()
def fits(products: Array, scales: Array, column: Array, weight: Array, room: Array, out: Array) -> None:
    """The fit at logits (S, K, K), whose row c belongs to class c, times each of the scales (T, S), to ``out``.

    ``room`` has as many rows of K as are worked on together.
    """
    K = column.size
    for s in range(products.shape[0]):
        for t in range(scales.shape[0]):
            fit = 0.0
            for start in range(0, K, room.shape[0]):
                stop = min(start + room.shape[0], K)
                rows = room[: stop - start]
                for c in range(start, stop):
                    for j in range(K):
                        rows[c - start, j] = products[s, c, j] * scales[t, s]
                _odds(rows, start, column)
                for c in range(start, stop):
                    total = _sum(rows[c - start])
                    fit += weight[c] * math.log1p(total) if total < OVERFLOW else np.inf
            out[t, s] = fit


@machine(fastmath={"contract"})
def _odds(rows: Array, start: int, column: Array) -> None:
    """e^((z_j - z_c) / sqrt(n_c)) in place of the logits z of class c, the row's number + start; 0 for itself.

    The rows are taken together, so that the compiler's vectors are full.
    """
    K = rows.shape[1]
    for i in range(rows.shape[0]):
        row, scale = rows[i], column[start + i]
        own = row[start + i]
        for j in range(K):
            row[j] = (row[j] - own) * scale
    _exponentials(rows.reshape(rows.size))
    for i in range(rows.shape[0]):
        rows[i, start + i] = 0.0


@machine(fastmath={"contract"})
def _exponentials(row: Array) -> None:
    """e^x in place, to an ulp, in a loop that the compiler turns into vector instructions.

    With k the integer nearest to x / log 2, e^x = 2^k e^(x - k log 2): a power series, and k put into the exponent.
    The sum of x / log 2 and 1.5 2^52 has k in its last bits. Beyond +-708 the result stays what it is there.
    """
    for j in range(row.size):
        x = min(max(row[j], -LARGEST), LARGEST)
        shifted = x * PER_LOG_2 + SHIFT
        k = shifted - SHIFT
        r = (x - k * LOG_2_HIGH) - k * LOG_2_LOW
        y = SERIES[13]
        y = y * r + SERIES[12]
        y = y * r + SERIES[11]
        y = y * r + SERIES[10]
        y = y * r + SERIES[9]
        y = y * r + SERIES[8]
        y = y * r + SERIES[7]
        y = y * r + SERIES[6]
        y = y * r + SERIES[5]
        y = y * r + SERIES[4]
        y = y * r + SERIES[3]
        y = y * r + SERIES[2]
        y = y * r + SERIES[1]
        y = y * r + SERIES[0]
        bits = np.float64(shifted).view(np.int64)
        row[j] = y * np.int64((bits + 1023) << 52).view(np.float64)


@machine(fastmath={"reassoc"})
def _sum(row: Array) -> float:
    total = 0.0
    for j in range(row.size):
        total += row[j]
    return total


@machine(fastmath={"reassoc", "contract"})
def _scaled(row: Array, factor: float) -> float:
    """A row times a factor, in place; its sum of squares."""
    total = 0.0
    for j in range(row.size):
        row[j] *= factor
        total += row[j] * row[j]
    return total


@machine()
def _eigen(factor: Array, near: float, vectors: Array, turned: Array, eigenvalues: Array, gram: Array) -> bool:
    """Near eigenvectors, in rows, of factor^T factor, for small ranks by rotations of the orthogonal ``vectors``.

    ``turned`` becomes vectors @ factor^T and ``gram`` what its Gram matrix has off the diagonal, cosines of at most
    ``near``; the diagonal goes to ``eigenvalues``. Jacobi's method, on one side: after a small step few rotations are
    left to do. False, and all is in vain, where numbers overflow.
    """
    r = vectors.shape[0]
    if r > JACOBI:
        np.dot(factor.T, factor, gram)
        if not math.isfinite(np.trace(gram)):
            return False
        eigenvalues[:], found = np.linalg.eigh(gram)
        vectors[:], gram[:] = found.T, 0.0
        np.dot(vectors, factor.T, turned)
        return True
    np.dot(vectors, factor.T, turned)
    for _ in range(SWEEPS):
        trace = 0.0
        for i in range(r):
            eigenvalues[i] = _dot(turned[i], turned[i])
            trace += eigenvalues[i]
        if not math.isfinite(trace):
            return False
        still = True
        # Pairs one after the other without a row in common, so that the processor turns several at once.
        for turn in range(r):
            for i in range(r):
                j = turn - i if turn >= i else turn - i + r
                if j <= i:
                    continue
                b = _dot(turned[i], turned[j])
                gram[i, j] = gram[j, i] = b
                if abs(b) > near * math.sqrt(eigenvalues[i] * eigenvalues[j]):
                    still = False
                    _rotate(turned, vectors, eigenvalues, b, i, j)
        if still:
            break
    return True


@machine()
def _rotate(turned: Array, vectors: Array, eigenvalues: Array, b: float, i: int, j: int) -> None:
    """The Jacobi rotation that makes rows i and j, whose product is b, orthogonal."""
    theta = (eigenvalues[j] - eigenvalues[i]) / (2 * b)
    t = 1.0 / (abs(theta) + math.sqrt(theta * theta + 1))
    if theta < 0:
        t = -t
    c = 1.0 / math.sqrt(t * t + 1)
    s = t * c
    eigenvalues[i] = max(eigenvalues[i] - t * b, 0.0)
    eigenvalues[j] = max(eigenvalues[j] + t * b, 0.0)
    for k in range(turned.shape[1]):
        x, y = turned[i, k], turned[j, k]
        turned[i, k], turned[j, k] = c * x - s * y, s * x + c * y
    for k in range(vectors.shape[1]):
        x, y = vectors[i, k], vectors[j, k]
        vectors[i, k], vectors[j, k] = c * x - s * y, s * x + c * y


@machine()
def _power(w: Array, powers: Array, exponent: float, gram: Array) -> float:
    """A nearly diagonal matrix, with diagonal w, to a power, to first order in what is off the diagonal; in place.

    ``powers`` is w to that power. Returns the sum over i < j of the divided differences times gram_ij^2, with which
    the trace of the next higher power is right to second order.
    """
    r = w.size
    second = 0.0
    for i in range(r):
        gram[i, i] = powers[i]
        for j in range(i):
            gap = w[i] - w[j]
            if abs(gap) > 1e-4 * (w[i] + w[j]):
                ratio = (powers[i] - powers[j]) / gap
            else:
                ratio = 0.5 * exponent * (powers[i] / w[i] + powers[j] / w[j])
            second += ratio * gram[i, j] ** 2
            gram[i, j] *= ratio
            gram[j, i] = gram[i, j]
    return second


@machine(fastmath={"reassoc", "contract"})
def _dot(x: Array, y: Array) -> float:
    total = 0.0
    for k in range(x.size):
        total += x[k] * y[k]
    return total


@machine()
def fit_hessian_product(point: Array, direction: Array, column: Array, weight: Array) -> Array:
    """Hessian of the fit at a point (2, K, r) times a direction of the same shape, a block of the logits at a time."""
    A, B = point[0], point[1]
    dA, dB = direction[0], direction[1]
    K, r = A.shape
    block = min(K, max(8, CACHE // K))
    slope, moved, other = np.empty((block, K)), np.empty((block, K)), np.empty((block, K))
    part, out = np.empty((K, r)), np.zeros((2, K, r))
    for start in range(0, K, block):
        stop = min(start + block, K)
        size = stop - start
        rows, change, rest = slope[:size], moved[:size], other[:size]
        np.dot(B[start:stop], A.T, rows)
        np.dot(B[start:stop], dA.T, change)
        np.dot(dB[start:stop], A.T, rest)
        _odds(rows, start, column)
        for c in range(start, stop):
            row, turn, also, scale = rows[c - start], change[c - start], rest[c - start], weight[c] * column[c]
            total = _sum(row)
            for j in range(K):
                row[j] /= 1 + total
                turn[j] += also[j]
            # Relative to the own class, so that nothing cancels when the shares of the rivals are tiny.
            own = turn[c]
            for j in range(K):
                turn[j] = (turn[j] - own) * column[c]
            mean = np.dot(row, turn)
            # The own class has the share 1 / (1 + total) and moves by 0.
            for j in range(K):
                turn[j] = row[j] * (turn[j] - mean) * scale
                row[j] *= scale
            turn[c] = -mean / (1 + total) * scale
            row[c] = -total / (1 + total) * scale
        _add_product(change, A, part, out[1][start:stop])
        _add_product(rows, dA, part, out[1][start:stop])
        _add_product(change.T, B[start:stop], part, out[0])
        _add_product(rows.T, dB[start:stop], part, out[0])
    return out


@machine()
def _add_product(left: Array, right: Array, room: Array, out: Array) -> None:
    """out += left @ right, the product in the first rows of ``room``."""
    part = room[: left.shape[0]]
    np.dot(left, right, part)
    for i in range(out.shape[0]):
        for k in range(out.shape[1]):
            out[i, k] += part[i, k]

"""The descents of relu networks in machine code.

The same limited-memory BFGS on log f as :mod:`optima.search.lbfgs`, with the kinks of :mod:`optima.relu.descent`.

``LANES`` starts go side by side, each at a stage of its own: the compiler turns what is done to each lane into vector
instructions without a change to any rounding. A start whose step is refused tries a shorter one while the others go
on. Where a start ends does not depend on those beside it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numba import config
from numpy.typing import NDArray

from optima.model import Array
from optima.relu.objective import Objective
from optima.search.lbfgs import DECREASE, MEMORY, MOST_BACKTRACKS, REACH
from optima.workers.machine import machine

# Starts side by side. Functions that name each lane are written for four.
LANES = 4

Integers = NDArray[np.int64]


def descend(
    objective: Objective, starts: Array, widths: tuple[float, ...], steps: int, tolerance: float, ceilings: Array
) -> Array:
    """Where descents from ``starts`` (S, D) through kinks of these widths end; those above a ceiling end with a stage.

    ``ceilings`` has one value of log f for each width.
    """
    network = _Network(objective)
    count, D = starts.shape
    ends = np.array(starts, order="C")
    kinks = np.outer(widths, objective.units)
    places, pairs, numbers = np.empty((5, D, LANES)), np.empty((2, MEMORY, D, LANES)), np.empty((2, MEMORY, LANES))
    if count and len(widths):
        with _vectors():
            _descend(ends, kinks, ceilings, steps, tolerance, *network.told, network.room, places, pairs, numbers)
    return ends


def log_value(objective: Objective, points: Array, width: float) -> tuple[Array, Array]:
    """log f, smoothed, and its gradient at points (S, D): shapes (S,) and (S, D)."""
    network = _Network(objective)
    values, gradients = np.empty(len(points)), np.empty(points.shape)
    kink = np.repeat(width * objective.units[:, None], LANES, axis=1)
    x, gradient, level = np.empty((objective.size, LANES)), np.empty((objective.size, LANES)), np.empty(LANES)
    for index, point in enumerate(points):
        x[:] = point[:, None]
        with _vectors():
            _evaluate(x, gradient, level, kink, *network.told, network.room)
        values[index], gradients[index] = level[0], gradient[:, 0]
    return values, gradients


@contextmanager
def _vectors() -> Iterator[None]:
    """What is compiled meanwhile does neighbouring lanes in one instruction, which numba leaves out by default."""
    before, config.SLP_VECTORIZE = config.SLP_VECTORIZE, 1
    try:
        yield
    finally:
        config.SLP_VECTORIZE = before


class _Network:
    """What machine code is told of an objective, and the room that it works in."""

    def __init__(self, objective: Objective) -> None:
        problem, K = objective.problem, objective.problem.classes
        sizes = np.array([*objective.widths, K], dtype=np.int64)
        entropy = problem.loss == "ce"
        self.told = (
            sizes,
            entropy,
            float(objective.reg),
            1.0 if entropy else 1.0 / problem.size,
            np.ascontiguousarray(objective.share, dtype=float),
            np.sqrt(np.asarray(problem.class_sizes, dtype=float)),
        )
        hidden, widest = sum(objective.widths[1:]) * K, max(sizes)
        self.room = tuple(np.empty((rows, LANES)) for rows in (hidden, hidden, *[widest * widest] * 5))


@machine()
def _descend(
    ends: Array,
    kinks: Array,
    ceilings: Array,
    steps: int,
    tolerance: float,
    sizes: Integers,
    entropy: bool,
    reg: float,
    scale: float,
    share: Array,
    root: Array,
    room: tuple[Array, ...],
    places: Array,
    pairs: Array,
    numbers: Array,
) -> None:
    """Starts (S, D) become the ends; ``kinks`` (W, L - 1) are the widths of the kink in each stage and layer."""
    x, g, trial, trial_g, direction = places[0], places[1], places[2], places[3], places[4]
    S, Y, rho, alpha = pairs[0], pairs[1], numbers[0], numbers[1]
    stages, layers = kinks.shape
    D = ends.shape[1]
    kink = np.empty((layers, LANES))
    new, norm, sums = np.empty(LANES), np.empty(LANES), np.empty((5, LANES))
    value, slope, length, gamma = np.empty(LANES), np.zeros(LANES), np.zeros(LANES), np.ones(LANES)
    # The number of its start, or -1; its stage, steps there, pairs remembered, and steps refused.
    row, stage, step = np.full(LANES, -1), np.zeros(LANES, np.int64), np.zeros(LANES, np.int64)
    count, refused = np.zeros(LANES, np.int64), np.zeros(LANES, np.int64)
    # Whether the trial is the first of its stage, whether it was accepted, and whether a direction is wanted.
    first, keep, turn = np.ones(LANES, np.bool_), np.ones(LANES, np.bool_), np.ones(LANES, np.bool_)
    places[:], pairs[:], numbers[:] = 0.0, 0.0, 0.0
    following, going, slot = 0, 0, -1
    for lane in range(LANES):
        if following < ends.shape[0]:
            row[lane], following, going = following, following + 1, going + 1
        # Lanes without a start go along with the first.
        for k in range(D):
            x[k, lane] = ends[max(row[lane], 0), k]
            trial[k, lane] = x[k, lane]
        for layer in range(layers):
            kink[layer, lane] = kinks[0, layer]
    while going:
        _evaluate(trial, trial_g, new, kink, sizes, entropy, reg, scale, share, root, room)
        for lane in range(LANES):
            rise = new[lane] - value[lane] - length[lane] * slope[lane]
            fine = math.isfinite(new[lane]) and rise <= (DECREASE - 1) * length[lane] * slope[lane]
            keep[lane] = first[lane] or fine
            turn[lane] = keep[lane]
            if not keep[lane]:
                refused[lane] += 1
                guess = -0.5 * slope[lane] * length[lane] ** 2 / rise
                if not math.isfinite(guess):
                    guess = 0.0
                length[lane] = min(max(guess, 0.1 * length[lane]), 0.5 * length[lane])
        slot = (slot + 1) % MEMORY
        _remember(x, g, trial, trial_g, direction, S[slot], Y[slot], length, first, keep, sums)
        for lane in range(LANES):
            done = False
            rho[slot, lane] = 0.0
            norm[lane] = math.sqrt(sums[3, lane])
            if first[lane]:
                value[lane], step[lane], first[lane] = new[lane], 0, False
                done = not norm[lane] > tolerance
            elif keep[lane]:
                # Along the gradient, a step that lowers nothing is at the floor of rounding.
                floor = count[lane] == 0 and not new[lane] < value[lane]
                curvature, change, stride = sums[0, lane], sums[1, lane], sums[2, lane]
                if curvature > 1e-10 * math.sqrt(stride * change):
                    rho[slot, lane], gamma[lane] = 1.0 / curvature, curvature / change
                    count[lane] += 1
                value[lane] = new[lane]
                step[lane] += 1
                done = floor or not norm[lane] > tolerance or step[lane] >= steps
            elif refused[lane] >= MOST_BACKTRACKS:
                # A failed step from remembered curvature gets a second chance along the gradient.
                step[lane] += 1
                done = count[lane] == 0 or step[lane] >= steps
                turn[lane] = True
                _forget(S, Y, rho, count, gamma, lane)
            if done and row[lane] >= 0:
                _forget(S, Y, rho, count, gamma, lane)
                first[lane], turn[lane] = True, True
                hopeless = not value[lane] <= ceilings[stage[lane]]
                stage[lane] += 1
                if hopeless or stage[lane] == stages:
                    for k in range(D):
                        ends[row[lane], k] = x[k, lane]
                    stage[lane], row[lane] = 0, -1
                    if following < ends.shape[0]:
                        row[lane], following = following, following + 1
                        for k in range(D):
                            x[k, lane] = ends[row[lane], k]
                    else:
                        going -= 1
                for layer in range(layers):
                    kink[layer, lane] = kinks[stage[lane], layer]
        # A direction that is kept for a shorter step is laid by, and the others are turned.
        _direction(g, S, Y, rho, alpha, gamma, slot, trial)
        _take(g, trial, turn, direction, sums)
        for lane in range(LANES):
            if turn[lane]:
                refused[lane] = 0
                slope[lane], far = sums[0, lane], math.sqrt(sums[1, lane])
                if not slope[lane] < -1e-12 * far * norm[lane]:
                    for k in range(D):
                        direction[k, lane] = -g[k, lane]
                    slope[lane], far = -norm[lane] * norm[lane], norm[lane]
                length[lane] = 1.0 if count[lane] else min(1.0, 1.0 / max(norm[lane], 1e-300))
                length[lane] = min(length[lane], REACH * math.sqrt(sums[4, lane]) / max(far, 1e-300))
        for k in range(D):
            for lane in range(LANES):
                trial[k, lane] = x[k, lane] if first[lane] else x[k, lane] + length[lane] * direction[k, lane]


@machine()
def _remember(
    x: Array,
    g: Array,
    trial: Array,
    trial_g: Array,
    direction: Array,
    s: Array,
    y: Array,
    length: Array,
    first: NDArray[np.bool_],
    keep: NDArray[np.bool_],
    sums: Array,
) -> None:
    """Go where the trial is kept; its step s and change of gradient y with s.y, y.y, s.s, and then g.g and x.x."""
    for k in range(x.shape[0]):
        for lane in range(LANES):
            moved = keep[lane] and not first[lane]
            s[k, lane] = length[lane] * direction[k, lane] if moved else 0.0
            y[k, lane] = trial_g[k, lane] - g[k, lane] if moved else 0.0
            g[k, lane] = trial_g[k, lane] if keep[lane] else g[k, lane]
            x[k, lane] = trial[k, lane] if keep[lane] else x[k, lane]
    _dot(s, y, sums[0])
    _dot(y, y, sums[1])
    _dot(s, s, sums[2])
    _dot(g, g, sums[3])
    _dot(x, x, sums[4])


@machine()
def _forget(S: Array, Y: Array, rho: Array, count: Integers, gamma: Array, lane: int) -> None:
    """Start again from the gradient."""
    for i in range(MEMORY):
        rho[i, lane] = 0.0
        for k in range(S.shape[1]):
            S[i, k, lane], Y[i, k, lane] = 0.0, 0.0
    count[lane], gamma[lane] = 0, 1.0


@machine()
def _direction(g: Array, S: Array, Y: Array, rho: Array, alpha: Array, gamma: Array, newest: int, q: Array) -> None:
    """Two-loop recursion over the pairs of the ring; those that are left out have rho = 0."""
    D = g.shape[0]
    for k in range(D):
        for lane in range(LANES):
            q[k, lane] = -g[k, lane]
    for back in range(MEMORY):
        i = (newest - back) % MEMORY
        _dot(S[i], q, alpha[i])
        for lane in range(LANES):
            alpha[i, lane] *= -rho[i, lane]
        _add(alpha[i], Y[i], q)
    for k in range(D):
        for lane in range(LANES):
            q[k, lane] *= gamma[lane]
    beta = np.empty(LANES)
    for back in range(MEMORY - 1, -1, -1):
        i = (newest - back) % MEMORY
        _dot(Y[i], q, beta)
        for lane in range(LANES):
            beta[lane] = -alpha[i, lane] - rho[i, lane] * beta[lane]
        _add(beta, S[i], q)


@machine()
def _take(g: Array, turned: Array, turn: NDArray[np.bool_], direction: Array, sums: Array) -> None:
    """The new directions of the lanes that turn, with direction.g and direction.direction."""
    for k in range(g.shape[0]):
        for lane in range(LANES):
            direction[k, lane] = turned[k, lane] if turn[lane] else direction[k, lane]
    _dot(direction, g, sums[0])
    _dot(direction, direction, sums[1])


@machine()
def _dot(a: Array, b: Array, out: Array) -> None:
    """a.b in each lane."""
    s0, s1, s2, s3 = 0.0, 0.0, 0.0, 0.0
    t0, t1, t2, t3 = 0.0, 0.0, 0.0, 0.0
    half = a.shape[0] // 2
    for k in range(half):
        s0 += a[k, 0] * b[k, 0]
        s1 += a[k, 1] * b[k, 1]
        s2 += a[k, 2] * b[k, 2]
        s3 += a[k, 3] * b[k, 3]
        t0 += a[half + k, 0] * b[half + k, 0]
        t1 += a[half + k, 1] * b[half + k, 1]
        t2 += a[half + k, 2] * b[half + k, 2]
        t3 += a[half + k, 3] * b[half + k, 3]
    out[0], out[1], out[2], out[3] = s0 + t0, s1 + t1, s2 + t2, s3 + t3
    for k in range(2 * half, a.shape[0]):
        for lane in range(LANES):
            out[lane] += a[k, lane] * b[k, lane]


@machine()
def _add(factor: Array, a: Array, out: Array) -> None:
    """out += factor a in each lane."""
    f0, f1, f2, f3 = factor[0], factor[1], factor[2], factor[3]
    for k in range(a.shape[0]):
        s0, s1 = out[k, 0] + f0 * a[k, 0], out[k, 1] + f1 * a[k, 1]
        s2, s3 = out[k, 2] + f2 * a[k, 2], out[k, 3] + f3 * a[k, 3]
        out[k, 0], out[k, 1], out[k, 2], out[k, 3] = s0, s1, s2, s3


@machine()
def _evaluate(
    x: Array,
    gradient: Array,
    level: Array,
    kink: Array,
    sizes: Integers,
    entropy: bool,
    reg: float,
    scale: float,
    share: Array,
    root: Array,
    room: tuple[Array, ...],
) -> None:
    """Log f in each lane and its gradient at the points x (D, LANES); ``kink`` (L - 1, LANES) are the widths."""
    features, gates, slope, other, part, gram, middle = room
    hidden, K = sizes.size - 2, sizes[-1]
    start, place = sizes[0] * K, 0
    before = x[:start]
    for layer in range(hidden):
        rows, columns = sizes[layer + 1], sizes[layer]
        after, gate = features[place : place + rows * K], gates[place : place + rows * K]
        _product(x[start : start + rows * columns], before, after, rows, columns, K)
        _activate(after, gate, kink[layer])
        start, place, before = start + rows * columns, place + rows * K, after
    last = sizes[hidden]
    if entropy:
        weights, slopes = x[start : start + K * last], gradient[start : start + K * last]
        _product(weights, before, middle, K, last, K)
        _cross_entropy(middle, level, share, root)
        _turn(before, part, last, K)
        _product(middle, part, slopes, K, K, last)
        _turn(weights, part, K, last)
        _product(part, middle, slope, last, K, K)
    else:
        _turn(before, part, last, K)
        _product(part, before, gram, K, last, K)
        _ridge(gram, middle, part, level, K, reg, scale, share)
        _product(before, gram, slope, last, K, K)
    for layer in range(hidden - 1, -1, -1):
        rows, columns = sizes[layer + 1], sizes[layer]
        start, place = start - rows * columns, place - rows * K
        _gate(gates[place : place + rows * K], slope)
        before = features[place - columns * K : place] if layer else x[: columns * K]
        _turn(before, part, columns, K)
        _product(slope, part, gradient[start : start + rows * columns], rows, K, columns)
        _turn(x[start : start + rows * columns], part, rows, columns)
        # The slope of the first layer is that of H.
        out = other if layer else gradient[: columns * K]
        _product(part, slope, out, columns, rows, K)
        slope, other = other, slope
    _penalty(x, gradient, level, reg)


@machine()
def _product(a: Array, b: Array, out: Array, rows: int, middle: int, columns: int) -> None:
    """out = a b in each lane, of shapes (rows, middle), (middle, columns)."""
    A, B = a[: rows * middle].reshape(rows, middle, LANES), b[: middle * columns].reshape(middle, columns, LANES)
    C = out[: rows * columns].reshape(rows, columns, LANES)
    for i in range(rows):
        for k in range(columns):
            s0, s1, s2, s3 = 0.0, 0.0, 0.0, 0.0
            for j in range(middle):
                s0 += A[i, j, 0] * B[j, k, 0]
                s1 += A[i, j, 1] * B[j, k, 1]
                s2 += A[i, j, 2] * B[j, k, 2]
                s3 += A[i, j, 3] * B[j, k, 3]
            C[i, k, 0], C[i, k, 1], C[i, k, 2], C[i, k, 3] = s0, s1, s2, s3


@machine()
def _turn(a: Array, out: Array, rows: int, columns: int) -> None:
    """The transpose in each lane of a matrix of these rows and columns."""
    A, B = a[: rows * columns].reshape(rows, columns, LANES), out[: rows * columns].reshape(columns, rows, LANES)
    for j in range(columns):
        for i in range(rows):
            for lane in range(LANES):
                B[j, i, lane] = A[i, j, lane]


@machine()
def _activate(layer: Array, gate: Array, kink: Array) -> None:
    """Pre-activations become activations, and ``gate`` their derivatives."""
    for k in range(layer.shape[0]):
        for lane in range(LANES):
            m, width = layer[k, lane], kink[lane]
            inside = min(max(m, 0.0), width)
            layer[k, lane] = max(m - width, 0.0) + inside * inside / (2 * width)
            gate[k, lane] = inside / width


@machine()
def _gate(gate: Array, slope: Array) -> None:
    for k in range(gate.shape[0]):
        for lane in range(LANES):
            slope[k, lane] *= gate[k, lane]


@machine()
def _ridge(
    gram: Array, lower: Array, inverse: Array, level: Array, K: int, reg: float, scale: float, share: Array
) -> None:
    """What squared error adds to f, from the Gram matrix X^T X, which becomes G with the slope X G.

    With G' = (scale X^T X + reg)^-1 these are reg / 2 sum_c share_c G'_cc and -reg scale G' share G'. The Cholesky
    factor, its inverse and G' follow each other in the rooms ``lower`` and ``inverse``.
    """
    A, L, R = (
        gram[: K * K].reshape(K, K, LANES),
        lower[: K * K].reshape(K, K, LANES),
        inverse[: K * K].reshape(K, K, LANES),
    )
    for lane in range(LANES):
        level[lane] = 0.0
    for j in range(K):
        for i in range(j, K):
            for lane in range(LANES):
                s = scale * A[i, j, lane] + (reg if i == j else 0.0)
                for k in range(j):
                    s -= L[i, k, lane] * L[j, k, lane]
                L[i, j, lane] = math.sqrt(s) if i == j else s / L[j, j, lane]
    for j in range(K):
        for i in range(j, K):
            for lane in range(LANES):
                s = 1.0 if i == j else 0.0
                for k in range(j, i):
                    s -= L[i, k, lane] * R[k, j, lane]
                R[i, j, lane] = s / L[i, i, lane]
    for i in range(K):
        for j in range(i + 1):
            for lane in range(LANES):
                s = 0.0
                for k in range(i, K):
                    s += R[k, i, lane] * R[k, j, lane]
                L[i, j, lane] = s
                L[j, i, lane] = s
    for c in range(K):
        for lane in range(LANES):
            level[lane] += 0.5 * reg * share[c] * L[c, c, lane]
    for i in range(K):
        for j in range(i + 1):
            for lane in range(LANES):
                s = 0.0
                for k in range(K):
                    s += L[i, k, lane] * share[k] * L[k, j, lane]
                A[i, j, lane] = -reg * scale * s
                A[j, i, lane] = A[i, j, lane]


@machine()
def _cross_entropy(logits: Array, level: Array, share: Array, root: Array) -> None:
    """The fit of K x K logits times ``root`` in their columns; the logits become its slopes in them."""
    K = share.size
    Z = logits[: K * K].reshape(K, K, LANES)
    for lane in range(LANES):
        level[lane] = 0.0
    for c in range(K):
        for lane in range(LANES):
            own, total = Z[c, c, lane], 0.0
            for j in range(K):
                if j != c:
                    Z[j, c, lane] = math.exp((Z[j, c, lane] - own) / root[c])
                    total += Z[j, c, lane]
            level[lane] += share[c] * math.log1p(total)
            for j in range(K):
                Z[j, c, lane] *= share[c] / root[c] / (1 + total)
            Z[c, c, lane] = -total * share[c] / root[c] / (1 + total)


@machine()
def _penalty(x: Array, gradient: Array, level: Array, reg: float) -> None:
    """Add the squared norms to the fit in ``level``, and turn to the logarithm."""
    square = np.empty(LANES)
    _dot(x, x, square)
    for lane in range(LANES):
        square[lane] = level[lane] + 0.5 * reg * square[lane]
        level[lane] = math.log(square[lane])
    for k in range(x.shape[0]):
        for lane in range(LANES):
            gradient[k, lane] = (gradient[k, lane] + reg * x[k, lane]) / square[lane]

"""The steps of :mod:`optima.search.interior_point` in machine code, one start at a time.

The same equations as there, which are the slow reference; Newton's equations are solved by LAPACK in between. Arrays
are one start's: factors (2, K, r), multipliers and slacks (K, K) at (rival, class), with zeros on the diagonal.
"""

from __future__ import annotations

import math

import numpy as np

from optima.model import Array
from optima.search.interior_point import (
    DECREASE,
    DROPPED,
    HALVINGS,
    INTERIOR,
    POWER,
    RAY,
    SETTLED,
    SHRINK,
    SPREAD,
)
from optima.workers.machine import machine

# What is in the room of one shape.
Room = tuple[Array, ...]
# How a step ended: somewhere lower, nowhere lower, or with a singular value on its way to zero.
MOVED, STUCK, THIN = range(3)
# Cosine of two columns that counts as orthogonal, and sweeps of Jacobi's method at most.
COSINE, SWEEPS = 1e-15, 30
# Relative change of the logarithm of a scale that ends its iteration.
STILL = 1e-12


def room(K: int, r: int) -> Room:
    """Arrays for the work on one start: slack, product, trial, slope, pull, s, two rows of (r, r), and H."""
    square, point, n = (K, K), (2, K, r), 2 * K * r
    shapes = square, square, point, point, point, (r,), (r, r), (r, r), (r, r), (n, n)
    return tuple(np.zeros(shape) for shape in shapes)


@machine()
def balance(point: Array, rooms: Room) -> None:
    """The same product A B^T in balanced factors, largest singular value first; its singular values go to rooms[5]."""
    s, left, right, W = rooms[5], rooms[6], rooms[7], rooms[8]
    r = s.size
    _orthogonalise(point[0], left)
    _orthogonalise(point[1], right)
    for i in range(r):
        for j in range(r):
            W[i, j] = 0.0
            for k in range(max(i, j), r):
                W[i, j] += left[i, k] * right[j, k]
    for i in range(r):
        for j in range(r):
            right[i, j] = 1.0 if i == j else 0.0
    # W = R T^T becomes U S by rotations of its columns, which ``right`` collects.
    _rotate(W, right)
    for i in range(r):
        s[i] = math.sqrt(_square(W, i))
    _sort(s, W, right)
    for i in range(r):
        root = math.sqrt(s[i])
        for k in range(r):
            W[k, i] /= max(root, 1e-300)
            right[k, i] *= root
    _multiply(point[0], W, left)
    _multiply(point[1], right, left)


@machine()
def _rotate(W: Array, V: Array) -> None:
    """Jacobi's method: rotations of columns that make those of W orthogonal, done to V too."""
    r = len(W)
    for _ in range(SWEEPS):
        turned = False
        for i in range(r - 1):
            for j in range(i + 1, r):
                c = 0.0
                for k in range(r):
                    c += W[k, i] * W[k, j]
                a, b = _square(W, i), _square(W, j)
                if abs(c) <= COSINE * math.sqrt(a * b):
                    continue
                turned = True
                zeta = (b - a) / (2 * c)
                t = math.copysign(1.0, zeta) / (abs(zeta) + math.hypot(1.0, zeta))
                cosine = 1 / math.hypot(1.0, t)
                _turn(W, i, j, cosine, cosine * t)
                _turn(V, i, j, cosine, cosine * t)
        if not turned:
            return


@machine()
def _turn(M: Array, i: int, j: int, cosine: float, sine: float) -> None:
    for k in range(len(M)):
        x, y = M[k, i], M[k, j]
        M[k, i], M[k, j] = cosine * x - sine * y, sine * x + cosine * y


@machine()
def _sort(s: Array, W: Array, V: Array) -> None:
    """Columns by falling s."""
    for i in range(s.size):
        best = i
        for j in range(i + 1, s.size):
            if s[j] > s[best]:
                best = j
        if best != i:
            s[i], s[best] = s[best], s[i]
            for k in range(s.size):
                W[k, i], W[k, best] = W[k, best], W[k, i]
                V[k, i], V[k, best] = V[k, best], V[k, i]


@machine()
def _multiply(X: Array, M: Array, row: Array) -> None:
    """X becomes X M; the first row of ``row`` is scratch."""
    K, r = X.shape
    for c in range(K):
        for i in range(r):
            row[0, i] = 0.0
            for k in range(r):
                row[0, i] += X[c, k] * M[k, i]
        for i in range(r):
            X[c, i] = row[0, i]


@machine()
def _square(X: Array, i: int) -> float:
    """Squared length of a column."""
    total = 0.0
    for k in range(len(X)):
        total += X[k, i] * X[k, i]
    return total


@machine()
def _orthogonalise(X: Array, R: Array) -> None:
    """X = Q R by Gram and Schmidt's method, each column twice; X becomes Q."""
    K, r = X.shape
    for i in range(r):
        for j in range(r):
            R[i, j] = 0.0
    for i in range(r):
        for _ in range(2):
            for j in range(i):
                c = 0.0
                for k in range(K):
                    c += X[k, i] * X[k, j]
                R[j, i] += c
                for k in range(K):
                    X[k, i] -= c * X[k, j]
        size = math.sqrt(_square(X, i))
        R[i, i] = size
        for k in range(K):
            X[k, i] /= max(size, 1e-300)


@machine()
def _slack(point: Array, slack: Array) -> float:
    """Margins minus one, and the smallest of them."""
    A, B = point[0], point[1]
    K, r = A.shape
    least = np.inf
    for c in range(K):
        for j in range(K):
            lead = -1.0
            for k in range(r):
                lead += (A[c, k] - A[j, k]) * B[c, k]
            slack[j, c] = 0.0 if j == c else lead
            if j != c:
                least = min(least, lead)
    return least


@machine()
def _slope(point: Array, weights: Array, s: Array, p: float, out: Array) -> None:
    """Gradient of the norm minus that of sum_jc w_jc (M_cc - M_jc)."""
    A, B = point[0], point[1]
    K, r = A.shape
    for k in range(r):
        power = s[k] ** (p - 1)
        for c in range(K):
            out[0, c, k], out[1, c, k] = A[c, k] * power, B[c, k] * power
    for j in range(K):
        for c in range(K):
            w = weights[j, c]
            for k in range(r):
                out[0, j, k] += w * B[c, k]
                out[0, c, k] -= w * B[c, k]
                out[1, c, k] -= w * (A[c, k] - A[j, k])


@machine()
def residual(point: Array, dual: Array, p: float, rooms: Room) -> float:
    """||gradient of the Lagrangian|| / ||gradient of the norm||."""
    s, out = rooms[5], rooms[4]
    r, size = s.size, 0.0
    for k in range(r):
        s[k] = _square(point[0], k)
        size += 2 * s[k] ** (2 * p - 1)
    _slope(point, dual, s, p, out)
    return math.sqrt(_dot(out, out) / size)


@machine()
def _dot(x: Array, y: Array) -> float:
    _, K, r = x.shape
    total = 0.0
    for side in range(2):
        for c in range(K):
            for k in range(r):
                total += x[side, c, k] * y[side, c, k]
    return total


@machine()
def mu_of(point: Array, gap: float, p: float) -> float:
    """The barrier parameter of a gap."""
    _, K, r = point.shape
    size = 0.0
    for k in range(r):
        size += _square(point[0], k) ** p
    return gap * size / (K * (K - 1))


@machine()
def lowered(
    point: Array, dual: Array, mu: float, gap: float, last: float, near: float, p: float, rooms: Room
) -> tuple[float, bool]:
    """The next gap where the barrier problem of this one is solved, and whether it was the last."""
    slack, K = rooms[0], point.shape[1]
    if gap > last:
        near = 1.0
    if residual(point, dual, p, rooms) > max(near * gap, SETTLED):
        return gap, False
    _slack(point, slack)
    for j in range(K):
        for c in range(K):
            if j != c and abs(dual[j, c] * slack[j, c] / mu - 1) > near * SPREAD:
                return gap, False
    if gap <= last:
        return gap, True
    return max(last, min(SHRINK * gap, gap**POWER)), False


@machine()
def system(point: Array, dual: Array, mu: float, p: float, rooms: Room) -> float:
    """Newton's equations at a balanced point: gradient to rooms[3], lower half of H to rooms[9]; norm's curvature."""
    slack, weight, _, slope, _, s, crossed, straight, turn, flat = rooms
    A, B = point[0], point[1]
    K, r = A.shape
    for k in range(r):
        s[k] = _square(A, k)
    _slack(point, slack)
    for j in range(K):
        for c in range(K):
            weight[j, c] = mu / slack[j, c] if j != c else 0.0
    _slope(point, weight, s, p, slope)
    for j in range(K):
        for c in range(K):
            weight[j, c] = dual[j, c] / slack[j, c] if j != c else 0.0
    unit = 0.0
    for k in range(r):
        unit += s[k] ** (p - 1) / r
    # Rotations change nothing: lifted out of the way by the curvature of the norm.
    lift = unit / (_dot(point, point) / (2 * r))
    for i in range(r):
        for j in range(r):
            turn[i, j] = lift if i != j else 0.0
            divided = _difference(s[i], s[j], p - 1)
            crossed[i, j], straight[i, j] = divided - turn[i, j], divided + turn[i, j]
    H = flat.reshape(2, K, r, 2, K, r)
    _coupled(A, A, crossed, straight, H[0, :, :, 0], True)
    _coupled(B, B, crossed, straight, H[1, :, :, 1], True)
    for i in range(r):
        for j in range(r):
            crossed[i, j] = -turn[i, j]
    _coupled(B, A, crossed, turn, H[1, :, :, 0], False)
    for side in range(2):
        for c in range(K):
            for k in range(r):
                H[side, c, k, side, c, k] += s[k] ** (p - 1)
    _constrained(A, B, dual, weight, H)
    return unit


@machine()
def _difference(a: float, b: float, exponent: float) -> float:
    """(a^e - b^e) / (a - b)."""
    x = math.log(a) - math.log(b)
    ratio = exponent if abs(x) < 1e-8 else math.expm1(exponent * x) / math.expm1(x)
    return ratio * b ** (exponent - 1)


@machine()
def _coupled(X: Array, Y: Array, crossed: Array, straight: Array, out: Array, lower: bool) -> None:
    """out[k, a, m, b] = X[k, b] Y[m, a] crossed[a, b] + (a = b) sum_e X[k, e] Y[m, e] straight[a, e]."""
    K, r = X.shape
    for k in range(K):
        for m in range(k + 1 if lower else K):
            for a in range(r):
                for b in range(r):
                    out[k, a, m, b] = X[k, b] * Y[m, a] * crossed[a, b]
                same = 0.0
                for e in range(r):
                    same += X[k, e] * Y[m, e] * straight[a, e]
                out[k, a, m, a] += same


@machine()
def _constrained(A: Array, B: Array, dual: Array, weight: Array, H: Array) -> None:
    """What the margins add to H: second derivatives with their multipliers, and J^T diag(z / slack) J."""
    K, r = A.shape
    AA, BB, BA = H[0, :, :, 0], H[1, :, :, 1], H[1, :, :, 0]
    for c in range(K):
        for j in range(K):
            if j == c:
                continue
            w, z = weight[j, c], dual[j, c]
            high, low = max(j, c), min(j, c)
            for a in range(r):
                first = w * B[c, a]
                lead = w * (A[c, a] - A[j, a])
                for b in range(r):
                    AA[c, a, c, b] += first * B[c, b]
                    AA[j, a, j, b] += first * B[c, b]
                    AA[high, a, low, b] -= first * B[c, b]
                    BB[c, a, c, b] += lead * (A[c, b] - A[j, b])
                    BA[c, a, c, b] += lead * B[c, b]
                    BA[c, a, j, b] -= lead * B[c, b]
                BA[c, a, j, a] += z
                BA[c, a, c, a] -= z


@machine()
def advanced(point: Array, dual: Array, step: Array, mu: float, p: float, rooms: Room) -> int:
    """Move along a step as far as the barrier function falls, and the multipliers with it; how that ended."""
    slack, moved, trial, s = rooms[0], rooms[1], rooms[2], rooms[5]
    _, K, r = point.shape
    end = _search(point, step, mu, p, rooms)
    # slack still holds that of the point itself: see system.
    reach = 1.0
    for j in range(K):
        for c in range(K):
            if j == c:
                continue
            change = 0.0
            for k in range(r):
                change += (step[0, c, k] - step[0, j, k]) * point[1, c, k]
                change += (point[0, c, k] - point[0, j, k]) * step[1, c, k]
            z = dual[j, c]
            moved[j, c] = (mu - z * change) / slack[j, c] - z
            if moved[j, c] < 0:
                reach = min(reach, -INTERIOR * z / moved[j, c])
    if end == MOVED:
        _put(trial, trial, 0.0, point)
    _slack(point, slack)
    for j in range(K):
        for c in range(K):
            if j != c:
                # Multipliers far from mu / slack would spoil the next step.
                middle = mu / slack[j, c]
                dual[j, c] = min(max(dual[j, c] + reach * moved[j, c], 1e-8 * middle), 1e8 * middle)
    for k in range(r):
        s[k] = _square(point[0], k)
    return THIN if s[r - 1] < DROPPED * s[0] else end


@machine()
def _put(point: Array, step: Array, length: float, out: Array) -> None:
    _, K, r = point.shape
    for side in range(2):
        for c in range(K):
            for k in range(r):
                out[side, c, k] = point[side, c, k] + length * step[side, c, k]


@machine()
def _search(point: Array, step: Array, mu: float, p: float, rooms: Room) -> int:
    """The longest of the steps 1, 1/2, 1/4, ... that stays inside and lowers the barrier function enough."""
    product, trial, s = rooms[1], rooms[2], rooms[5]
    value, fall = _barrier(point, s, mu, p, product), _dot(rooms[3], step)
    # Rounding of the barrier function: near its minimum steps are judged by staying inside alone.
    noise = 1e-13 * (1 + abs(value))
    for halving in range(HALVINGS):
        # The whole step is tried as it is, then at its best scale: tangents leave the set of margins above one.
        length = 0.5 ** max(0, halving - 1)
        _put(point, step, length, trial)
        balance(trial, rooms)
        if halving:
            _rescale(trial, s, mu, p, product)
        if _barrier(trial, s, mu, p, product) <= value + DECREASE * length * fall + noise:
            return MOVED
    return STUCK


@machine()
def _barrier(point: Array, s: Array, mu: float, p: float, product: Array) -> float:
    """sum_i (s_i^p - 1) / p - mu sum log slack; infinite outside."""
    K, r = point[0].shape
    if _slack(point, product) <= 0:
        return np.inf
    value = 0.0
    for k in range(r):
        log_s = math.log(max(s[k], 1e-300))
        value += math.expm1(p * log_s) / p if p else log_s
    logs = 0.0
    for j in range(K):
        for c in range(K):
            if j != c:
                logs += math.log(product[j, c])
    return value - mu * logs


@machine()
def _rescale(point: Array, s: Array, mu: float, p: float, product: Array) -> None:
    """A point at the scale with the least barrier function, a convex problem in the scale's logarithm."""
    K, r = point[0].shape
    smallest = _slack(point, product) + 1
    if smallest <= 0:
        return
    # Margins at least one: the logarithm u of the scale is positive, and so is its share that the barrier leaves.
    u, base = 1e-3, 0.0
    for k in range(r):
        base += (max(s[k], 1e-300) / smallest) ** p
    for _ in range(RAY):
        grown = math.expm1(u)
        size = base * math.exp(p * u)
        slope, curvature = size, p * size
        for j in range(K):
            for c in range(K):
                if j != c:
                    m = (product[j, c] + 1) / smallest
                    x = 1 / (grown * m + (m - 1))
                    slope -= mu * (1 + x)
                    curvature += mu * (1 + x) * x
        before, u = u, min(max(u - slope / curvature, u / 8), u * 8)
        if abs(u - before) <= STILL * u:
            break
    scale = math.exp(u) / smallest
    _put(point, point, math.sqrt(scale) - 1, point)
    for k in range(r):
        s[k] *= scale

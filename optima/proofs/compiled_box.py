"""The least penalty - <D, M> on boxes in machine code: what :mod:`optima.proofs.box_bound` does in numpy.

One box after another; the order of the matrices is m <= 3, their entries on and above the diagonal are k. Needs
the optional dependency numba.
"""

from __future__ import annotations

import math

import numpy as np

from optima.model import Array
from optima.workers.machine import machine


def values(
    penalty: Array, eigen: Array, turn: Array, sides: Array, angles: Array, weights: Array, E: Array, beta: Array
) -> Array:
    """Minima (N,) over the vertices, softened by 1 / beta (N,); not softened where beta is zero.

    ``sides`` (caps, 2) are the axes and signs of the caps, ``angles`` and ``weights`` (N, caps) their angles and what
    their norms count with beside the softening.
    """
    N, m = len(E), E.shape[1]
    out = np.empty(N)
    room = np.empty((m, m)), np.empty(m), np.empty((m, 8)), np.empty(penalty.shape[1])
    _values(
        penalty, eigen, np.ascontiguousarray(turn), sides, angles, weights, np.ascontiguousarray(E), beta, out, *room
    )
    return out


def expansions(
    penalty: Array, eigen: Array, turn: Array, sides: Array, angles: Array, weights: Array, E: Array, beta: Array
) -> tuple[Array, Array]:
    """Gradients (N, k) and negative curvatures (N, k, k) of the softened minima in the entries of E."""
    N, m = len(E), E.shape[1]
    k = m * (m + 1) // 2
    gradient, curvature = np.empty((N, k)), np.empty((N, k, k))
    room = np.empty((m, m)), np.empty(m), np.empty((m, 8)), np.empty(penalty.shape[1])
    more = np.empty((m, k)), np.empty((m, k, k)), np.empty((k, k)), np.empty(m), np.empty((m, m)), np.empty((k, k))
    _expansions(
        penalty,
        eigen,
        np.ascontiguousarray(turn),
        sides,
        angles,
        weights,
        np.ascontiguousarray(E),
        beta,
        gradient,
        curvature,
        *room,
        *more,
    )
    return gradient, curvature


@machine()
def _values(
    penalty: Array,
    eigen: Array,
    turn: Array,
    sides: Array,
    angles: Array,
    weights: Array,
    E: Array,
    beta: Array,
    out: Array,
    D: Array,
    feature: Array,
    polar: Array,
    parts: Array,
) -> None:
    for n in range(E.shape[0]):
        small = _small(eigen[n], beta[n])
        _inward(turn[n], E[n], D)
        _features(D, sides, angles[n], weights[n], small, feature, polar)
        least = _parts(penalty[n], eigen[n], feature, parts)
        if beta[n] > 0:
            total = 0.0
            for v in range(parts.size):
                total += math.exp(-beta[n] * (parts[v] - least))
            least -= math.log(total) / beta[n]
        out[n] = least


@machine()
def _expansions(
    penalty: Array,
    eigen: Array,
    turn: Array,
    sides: Array,
    angles: Array,
    weights: Array,
    E: Array,
    beta: Array,
    gradient: Array,
    curvature: Array,
    D: Array,
    feature: Array,
    polar: Array,
    parts: Array,
    slope: Array,
    bent: Array,
    inward: Array,
    mean: Array,
    spread: Array,
    whole: Array,
) -> None:
    m = E.shape[1]
    k, features = m * (m + 1) // 2, m
    for n in range(E.shape[0]):
        small = _small(eigen[n], beta[n])
        _inward(turn[n], E[n], D)
        _features(D, sides, angles[n], weights[n], small, feature, polar)
        least = _parts(penalty[n], eigen[n], feature, parts)
        total = 0.0
        mean[:], spread[:] = 0.0, 0.0
        for v in range(parts.size):
            share = math.exp(-beta[n] * (parts[v] - least))
            total += share
            for f in range(features):
                first = _coefficient(eigen[n, v], f)
                mean[f] += share * first
                for g in range(features):
                    spread[f, g] += share * first * _coefficient(eigen[n, v], g)
        for f in range(features):
            mean[f] /= total
        for f in range(features):
            for g in range(features):
                spread[f, g] = beta[n] * (spread[f, g] / total - mean[f] * mean[g])
        _slopes(D, sides, polar, slope, bent)
        _entries(turn[n], inward)
        # In the entries of D first.
        for a in range(k):
            for b in range(k):
                value = 0.0
                for f in range(features):
                    value -= mean[f] * bent[f, a, b]
                    for g in range(features):
                        value += slope[f, a] * spread[f, g] * slope[g, b]
                whole[a, b] = value
        for a in range(k):
            value = 0.0
            for b in range(k):
                along = 0.0
                for f in range(features):
                    along += mean[f] * slope[f, b]
                value += inward[b, a] * along
            gradient[n, a] = value
        for a in range(k):
            for b in range(k):
                value = 0.0
                for c in range(k):
                    along = 0.0
                    for d in range(k):
                        along += whole[c, d] * inward[d, b]
                    value += inward[c, a] * along
                curvature[n, a, b] = value


@machine()
def _small(eigen: Array, beta: float) -> float:
    """What softens norms."""
    if not beta > 0:
        return 0.0
    most = eigen[0, 0]
    for v in range(eigen.shape[0]):
        most = max(most, eigen[v, 0])
    return 1 / max(beta * most, 1e-100)


@machine()
def _inward(turn: Array, E: Array, D: Array) -> None:
    """D = R^T E R."""
    m = E.shape[0]
    for a in range(m):
        for b in range(m):
            total = 0.0
            for i in range(m):
                for j in range(m):
                    total += turn[i, a] * E[i, j] * turn[j, b]
            D[a, b] = total


@machine()
def _coefficient(eigen: Array, f: int) -> float:
    """Of tr D, X and Z."""
    if f == 0:
        return -eigen[0] if eigen.size == 1 else -eigen[1]
    return eigen[1] - eigen[0] if f == 1 else eigen[1] - eigen[2]


@machine()
def _parts(penalty: Array, eigen: Array, feature: Array, parts: Array) -> float:
    """Values at the vertices, and the least of them."""
    for v in range(parts.size):
        total = penalty[v]
        for f in range(feature.size):
            total += _coefficient(eigen[v], f) * feature[f]
        parts[v] = total
    return parts.min()


@machine()
def _features(
    D: Array, sides: Array, angles: Array, weights: Array, small: float, feature: Array, polar: Array
) -> None:
    """tr D, X and Z; ``polar`` keeps of each cap its lengths, angle and differences."""
    m = D.shape[0]
    feature[0] = 0.0
    for a in range(m):
        feature[0] += D[a, a]
    for cap in range(m - 1):
        axis, sign = sides[cap, 0], sides[cap, 1]
        i, j = _rest(axis, m)
        soft, softer = small / weights[cap], small / weights[cap] ** 2
        one, two = sign * D[axis, i], sign * D[axis, j]
        skew, cross = sign * 0.5 * (D[i, i] - D[j, j]), sign * D[i, j]
        if i == j:
            two, skew, cross, softer = 0.0, 0.0, 0.0, 0.0
        length = math.sqrt(one * one + two * two + soft * soft)
        spread = math.sqrt(skew * skew + cross * cross + softer * softer)
        own, other = sign * D[axis, axis], sign * 0.5 * (D[i, i] + D[j, j]) + spread
        half = 0.5 * (own - other)
        twice = min(2 * angles[cap], math.atan2(length, half))
        feature[cap + 1] = sign * (0.5 * (own + other) + half * math.cos(twice) + length * math.sin(twice))
        polar[cap, 0], polar[cap, 1], polar[cap, 2], polar[cap, 3] = one, two, skew, cross
        polar[cap, 4], polar[cap, 5], polar[cap, 6] = length, spread, twice


@machine()
def _slopes(D: Array, sides: Array, polar: Array, slope: Array, bent: Array) -> None:
    """Gradients (f, k) and curvatures (f, k, k) of the features in the entries of D."""
    m = D.shape[0]
    slope[:], bent[:] = 0.0, 0.0
    for a in range(m):
        slope[0, _at(a, a, m)] = 1.0
    for cap in range(m - 1):
        axis, sign, f = sides[cap, 0], sides[cap, 1], cap + 1
        i, j = _rest(axis, m)
        length, spread, twice = polar[cap, 4], polar[cap, 5], polar[cap, 6]
        upper, lower, sin = 0.5 * (1 + math.cos(twice)), 0.5 * (1 - math.cos(twice)), math.sin(twice)
        slope[f, _at(axis, axis, m)] = upper
        for p in range(m - 1):
            row = _at(axis, j if p else i, m)
            slope[f, row] = sin * polar[cap, p] / length
            for q in range(m - 1):
                flat = (1.0 if p == q else 0.0) / length - polar[cap, p] * polar[cap, q] / length**3
                bent[f, row, _at(axis, j if q else i, m)] = sign * sin * flat
        if m == 2:
            slope[f, _at(i, i, m)] = lower
            continue
        first, last, off = _at(i, i, m), _at(j, j, m), _at(i, j, m)
        skew, cross = polar[cap, 2] / spread, polar[cap, 3] / spread
        slope[f, first], slope[f, last] = lower * (0.5 + 0.5 * skew), lower * (0.5 - 0.5 * skew)
        slope[f, off] = lower * cross
        own, both, other = (1 - skew * skew) / spread, -skew * cross / spread, (1 - cross * cross) / spread
        scale = sign * lower
        bent[f, first, first] += scale * 0.25 * own
        bent[f, last, last] += scale * 0.25 * own
        bent[f, first, last] -= scale * 0.25 * own
        bent[f, last, first] -= scale * 0.25 * own
        bent[f, off, off] += scale * other
        bent[f, first, off] += scale * 0.5 * both
        bent[f, off, first] += scale * 0.5 * both
        bent[f, last, off] -= scale * 0.5 * both
        bent[f, off, last] -= scale * 0.5 * both


@machine()
def _rest(axis: int, m: int) -> tuple[int, int]:
    """The first and the last of the other axes."""
    return (1 if axis == 0 else 0), (m - 2 if axis == m - 1 else m - 1)


@machine()
def _at(a: int, b: int, m: int) -> int:
    """Place of an entry among those on and above the diagonal."""
    low, high = min(a, b), max(a, b)
    return low * m - low * (low - 1) // 2 + high - low


@machine()
def _entries(turn: Array, inward: Array) -> None:
    """The map (k, k) from the entries of E to those of D = R^T E R."""
    m = turn.shape[0]
    for a in range(m):
        for b in range(a, m):
            row = _at(a, b, m)
            for i in range(m):
                for j in range(i, m):
                    value = turn[i, a] * turn[j, b]
                    if i != j:
                        value += turn[j, a] * turn[i, b]
                    inward[row, _at(i, j, m)] = value

r"""That nothing is better in a neighbourhood of a matrix, from the curvature there; in floats or in balls.

With M* = F diag(lambda) F^T, lambda_i = t_i^(L+1), S = F diag(lambda)^(1/2), M = S (1 + X) S^T and E = c q diag(t),
every M with ||X||_F <= rho has f(M) >= b - slack where, with e the entries of X on and above the diagonal, g = 1 on
and 2 off it, any points x_c of the inner minimisation, a = (e^-tau + tau - 1) / tau^2 and

.. math:: A_c = a\,w_c H_c + (1 - \sigma)\,\nu_c E, \qquad
    Q[\Delta] = 2 (1 + \eta) \sum_c \nu_c^2\, x_c^T \Delta A_c^{-1} \Delta x_c, \qquad \Delta = -Q^{-1} g e,

the form g^T Q^{-1} g - (1 - rho)^(q-2) g kappa is nonnegative, Delta >= -sigma E, and no exponent of a class moves by
more than tau. eta leaves room for the rounding of x. Source: derivations/neighbourhood.py.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optima.checker.arithmetic import Balls, Numbers
from optima.checker.ball_leaves import enclosed
from optima.checker.best_shares import shares
from optima.checker.boxes import Boxes
from optima.checker.instance import Instance, rival_differences, rivals_of
from optima.checker.leaves import caps
from optima.checker.verification import Refuted
from optima.model import Array

Vector = list[Any]
Matrix = list[list[Any]]
# Room that the curvature leaves for the rounding of the inner points; 1 + ROOM and 1 + 1 / ROOM are exact.
ROOM = 2.0**-10
# The least tau, below which psi is lost in rounding, and the largest ratio of the eigenvalues of a centre.
LEAST_TAU, MOST_RATIO = 1e-2, 1e8
# Newton steps on the inner points, which are near already.
POLISH = 3


@dataclass(frozen=True)
class Neighbourhoods:
    """Balls of radius ``rho`` about matrices with eigenvalues t_i^(L+1) in frames, where nothing is below ``bound``.

    ``t`` (I, m), and ``frame``: angles (I, 1) in the plane, the entries of a rotation (I, 9) in space.
    """

    instance: Instance
    numbers: Numbers
    t: Array
    frame: Array
    rho: float
    bound: float

    @classmethod
    def of(cls, instance: Instance, numbers: Numbers, data: dict[str, Array]) -> Neighbourhoods | None:
        """Those in ``data``, proved; raises Refuted when one is not what it says."""
        if "centres" not in data:
            return None
        m = instance.order
        centres = np.asarray(data["centres"], dtype=float)
        limits = np.asarray(data.get("limits", ()), dtype=float)
        if centres.ndim != 2 or centres.shape[1] != m + {1: 0, 2: 1, 3: 9}[m] or not np.isfinite(centres).all():
            raise Refuted("the centres of the neighbourhoods do not have the shape of matrices")
        if limits.shape != (3,) or not (0 < limits[0] < 1 and limits[1] >= LEAST_TAU and 0 < limits[2] < 1):
            raise Refuted("the neighbourhoods lack a radius and limits within range")
        t, frame = centres[:, :m], centres[:, m:]
        if not (t > 0).all() or ((t.max(axis=1) / t.min(axis=1)) ** (instance.depth + 1) > MOST_RATIO).any():
            raise Refuted("a neighbourhood is around a matrix of lower rank")
        if m == 3:
            turns = frame.reshape(-1, 3, 3)
            if not np.allclose(turns @ np.swapaxes(turns, 1, 2), np.eye(3), rtol=0, atol=1e-12):
                raise Refuted("the frame of a neighbourhood is no rotation")
        bounds = [_bound(instance, numbers, row, turn, *limits.tolist()) for row, turn in zip(t, frame, strict=True)]
        return cls(instance, numbers, t, frame, float(limits[0]), min(bounds, default=math.inf))

    def raised(self, boxes: Boxes, bounds: Array, wanted: float) -> Array:
        """Bounds (N,) of boxes, those below ``wanted`` and within a neighbourhood raised to ``bound``."""
        low = np.flatnonzero(bounds < min(self.bound, wanted))
        held = low[self._hold(boxes[low])]
        out = bounds.copy()
        out[held] = self.bound
        return out

    def _hold(self, boxes: Boxes) -> NDArray[np.bool_]:
        """Which boxes lie in one of the neighbourhoods."""
        if isinstance(self.numbers, Balls):
            balls = self.numbers
            found = [
                any(self._holds(balls, *corners, t, turn) for t, turn in zip(self.t, self.frame, strict=True))
                for corners in zip(boxes.low, boxes.high, strict=True)
            ]
            return np.array(found, dtype=bool)
        held = np.zeros(len(boxes), dtype=bool)
        for t, turn in zip(self.t, self.frame, strict=True):
            held |= self._distance(boxes, t, turn) <= self.rho
        return held

    def _distance(self, boxes: Boxes, t: Array, turn: Array) -> Array:
        """Upper bound of ||X||_F on boxes, in floats.

        That of the middle, and sqrt 2 sin(angle) times what the turned direction counts with, over the least lambda.
        """
        m, power = self.instance.order, self.instance.depth + 1
        least, most = boxes.low[:, :m] ** power, boxes.high[:, :m] ** power
        frames, angles = _frames(boxes, m)
        middle = (frames * (0.5 * (least + most))[:, None, :]) @ np.swapaxes(frames, 1, 2)
        inward = _frame(turn, m) / np.sqrt(t**power)
        away = np.linalg.norm(inward.T @ middle @ inward - np.eye(m), axis=(1, 2))
        spread = 0.5 * np.linalg.norm(most - least, axis=1)
        for i, angle in enumerate(angles):
            spread += math.sqrt(2) * np.sin(angle) * (most[:, i] - least[:, i + 1])
        return away + spread / t.min() ** power

    def _holds(self, numbers: Balls, low: Array, high: Array, t: Array, turn: Array) -> bool:
        """Whether one box of two or three classes is inside: its :meth:`_distance`, in balls."""
        m, power = len(t), self.instance.depth + 1
        root = numbers.ratio(1, 2)
        least, most = ([numbers.number(float(x)) ** power for x in corner[:m]] for corner in (low, high))
        values = [numbers.number(float(value)) ** power for value in t]
        middle = [(a + b) / 2 for a, b in zip(least, most, strict=True)]
        width = [(b - a) / 2 for a, b in zip(least, most, strict=True)]
        spread = numbers.power(sum(w * w for w in width), root)
        if m == 1:
            X, across = [middle[0]], numbers.number(0)
        else:
            first, last = enclosed(numbers, float(low[2])), enclosed(numbers, float(high[2]))
            half, double = (last - first) / 2, first + last - 2 * numbers.number(float(turn[0]))
            mean, skew = (middle[0] + middle[1]) / 2, (middle[0] - middle[1]) / 2
            X = [mean + skew * numbers.cos(double), mean - skew * numbers.cos(double)]
            across = skew * numbers.sin(double)
            swept = numbers.sin(half) if half < numbers.ratio(3, 2) else 1
            spread += numbers.power(numbers.number(2), root) * swept * (most[0] - least[1])
        # A product, since a power of a ball about zero is undefined.
        off = [x / value - 1 for x, value in zip(X, values, strict=True)]
        away = sum(x * x for x in off) + 2 * across * across / (values[0] * values[-1])
        return numbers.high(numbers.power(away, root) + spread / min(values, key=float)) <= self.rho


def _frame(turn: Array, m: int) -> Array:
    """The frame (m, m) of a centre, its directions in the columns."""
    if m == 1:
        return np.ones((1, 1))
    if m == 3:
        return turn.reshape(3, 3)
    c, s = math.cos(turn[0]), math.sin(turn[0])
    return np.array([[c, -s], [s, c]])


def _frames(boxes: Boxes, m: int) -> tuple[Array, list[Array]]:
    """Frames (N, m, m) in the middle of boxes, and how far their first and last directions turn."""
    if m == 1:
        return np.ones((len(boxes), 1, 1)), []
    if m == 2:
        middle, half = 0.5 * (boxes.low[:, 2] + boxes.high[:, 2]), 0.5 * (boxes.high[:, 2] - boxes.low[:, 2])
        c, s = np.cos(middle), np.sin(middle)
        return np.stack([np.stack([c, s], 1), np.stack([-s, c], 1)], axis=2), [np.minimum(half, np.pi / 2)]
    first, third, reach, turn = caps(boxes.low, boxes.high)
    return np.stack([first, np.cross(third, first), third], axis=2), [reach, turn]


def _bound(instance: Instance, numbers: Numbers, t: Array, turn: Array, rho: float, tau: float, share: float) -> float:
    """Lower bound of f within ``rho``; raises Refuted when the limits do not hold there."""
    m, number = instance.order, numbers.number
    at = [number(float(value)) for value in t]
    q = numbers.ratio(1, instance.depth + 1)
    eigen = [value ** (instance.depth + 1) for value in at]
    E = [instance.strength * q * value for value in at]
    radius, reach = number(rho), number(tau)
    psi = (numbers.exp(-reach) + reach - 1) / (reach * reach)
    entries = list(itertools.combinations_with_replacement(range(m), 2))
    g = [number(1 if i == j else 2) for i, j in entries]
    classes = [
        _InnerPoint.of(instance, numbers, rows, E, x, w, nu, psi, share, entries)
        for rows, x, w, nu in zip(
            _rivals_in_frame(instance, numbers, eigen, turn),
            _points(instance, t, turn),
            instance.weight,
            instance.count,
            strict=True,
        )
    ]
    k = range(len(entries))
    Q = [[2 * (1 + ROOM) * sum(one.curvature[a][b] for one in classes) for b in k] for a in k]
    # Smaller eigenvalues first.
    ordered = [(i, j) if t[i] <= t[j] else (j, i) for i, j in entries]
    kappa = [_bent(eigen[i], eigen[j], E[i], E[j], q) for i, j in ordered]
    grown = numbers.power(1 - radius, q - 2)
    _need([[(g[a] / (kappa[a] * grown) if a == b else 0) - Q[a][b] for b in k] for a in k], "curved the wrong way")
    answer = _solved(Q, [[g[a] if a == b else number(0) for a in k] for b in k], "flat")
    # answer[b] is Delta, up to its sign, for X with the entry b alone.
    scale = [g[n] / (E[i] * E[j]) for n, (i, j) in enumerate(entries)]
    relative = [[sum(scale[n] * answer[a][n] * answer[b][n] for n in k) for b in k] for a in k]
    _need(_less(g, number(share) ** 2 / radius**2, relative), "too wide for its multipliers")
    for one in classes:
        room = reach**2 / one.farthest - (1 + 1 / ROOM) * one.left
        moved = [[_form(answer[a], one.curvature, answer[b]) for b in k] for a in k]
        _need(_less(g, room / (4 * (1 + ROOM) * radius**2), moved), "too wide for its exponents")
    moment = [
        g[n] * (sum(one.count * one.x[i] * one.x[j] for one in classes) - (1 if i == j else 0))
        for n, (i, j) in enumerate(entries)
    ]
    pull = [sum(moment[n] * answer[a][n] for n in k) for a in k]
    slack = radius * numbers.power(sum(pull[a] * pull[a] / g[a] for a in k), numbers.ratio(1, 2))
    slack += (1 + 1 / ROOM) / 4 * sum(one.left for one in classes)
    value = sum(one.value for one in classes) - sum(E) + instance.strength * sum(at)
    bound = numbers.low(value - slack)
    if not math.isfinite(bound):
        raise Refuted("a neighbourhood is beyond the range of floats")
    return bound


@dataclass(frozen=True)
class _InnerPoint:
    """One class at its inner point x: value, Delta -> nu^2 x^T Delta A^-1 Delta x as a matrix (k, k), the largest
    v^T A^-1 v over differences v of exponents, and R^T A^-1 R of the gradient R that is left."""

    x: Vector
    count: Any
    value: Any
    curvature: Matrix
    farthest: Any
    left: Any

    @classmethod
    def of(
        cls,
        instance: Instance,
        numbers: Numbers,
        rivals: Matrix,
        E: Vector,
        point: Array,
        weight: Any,
        count: Any,
        psi: Any,
        share: float,
        entries: Sequence[tuple[int, int]],
    ) -> _InnerPoint:
        """The class with rivals (J, m)."""
        m = range(len(E))
        x = [numbers.number(float(value)) for value in point]
        odds = [instance.rivals * numbers.exp(sum(row[a] * x[a] for a in m)) for row in rivals]
        total = 1 + sum(odds)
        p = [value / total for value in odds]
        mean = [sum(q * row[a] for q, row in zip(p, rivals, strict=True)) for a in m]
        second = [[sum(q * row[a] * row[b] for q, row in zip(p, rivals, strict=True)) for b in m] for a in m]
        A = [
            [
                psi * weight * (second[a][b] - mean[a] * mean[b])
                + (count * (1 - numbers.number(share)) * E[a] if a == b else 0)
                for b in m
            ]
            for a in m
        ]
        left = [weight * mean[a] + 2 * count * E[a] * x[a] for a in m]
        # B_k x for the k-th entry of Delta.
        pulls = [[(x[j] if a == i else 0) + (x[i] if a == j and i != j else 0) for a in m] for i, j in entries]
        solved = _solved(A, [*pulls, left], "flat for a class")
        square = count * count
        curvature = [[square * _dot(one, other) for other in solved[:-1]] for one in pulls]
        ends = [*rivals, [numbers.number(0)] * len(E)]
        steps = [[u - v for u, v in zip(a, b, strict=True)] for a, b in itertools.combinations(ends, 2)]
        reach = [_dot(v, w) for v, w in zip(steps, _solved(A, steps, "flat for a class"), strict=True)]
        farthest = max(numbers.high(value) for value in reach)
        value = weight * numbers.log1p(sum(odds)) + count * sum(E[a] * x[a] * x[a] for a in m)
        return cls(x, count, value, curvature, numbers.number(farthest), _dot(left, solved[-1]))


def _bent(a: Any, b: Any, E: Any, F: Any, q: Any) -> Any:
    """Upper bound of kappa = -c q a b (a^(q-1) - b^(q-1)) / (a - b), a <= b, with c q a^q = E and c q b^q = F.

    This is (E b - F a) / (b - a), and at most (1 - q) E b / a.
    """
    apart = b - a
    return (E * b - F * a) / apart if apart > 1e-4 * b else (1 - q) * E * b / a


def _rivals_in_frame(instance: Instance, numbers: Numbers, eigen: Vector, turn: Array) -> list[Matrix]:
    """S^T d_cj, with the columns of S the directions of the frame times sqrt(lambda)."""
    root = [numbers.power(value, numbers.ratio(1, 2)) for value in eigen]
    if instance.order == 2:
        angle = numbers.number(float(turn[0]))
        c, s = numbers.cos(angle), numbers.sin(angle)
        columns = [[c, s], [-s, c]]
    else:
        columns = [[numbers.number(float(value)) for value in column] for column in _frame(turn, instance.order).T]
    return [
        [[size * _dot(column, row) for size, column in zip(root, columns, strict=True)] for row in rows]
        for rows in rivals_of(instance.classes, numbers)
    ]


def _points(instance: Instance, t: Array, turn: Array) -> Array:
    """Inner points x (K, m) in floats: from their shares, made exact by Newton's method."""
    plain, m = instance.rounded(), instance.order
    E = plain.strength / (plain.depth + 1) * t
    S = _frame(turn, m) * t ** (0.5 * (plain.depth + 1))
    rival = rival_differences(plain.classes) @ S
    weight, count = np.array(plain.weight)[:, None], np.array(plain.count)[:, None]
    p = shares(rival[None] / np.sqrt(E), weight[:, 0], count[:, 0], plain.rivals)[0]
    x = -weight * np.einsum("cj,cja->ca", p, rival) / (2 * count * E)
    for _ in range(POLISH):
        odds = plain.rivals * np.exp(np.einsum("cja,ca->cj", rival, x))
        p = odds / (1 + odds.sum(axis=1, keepdims=True))
        mean = np.einsum("cj,cja->ca", p, rival)
        second = np.einsum("cj,cja,cjb->cab", p, rival, rival) - mean[:, :, None] * mean[:, None, :]
        curvature = weight[..., None] * second + 2 * count[..., None] * np.diag(E)
        x -= np.linalg.solve(curvature, (weight * mean + 2 * count * E * x)[..., None])[..., 0]
    return x


def _dot(u: Vector, v: Vector) -> Any:
    return sum(a * b for a, b in zip(u, v, strict=True))


def _form(u: Vector, matrix: Matrix, v: Vector) -> Any:
    return _dot(u, [_dot(row, v) for row in matrix])


def _less(g: Vector, factor: Any, matrix: Matrix) -> Matrix:
    """factor diag(g) - matrix."""
    k = range(len(g))
    return [[(factor * g[a] if a == b else 0) - matrix[a][b] for b in k] for a in k]


def _need(matrix: Matrix, why: str) -> None:
    _solved(matrix, [], why)


def _solved(matrix: Matrix, columns: list[Vector], why: str) -> list[Vector]:
    """Solutions of a symmetric system; raises Refuted unless its pivots are positive, so that the matrix is."""
    left, right = [list(row) for row in matrix], [list(column) for column in columns]
    n = len(left)
    for i in range(n):
        if not left[i][i] > 0:
            raise Refuted(f"a neighbourhood is {why}")
        for j in range(i + 1, n):
            factor = left[j][i] / left[i][i]
            left[j] = [a - factor * b for a, b in zip(left[j], left[i], strict=True)]
            for column in right:
                column[j] = column[j] - factor * column[i]
    for column in right:
        for i in reversed(range(n)):
            rest = sum(left[i][j] * column[j] for j in range(i + 1, n))
            column[i] = (column[i] - rest) / left[i][i]
    return right

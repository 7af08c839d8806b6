"""The bounds of optima.checker.leaves for two and three classes, in balls that enclose the true values."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from optima.checker.arithmetic import Balls
from optima.checker.boxes import Boxes, vertices
from optima.checker.instance import Instance, rivals_of
from optima.checker.leaves import Leaves, positive
from optima.checker.scalar_bounds import entropy
from optima.model import Array

# Relative room for the rounding of sums of floats: of shares, which stay below one, and of t.
ROOM = 1e-15
# Arcs longer than this are halved: it is less than a quarter of a turn.
LONG = 1.5
# Angles at which boxes end in floats, for the true ends pi / 6 and pi of the first box.
ENDS = (np.pi / 6, np.pi)


@dataclass(frozen=True)
class BallLeaves:
    """Bounds (N,) for boxes of one problem, whose numbers are balls."""

    instance: Instance
    numbers: Balls

    def bounds(self, boxes: Boxes, D: Array) -> Array:
        """The best bound of each box, inf where it is empty; D that are not positive definite are of no use."""
        strength = self.instance.strength
        spent = boxes.spent * (1 - ROOM)
        out = np.array([self.numbers.low(strength * self.numbers.number(float(least))) for least in spent])
        zero = boxes.high[:, 0] == 0
        out[zero] = np.maximum(out[zero], self.numbers.low(self.instance.zero_fit(self.numbers)))
        D = 0.5 * (D + np.swapaxes(D, 1, 2))
        usable = np.flatnonzero(~boxes.empty & ~zero & positive(D))
        guide = Leaves(self.instance.rounded())
        shares = _proper(guide.tangent_shares(D[usable])[0])
        for row, p in zip(usable, shares, strict=True):
            out[row] = max(out[row], self._tangent(boxes.low[row], boxes.high[row], D[row], p))
        flat = usable[boxes.high[usable, 1] == 0] if self.instance.order == 2 else usable[:0]
        shares = _proper(guide.line_shares(boxes.low[flat], boxes.high[flat], D[flat])) if flat.size else shares[:0]
        for row, p in zip(flat, shares, strict=True):
            out[row] = max(out[row], self._line(boxes.low[row], boxes.high[row], float(D[row, 0, 0]), p))
        out[boxes.empty] = np.inf
        return out

    def _tangent(self, low: Array, high: Array, D: Array, p: Array) -> float:
        number = self.numbers.number
        entries = [[number(float(x)) for x in row] for row in D]
        if len(entries) == 1:
            inverse = [[1 / entries[0][0]]]
        else:
            (a, b), (_, d) = entries
            det = a * d - b * b
            if not (a > 0 and det > 0):
                return -math.inf
            inverse = [[d / det, -b / det], [-b / det, a / det]]
        fit, slopes = self._fit(p)
        for g, count in zip(slopes, self.instance.count, strict=True):
            pairs = itertools.product(range(len(g)), repeat=2)
            fit = fit - sum(g[i] * inverse[i][j] * g[j] for i, j in pairs) / (4 * count)
        if len(entries) == 1:
            return self.numbers.low(fit + self._least(low[:1], high[:1], entries[0][0]))
        arc = (float(low[2]), float(high[2]))
        return self.numbers.low(fit + self._least_in_plane(low, high, a + d, self._most_on_arc(a, b, d, *arc)))

    def _line(self, low: Array, high: Array, multiplier: float, p: Array) -> float:
        d = self.numbers.number(multiplier)
        fit, slopes = self._fit(p)
        Q = [self.numbers.number(0)] * 3
        for g, count in zip(slopes, self.instance.count, strict=True):
            Q = [
                entry + g[i] * g[j] / (4 * count * d) for entry, (i, j) in zip(Q, ((0, 0), (0, 1), (1, 1)), strict=True)
            ]
        turned = self._most_on_arc(Q[0], Q[1], Q[2], float(low[2]), float(high[2]))
        return self.numbers.low(fit - turned + self._least(low[:1], high[:1], d))

    def _fit(self, p: Array) -> tuple[Any, list[list[Any]]]:
        """sum_c w_c H(p_c), and g_c = w_c sum_j p_cj d_cj."""
        number, fit, slopes = self.numbers.number, self.numbers.number(0), []
        for c, weight in enumerate(self.instance.weight):
            share = [number(float(q)) for q in p[c]]
            fit = fit + weight * entropy(share, self.instance.rivals, self.numbers)
            rivals = self._rivals[c]
            slopes.append(
                [weight * sum(q * d[a] for q, d in zip(share, rivals, strict=True)) for a in range(len(rivals[0]))]
            )
        return fit, slopes

    def _least(self, low: Array, high: Array, d: Any) -> Any:
        """Least c t - d t^(L+1): at an end."""
        values = []
        for end in (low[0], high[0]):
            t = self.numbers.number(float(end))
            values.append(self.instance.strength * t - d * t ** (self.instance.depth + 1))
        return values[0].min(values[1])

    def _least_in_plane(self, low: Array, high: Array, trace: Any, x: Any) -> Any:
        """Least c (t_1 + t_2) - lambda_2 tr D - (lambda_1 - lambda_2) u_1^T D u_1: at a vertex."""
        best = self.numbers.number(math.inf)
        for point, inside in vertices(low[None, :2], high[None, :2]):
            if inside[0]:
                t = [self.numbers.number(float(value)) for value in point[0]]
                first, second = (value ** (self.instance.depth + 1) for value in t)
                best = best.min(self.instance.strength * (t[0] + t[1]) - second * trace - (first - second) * x)
        return best

    def _most_on_arc(self, a: Any, b: Any, d: Any, low: float, high: float) -> Any:
        """Largest u^T Q u, Q = [[a, b], [b, d]], for unit vectors u at angles in [low, high]."""
        if high - low > LONG:
            middle = 0.5 * (low + high)
            return self._most_on_arc(a, b, d, low, middle).max(self._most_on_arc(a, b, d, middle, high))
        mean, x, y = (a + d) / 2, (a - d) / 2, b
        start, stop = self._double(low), self._double(high)
        ends = [x * cos + y * sin for cos, sin in (start, stop)]
        # Along less than half a turn of the double angle, a sinusoid peaks only where its slope goes from + to -.
        slopes = [y * cos - x * sin for cos, sin in (start, stop)]
        if slopes[0] <= 0 or slopes[1] >= 0:
            return mean + ends[0].max(ends[1])
        return mean + (x * x + y * y).sqrt()

    @cached_property
    def _double(self) -> Any:
        """Cosine and sine of twice an angle, which may stand for a true end of the first box."""

        @lru_cache(maxsize=100_000)
        def double(angle: float) -> tuple[Any, Any]:
            ball = enclosed(self.numbers, angle)
            return (2 * ball).cos(), (2 * ball).sin()

        return double

    @cached_property
    def _rivals(self) -> list[list[list[Any]]]:
        """d_cj for each class c."""
        return rivals_of(self.instance.classes, self.numbers)


def enclosed(numbers: Balls, angle: float) -> Any:
    """A ball that holds an angle, and the true end of the first box where the angle is that end in floats."""
    ball = numbers.number(angle)
    return ball.union(numbers.flint.arb.pi() / (6 if angle < 1 else 1)) if angle in ENDS else ball


def _proper(p: Array) -> Array:
    """Shares of the rivals that sum to less than one."""
    return p / np.maximum(p.sum(axis=-1, keepdims=True) * (1 + ROOM), 1.0)

r"""The bounds of boxes of invariant logits in ball arithmetic, one box at a time.

.. math:: f \ge \sum_j q_j a_j + \log\Bigl(1 + \sum_j e^{-a_j}\Bigr)
    + \sum_b m_b \min_{t_b} \bigl[c\,t_b - w_b t_b^{(L+1)/2}\bigr]

with the margins a_j and shares q_j of a point and w_b = sum_j q_j (1 - cos theta_bj) / K, as in floating point.
"""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optima.checker.arithmetic import Balls
from optima.model import Array


class BallBounds:
    """Bounds for one group; ``number`` holds the block of each element, ``multiplicity`` their sizes."""

    def __init__(
        self, group: tuple[int, ...], number: NDArray[np.int64], multiplicity: Array, depth: int, numbers: Balls
    ) -> None:
        elements = list(itertools.product(*(range(n) for n in group)))
        characters = [elements[int(np.flatnonzero(number == b)[0])] for b in range(multiplicity.size)]
        self.numbers, self.size = numbers, [int(n) for n in multiplicity]
        self.power = numbers.ratio(depth + 1, 2)
        self.decline = [[self._decline(j, k, group) for k in characters] for j in elements[1:]]

    def _decline(self, j: tuple[int, ...], k: tuple[int, ...], group: tuple[int, ...]) -> Any:
        """(1 - cos theta) / K."""
        turn = sum((Fraction(a * b, n) for a, b, n in zip(j, k, group, strict=True)), Fraction(0)) % 1
        angle = 2 * self.numbers.ratio(turn.numerator, turn.denominator) * self.numbers.flint.arb.pi()
        return (1 - angle.cos()) / math.prod(group)

    def least(self, strength: Any, low: Array, high: Array, point: Array) -> float:
        """A float below the loss on all the boxes."""
        return min((self._bound(strength, *box) for box in zip(low, high, point, strict=True)), default=math.inf)

    def _bound(self, strength: Any, low: Array, high: Array, point: Array) -> float:
        numbers = self.numbers
        ends = [[numbers.number(float(t)) for t in corner] for corner in (low, high)]
        spent = sum(size * t for size, t in zip(self.size, ends[0], strict=True)) * strength
        if not (np.isfinite(point).all() and (point >= 0).all()):
            return numbers.low(spent)
        scaled = [size * numbers.number(float(r)) for size, r in zip(self.size, point, strict=True)]
        margin = [sum(a * b for a, b in zip(row, scaled, strict=True)) for row in self.decline]
        odds = [numbers.exp(-a) for a in margin]
        total = sum(odds)
        bound = numbers.log1p(total) + sum(q * a for q, a in zip(odds, margin, strict=True)) / (1 + total)
        for b, size in enumerate(self.size):
            w = sum(q * row[b] for q, row in zip(odds, self.decline, strict=True)) / (1 + total)
            values = [strength * end[b] - w * numbers.power(end[b], self.power) for end in ends]
            bound = bound + size * numbers.number(min(numbers.low(value) for value in values))
        return max(numbers.low(bound), numbers.low(spent))

"""Three classes in the plane: the best network found at depths 4 to 8 with squared error."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cache

import numpy as np

from optima.model import Array
from optima.structures.base import Number, single
from optima.structures.networks.base import Costs, Separating
from optima.structures.networks.numbers import best_fraction, number, root


class Triangle(Separating):
    r"""M_2 = ... = [[0, 1, t], [1, 0, t]], then relu(x - y), relu(y - x) and two neurons that are active on all.

    .. math:: G^{L+1} = 2^{L-3} g^2, \qquad g = \min_\varphi \Bigl(1 + \frac{1}{\sin\varphi}\Bigr)
        \Bigl(1 + \tan\varphi + \frac{\sqrt 3}{\cos\varphi}\Bigr), \quad t = \frac{\cot\varphi}{\sqrt 2}

    Source: derivations/network_triangle.py.
    """

    name = "triangle"
    least_depth = 3
    about_numbers = "decimals are those of an angle within 1e-8 of the best one, which the formula is of"

    def stem(self) -> Array:
        """Two neurons, three points of the quadrant."""
        t = float(self._angle()[1] / self._angle()[0]) / math.sqrt(2)
        return np.array([[0, 1, t], [1, 0, t]])

    def stages(self) -> tuple[Array, ...]:
        """The difference with both signs, and the root of [[b1 + b2, b1 - b2], [b1 - b2, b1 + b2]] / 2."""
        both, differ = (math.sqrt(b) for b in self._idle())
        weight = np.array([[1, -1], [-1, 1], [(both + differ) / 2, (both - differ) / 2]])
        return (np.vstack([weight, weight[-1, ::-1]]) @ self.stem(),)

    def _angle(self, exact: bool = False) -> tuple[Number, Number]:
        """sin and cos of phi."""
        half = number(_half_tangent(), exact)
        return 2 * half / (1 + half**2), (1 - half**2) / (1 + half**2)

    def _idle(self, exact: bool = False) -> tuple[Number, Number]:
        """b1 and b2, the squares of the idle neurons on sum and difference: sqrt(3) sin phi, sqrt(3) cos phi - 1."""
        sine, cosine = self._angle(exact)
        return root(3, exact) * sine, root(3, exact) * cosine - 1

    def all_costs(self, exact: bool = False) -> Costs:
        """Nuclear norm 1 + 1/sin phi, stage 4 + b1 + b2; sum and third class meet in a matrix of order two."""
        sine, cosine = self._angle(exact)
        both, differ = self._idle(exact)
        cot = cosine / sine
        trace, gap = 1 + both * (1 + cot**2), root((1 + both * (1 - cot**2)) ** 2 + (2 * both * cot) ** 2, exact)
        squares = [(trace + gap) / 2, 2 * both * cot**2 / (trace + gap), 1 + differ]
        output = trace / (both * cot**2) + 1 / (1 + differ)
        mean = (1 + both * (1 + 2 * cot**2 - 2 * root(2, exact) * cot)) / (3 * both * cot**2)
        spectrum = tuple((root(square, exact), 1) for square in squares)
        return Costs(1 + 1 / sine, 2, 4 + both + differ, output, spectrum, mean)


@cache
def _half_tangent() -> Fraction:
    """tan(phi/2) at the best angle."""

    def cost(half: float) -> float:
        sine, cosine = 2 * half / (1 + half**2), (1 - half**2) / (1 + half**2)
        return (1 + 1 / sine) * (1 + sine / cosine + math.sqrt(3) / cosine)

    return best_fraction(cost, 0.1, 0.9)


family = single(Triangle, "three classes in the plane, raised to rank three by the last layer", lambda K: K == 3)

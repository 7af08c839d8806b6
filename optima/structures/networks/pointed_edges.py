"""Seven classes as the edges of four points, and one of the points: what beats collapse at depth three from K = 7."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import combinations

import numpy as np

from optima.model import Array
from optima.structures.base import Number, single
from optima.structures.networks.base import Costs, Separating
from optima.structures.networks.numbers import DENOMINATOR, number, root

# The edges of four points; the first class is point 0 alone.
EDGES = tuple(combinations(range(4), 2))


class PointedEdges(Separating):
    r"""M_2 = ... = four points against point 0 and the six edges; then a row for each edge, and one for point 0.

    .. math:: G^{L+1} = \min_{a, c, \kappa} N^2\, 4^{L-3} \Bigl(\sum_{i=1}^3 \sqrt{w_i h_i}\Bigr)^2, \qquad
        N = 2 \sqrt{c^2 + 1} + \sqrt{T + 2 \sqrt D}

    with T = a^2 + 3 b^2 + c^2 + 4, D = a^2 (c^2 + 4) + 12 b^2, b = c / kappa, w = (9, 3 (3 + kappa^2), 3 + kappa^2),
    m = 1 / (kappa a)^2 and h = (1/2 + 1/(4 c^2) + m/3, 1/8 + 1/(2 c^2) + m/3, 1/12 + 1/(12 c^2) + m/9).
    Source: derivations/network_pointed_edges.py.
    """

    name = "pointed-edges"
    least_depth = 3

    def stem(self) -> Array:
        """Point 0 sees its class with a and its edges with b, other points the edge to 0 with c and the rest with 1."""
        s = _sizes()
        columns = [[s.a, 0, 0, 0]]
        for i, j in EDGES:
            column: list[Number] = [0, 0, 0, 0]
            column[i], column[j] = (s.b, s.c) if i == 0 else (1, 1)
            columns.append(column)
        return np.array(columns, dtype=float).T

    def stages(self) -> tuple[Array, ...]:
        """Rows that are zero on all edges that meet one, and one that is zero on the edges of point 0."""
        s = _sizes()
        g, v, t = (math.sqrt(square) for square in s.squares)
        rows = []
        for i, j in EDGES:
            outer = i == 0
            row = np.full(4, g if outer else v)
            row[0] = 0 if outer else v * float(s.ratio)
            row[[j] if outer else [i, j]] *= -1
            rows.append(row)
        rows.append(np.array([-t * float(s.ratio), t, t, t]))
        made = np.array(rows) @ self.stem()
        # Exact zeros where terms cancel up to rounding.
        return (np.where(np.abs(made) < 1e-12, 0.0, made),)

    def all_costs(self, exact: bool = False) -> Costs:
        """Of the fractions that a, c, kappa and the squares of the weights are."""
        s = _sizes()
        T, D = s.moments
        nuclear = 2 * root(s.c**2 + 1, exact) + root(number(T, exact) + 2 * root(D, exact), exact)
        later, output = (
            number(sum(x * y for x, y in zip(terms, s.squares, strict=True)), exact)
            for terms in (s.weights, [h / square**2 for h, square in zip(s.inverses, s.squares, strict=True)])
        )
        return Costs(nuclear, 4, later, output, s.spectrum(exact), number(s.mean, exact))


@dataclass(frozen=True)
class _Sizes:
    """a, c, kappa, and the squares of the weights g, v and t."""

    a: Number
    c: Number
    ratio: Number
    squares: tuple[Number, ...] = ()

    @property
    def b(self) -> Number:
        """c / kappa: what an edge of point 0 is to point 0."""
        return self.c / self.ratio

    @property
    def moments(self) -> tuple[Number, Number]:
        """T and D."""
        return self.a**2 + 3 * self.b**2 + self.c**2 + 4, self.a**2 * (self.c**2 + 4) + 12 * self.b**2

    @property
    def weights(self) -> tuple[Number, ...]:
        """What squares of weights count in the stage."""
        return 9, 3 * (3 + self.ratio**2), 3 + self.ratio**2

    @property
    def inverses(self) -> tuple[Number, ...]:
        """What their inverses count in the inverse of X_L."""
        m, n = 1 / (self.ratio * self.a) ** 2, 1 / self.c**2
        return Fraction(1, 2) + n / 4 + m / 3, Fraction(1, 8) + n / 2 + m / 3, Fraction(1, 12) + n / 12 + m / 9

    @property
    def mean(self) -> Number:
        """1^T (X_L^T X_L)^{-1} 1 / 7, by the solution of X_L^T z = 1."""
        g, v, t = self.squares
        y = 1 - 2 * self.c / (3 * self.ratio * self.a)
        z = 3 * y**2 / (4 * g * self.c**2), 1 / (3 * v * (self.ratio * self.a) ** 2), (1 - y / self.c) ** 2 / (4 * t)
        return sum(z) / 7

    def spectrum(self, exact: bool) -> tuple[tuple[Number, int], ...]:
        """Roots of a cubic, once each, and of a quadratic, twice each: what permutations of three points leave."""
        g, v, t = self.squares
        c, u = self.c**2, v * (self.ratio * self.a) ** 2
        pairs = 12 * u * c * g + 12 * u * (g + 3 * t) + 16 * c * (g * v + 3 * g * t + 3 * v * t)
        cubic = [1, -(3 * u + 4 * c * (g + v) + 4 * g + 12 * t), pairs, -144 * u * c * g * t]
        quadratic = [1, -(g * c + 4 * v * c + 4 * g), 16 * g * v * c]
        found = [(square, 1) for square in _roots(cubic, exact)]
        found += [(square, 2) for square in _roots(quadratic, exact)]
        return tuple((root(square, exact), m) for square, m in found)


def _roots(polynomial: list[Number], exact: bool) -> list[Number]:
    if not exact:
        return [float(x) for x in np.roots([float(x) for x in polynomial]).real]
    import sympy

    return list(sympy.Poly([sympy.Rational(x) for x in polynomial], sympy.Symbol("x")).all_roots(multiple=True))


@cache
def _sizes() -> _Sizes:
    """The best ones."""
    from scipy.optimize import minimize

    def log_cost(x: Array) -> float:
        s = _Sizes(*np.exp(x).tolist())
        T, D = s.moments
        nuclear = 2 * math.sqrt(s.c**2 + 1) + math.sqrt(T + 2 * math.sqrt(D))
        brackets = sum(math.sqrt(w * h) for w, h in zip(s.weights, s.inverses, strict=True))
        return math.log(nuclear) + math.log(brackets)

    found = minimize(log_cost, np.zeros(3), method="BFGS", options={"gtol": 1e-9})
    near = lambda value: Fraction(float(value)).limit_denominator(DENOMINATOR)
    a, c, ratio = map(near, np.exp(found.x))
    s = _Sizes(a, c, ratio)
    squares = tuple(near(math.sqrt(h / w)) for w, h in zip(s.weights, s.inverses, strict=True))
    return _Sizes(s.a, s.c, s.ratio, squares)


family = single(PointedEdges, "edges of four points and one of the points: seven classes", lambda K: K == 7)

"""Antipodal pairs lifted to nonnegative features, and a hinge for every class: squared error."""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import numpy as np

from optima.model import Array
from optima.structures.base import Number, single
from optima.structures.networks.base import Costs, Separating
from optima.structures.networks.numbers import best_fraction, number, root


class LiftedPairs(Separating):
    r"""V with V^T V = J + X, X the Gram matrix of +-e_k, K = 2d, then the hinges of all classes beside sqrt(x) V.

    .. math:: G^{L+1} = 2 (d + \sqrt d)^2 (d+1)^{L-3}
        \min_x\, (2d + (d+1) x) \Bigl(d - 1 + \frac{d}{1 + 2x} + \frac{1}{1 + 2dx}\Bigr)

    V has entries 1 + (sign of the class) (sign of the row), the rows from a Hadamard matrix; the hinge of a class is
    relu of what the code sees of it, which leaves the class itself: X_L^T X_L = I + x (J + X).
    Source: derivations/network_lifted_pairs.py.
    """

    name = "hinged-pairs"
    least_depth = 3
    about_numbers = "the weight x beside the hinges is a fraction within 1e-8 of the best one"

    def stem(self) -> Array:
        """V, of shape (m, 2d) with m the least power of two above d."""
        return lifted_pairs(self.classes // 2)

    def stages(self) -> tuple[Array, ...]:
        """X on top of sqrt(x) V."""
        hinges = np.kron(np.eye(self.classes // 2), [[1.0, -1.0], [-1.0, 1.0]])
        return (np.vstack([hinges, np.sqrt(float(self.share)) * self.stem()]),)

    @property
    def share(self) -> Fraction:
        """x."""
        return _share(self.classes // 2)

    def all_costs(self, exact: bool = False) -> Costs:
        """Singular values sqrt(2d) and sqrt(2), d times, of V; a stage of 2d + (d+1) x; 1, 1 + 2x, 1 + 2dx."""
        d, x = self.classes // 2, number(self.share, exact)
        nuclear = root(2 * d, exact) + d * root(2, exact)
        squares: list[tuple[Number, int]] = [(1 + 2 * d * x, 1), (1 + 2 * x, d), (number(1, exact), d - 1)]
        output = sum(m / square for square, m in squares)
        spectrum = tuple((root(s, exact), m) for s, m in squares if m)
        return Costs(nuclear, d + 1, 2 * d + (d + 1) * x, output, spectrum, 1 / squares[0][0])


def lifted_pairs(half: int) -> Array:
    """Nonnegative V with V^T V = J + X for d antipodal pairs, of shape (m, 2d)."""
    from scipy.linalg import hadamard

    runs = 1 << half.bit_length()
    signs = hadamard(runs, dtype=float)[:, 1 : half + 1]
    return np.asarray((np.kron(signs, [[1.0, -1.0]]) + 1) / np.sqrt(runs))


@cache
def _share(d: int) -> Fraction:
    """The best x: the product of a rising and a falling term, least once."""
    cost = lambda x: (2 * d + (d + 1) * x) * (d - 1 + d / (1 + 2 * x) + 1 / (1 + 2 * d * x))
    return best_fraction(cost, 0.0, 2.0)


family = single(
    LiftedPairs,
    "antipodal pairs lifted to nonnegative features, then a hinge for every class; even K",
    lambda classes: classes >= 4 and classes % 2 == 0,
)

"""Groups of three classes and transversals of them: cheaper than collapse at depth two, with very many classes."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from itertools import product

import numpy as np

from optima.model import Array
from optima.structures.base import Number, single
from optima.structures.networks.base import Costs, Separating
from optima.structures.networks.numbers import best_fraction, number, root

# Classes from which the price is below that of collapse, and up to which the network is listed.
LEAST, MOST = 138, 1000
GROUP = 3


class Transversal(Separating):
    r"""M_2 has simplices b/(b-1) (I - J/b) on groups of b = 3 classes, and transversals, times sqrt(e b/m).

    .. math:: G^3 = \min_e \Bigl(n \sqrt{s_0^2 + e} + \sqrt{e K/b}\Bigr)^2
        \Bigl(\frac{n}{1+e} + K - n - 1 + \frac{1}{1 + e K/b}\Bigr), \quad n = \frac{K(b-1)}{b}, \ s_0 = \frac{b}{b-1}

    at L = 2. The m transversals, one class of each group, are an orthogonal array of strength two, over the field of
    three elements: two groups have each pair of their classes in m/9 of them.
    Source: derivations/network_transversal.py.
    """

    name = "transversal"
    least_depth = 2

    def stem(self) -> Array:
        """Simplices of groups on top of the transversals."""
        simplices = np.kron(np.eye(self.classes // GROUP), 1.5 * np.eye(GROUP) - 0.5)
        rows = _transversals(self.classes // GROUP)
        return np.vstack([simplices, np.sqrt(float(self.share) * GROUP / len(rows)) * rows])

    @property
    def share(self) -> Fraction:
        """e."""
        return _share(self.classes)

    def all_costs(self, exact: bool = False) -> Costs:
        """X_2^T X_2 is 1 + e within groups, 1 between them, and 1 + e K/b on all together."""
        K, e = self.classes, number(self.share, exact)
        n = 2 * K // 3
        half = number(Fraction(9, 4), exact)
        nuclear = n * root(half + e, exact) + root(e * K / 3, exact)
        squares: list[tuple[Number, int]] = [(1 + e, n), (number(1, exact), K - n - 1), (1 + e * K / 3, 1)]
        output = sum(m / square for square, m in squares)
        spectrum = tuple((root(s, exact), m) for s, m in squares)
        return Costs(nuclear, K, number(1, exact), output, spectrum, 1 / squares[-1][0])


@cache
def _share(K: int) -> Fraction:
    """The best e."""
    n = 2 * K / 3

    def cost(e: float) -> float:
        nuclear = n * (2.25 + e) ** 0.5 + (e * K / 3) ** 0.5
        return float(nuclear**2 * (n / (1 + e) + K - n - 1 + 1 / (1 + e * K / 3)))

    return best_fraction(cost, 0.0, 2.0)


def _transversals(groups: int) -> Array:
    """The orthogonal array of strength two with three levels, as rows of 0 and 1 of length 3 times the groups."""
    dimension = 1
    while (3**dimension - 1) // 2 < groups:
        dimension += 1
    vectors = np.array(list(product(range(3), repeat=dimension)))
    # One of each two opposite vectors: the first entry that is not zero is one.
    leading = np.array([next((int(x) for x in vector if x), 0) for vector in vectors])
    factors = vectors[leading == 1][:groups]
    levels = vectors @ factors.T % 3
    return np.asarray(np.eye(3)[levels].reshape(len(vectors), 3 * groups))


family = single(
    Transversal,
    "groups of three classes and transversals of them, for depth two; K >= 138, a multiple of three",
    lambda classes: LEAST <= classes <= MOST and classes % GROUP == 0,
)

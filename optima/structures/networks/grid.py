"""Networks whose stem says in which row and column of a square grid a class is."""

from __future__ import annotations

from fractions import Fraction
from math import isqrt

import numpy as np

from optima.model import Array
from optima.structures.base import Family, Number, Structure
from optima.structures.networks.base import Costs, Separating
from optima.structures.networks.numbers import number, root


class Grid(Separating):
    r"""M_2 = ... = V, rows and columns against the cells of an r x r grid, then M_L = J - V^T V, K = r^2.

    .. math:: q^L = \bigl(\sqrt{2r} + 2(r-1) \sqrt r\bigr)^2\, (2r-1)^{L-3}\, \frac{r^3}{2}, \qquad
        \mu = (r-1)^2,\ r-1\ (2(r-1)\ \text{times}),\ 1\ ((r-1)^2\ \text{times})

    relu leaves the cells in another row and another column; ``own`` is the other sign, which leaves the cell itself.
    Source: derivations/network_subsets.py.
    """

    least_depth = 3

    def __init__(self, classes: int, own: bool = False) -> None:
        super().__init__(classes)
        self.side, self.own = isqrt(classes), own
        self.name = "grid-own" if own else "grid"

    def stem(self) -> Array:
        """The incidence matrix V, of shape (2r, K)."""
        r = self.side
        return np.vstack([np.kron(np.eye(r), np.ones((1, r))), np.kron(np.ones((1, r)), np.eye(r))])

    def stages(self) -> tuple[Array, ...]:
        """+-(J - V^T V)."""
        V = self.stem()
        last = 1 - V.T @ V
        return (-last if self.own else last,)

    def all_costs(self, exact: bool = False) -> Costs:
        """Singular values of V, and J/2 - V^T as the weight that makes the stage."""
        r = self.side
        nuclear = root(2 * r, exact) + 2 * (r - 1) * root(r, exact)
        spectrum: tuple[tuple[Number, Number], ...] = ((1, r * r),)
        if not self.own:
            spectrum = (((r - 1) ** 2, 1), (r - 1, 2 * (r - 1)), (1, (r - 1) ** 2))
        output = number(sum((Fraction(m, mu**2) for mu, m in spectrum), Fraction(0)), exact)
        later, mean = number(Fraction(r**3, 2), exact), number(Fraction(1, spectrum[0][0] ** 2), exact)
        return Costs(nuclear, 2 * r - 1, later, output, spectrum, mean)


def _members(classes: int) -> list[Structure]:
    r = isqrt(classes)
    return [Grid(classes), Grid(classes, own=True)] if r >= 3 and r * r == classes else []


def _find(name: str, classes: int) -> Structure | None:
    return next((network for network in _members(classes) if network.name == name), None)


family = Family("grid", "rows and columns of a square grid, K = r^2: grid, grid-own", _members, _find)

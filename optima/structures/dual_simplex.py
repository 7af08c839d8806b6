"""A simplex and its negative: the minimal vectors of the dual of the lattice A_n."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from optima.structures.base import Block, Family, Number, Orbit, Structure, unit_scales
from optima.structures.simplex import centred_identity


class DualSimplex(Structure):
    r"""M = a \tfrac{K}{K-2} (I - 11^T / m) (x) [[1, -1], [-1, 1]] with m = K/2: m + m vertices of opposite simplices.

    .. math::
        f(a) = \log\bigl(1 + n e^{-a (1 + 1/n)} + n e^{-a (1 - 1/n)} + e^{-2 a}\bigr) + c\, n\, (a K / n)^p,
        \qquad n = K/2 - 1

    Named ``dual-An`` (n = 2 is the hexagon, n = 3 the cube). Source: derivations/structure_losses.py, section 6.
    """

    def __init__(self, classes: int) -> None:
        super().__init__(classes)
        self.name = f"dual-A{self.rank}"

    @property
    def rank(self) -> int:
        """Dimension of the simplices."""
        return self.classes // 2 - 1

    def blocks(self, exact: bool = False) -> tuple[Block, ...]:
        """One block: the opposite vertex, those of the same simplex, and those of the other."""
        K, n = self.classes, self.rank
        orbit = Orbit(K, (1 - Fraction(1, n), 1 + Fraction(1, n), 2), (n, n, 1))
        return (Block((orbit,), ((Fraction(K, n), n),), K),)

    def shape(self, scales: Sequence[Number] | None = None, exact: bool = False) -> np.ndarray:
        """a (m / n) (I - 11^T / m), with the opposite vertex next to each vertex."""
        (a,) = unit_scales(scales, 1)
        simplex = centred_identity(self.classes // 2, exact)
        return a * np.kron(simplex / simplex[0, 0], np.array([[1, -1], [-1, 1]]))


def _members(classes: int) -> list[Structure]:
    return [DualSimplex(classes)] if classes % 2 == 0 and classes >= 10 else []


family = Family("dual-simplex", "even K: a simplex and its negative, dual-An with n = K/2 - 1", _members)

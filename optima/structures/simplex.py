"""The simplex: deep neural collapse."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from optima.structures.base import Block, Number, Orbit, Structure, single, unit_scales


class Simplex(Structure):
    r"""M = a (I - 11^T / K): deep neural collapse (a simplex equiangular tight frame).

    .. math:: f(a) = \log(1 + (K-1) e^{-a}) + c\,(K-1)\, a^p

    Singular values per unit scale: 1, K - 1 times. Source: garrod2025, Proposition 1 and Theorem 4;
    derivations/structure_losses.py.
    """

    name = "simplex"

    def blocks(self, exact: bool = False) -> tuple[Block, ...]:
        """One block: every rival is at margin 1."""
        return simplex_blocks(self.classes)

    def shape(self, scales: Sequence[Number] | None = None, exact: bool = False) -> np.ndarray:
        """a (I - 11^T / K)."""
        (a,) = unit_scales(scales, 1)
        return a * centred_identity(self.classes, exact)


def simplex_blocks(classes: Number) -> tuple[Block, ...]:
    """Block of the simplex; ``classes`` may be a sympy symbol."""
    return (Block((Orbit(classes, (1,), (classes - 1,)),), ((1, classes - 1),), classes - 1),)


def centred_identity(size: int, exact: bool = False) -> np.ndarray:
    """I - 11^T / size, in floats or in sympy rationals."""
    if exact:
        import sympy

        return np.array(sympy.eye(size) - sympy.ones(size) / size, dtype=object)
    return np.eye(size) - 1.0 / size


family = single(Simplex, "deep neural collapse: M = a (I - 11^T/K)", lambda classes: True)

"""Antipodal pairs (the cross-polytope), as published for even and odd K."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from optima.structures.base import Block, Number, Orbit, Structure, single, unit_scales


class Pairs(Structure):
    r"""M = a I_m (x) [[1, -1], [-1, 1]], m = floor(K/2); for odd K the last class gets a e_K e_K^T.

    .. math::
        f(a) = \frac{2m}{K} \log(1 + (K-2) e^{-a} + e^{-2a})
        + \frac{K-2m}{K} \log(1 + (K-1) e^{-a}) + c\,\bigl(m (2a)^p + (K-2m)\, a^p\bigr)

    Singular values per unit scale: 2, m times, and for odd K 1, once. The odd form is the published one;
    ``pairs-free`` is better. Source: garrod2025, Theorem 1; derivations/structure_losses.py.
    """

    name = "pairs"

    def blocks(self, exact: bool = False) -> tuple[Block, ...]:
        """One block: a class has its partner at margin 2 and all others at margin 1."""
        K = self.classes
        if K % 2 == 0:
            return even_pairs_blocks(K)
        orbits = (pair_orbit(K - 1, K), Orbit(1, (1,), (K - 1,)))
        return (Block(orbits, ((2, (K - 1) // 2), (1, 1)), K),)

    def shape(self, scales: Sequence[Number] | None = None, exact: bool = False) -> np.ndarray:
        """a I (x) [[1, -1], [-1, 1]], and a in the last diagonal entry when K is odd."""
        (a,) = unit_scales(scales, 1)
        matrix = pair_matrix(self.classes, self.classes // 2, exact)
        if self.classes % 2:
            matrix[-1, -1] = 1
        return a * matrix


def pair_orbit(paired: Number, classes: Number) -> Orbit:
    """The orbit of ``paired`` classes in antipodal pairs among ``classes`` in all."""
    return Orbit(paired, (1, 2), (classes - 2, 1))


def even_pairs_blocks(classes: Number) -> tuple[Block, ...]:
    """Block of pairs for even K; ``classes`` may be a sympy symbol."""
    half = classes // 2 if isinstance(classes, int) else classes / 2
    return (Block((pair_orbit(classes, classes),), ((2, half),), classes),)


def pair_matrix(classes: int, pairs: int, exact: bool = False) -> np.ndarray:
    """[[1, -1], [-1, 1]] on each of the first ``pairs`` pairs of classes, zero elsewhere."""
    index = np.arange(2 * pairs)
    matrix = np.zeros((classes, classes), dtype=object if exact else float)
    matrix[index, index] = 1
    matrix[index, index ^ 1] = -1
    return matrix


family = single(Pairs, "antipodal pairs, odd K as published", lambda classes: True)

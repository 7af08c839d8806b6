"""Pairs for odd K, with the last class centred and at a scale of its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from optima.structures.base import Block, Number, Orbit, Structure, single, unit_scales
from optima.structures.pairs import pair_matrix, pair_orbit


class PairsFree(Structure):
    r"""(K-1)/2 antipodal pairs at scale a_1 and the centred column a_2 (e_K - 1/K) for the last class.

    .. math::
        f = \tfrac{K-1}{K} \log(1 + (K-2) e^{-a_1} + e^{-2 a_1}) + \tfrac1K \log(1 + (K-1) e^{-a_2})
        + c\,\bigl(\tfrac{K-1}{2} (2 a_1)^p + (a_2 \sqrt{1 - 1/K})^p\bigr)

    Odd K. Never above the published odd pairs: centring lowers the last singular value at the same fit,
    and a_1 = a_2 is one choice of scales. Source: derivations/structure_losses.py.
    """

    name = "pairs-free"

    def blocks(self, exact: bool = False) -> tuple[Block, ...]:
        """Two blocks: the pairs, and the last class."""
        K = self.classes
        own = 1 - _over(K, exact)
        last = own ** _over(2, exact)
        return (
            Block((pair_orbit(K - 1, K),), ((2, (K - 1) // 2),), K - 1),
            Block((Orbit(1, (1,), (K - 1,)),), ((last, 1),), own),
        )

    def shape(self, scales: Sequence[Number] | None = None, exact: bool = False) -> np.ndarray:
        """a_1 times the pairs, and a_2 (e_K - 1/K) as the last column."""
        pairs, last = unit_scales(scales, 2)
        K = self.classes
        matrix = pairs * pair_matrix(K, (K - 1) // 2, exact)
        matrix[:, -1] = -last * _over(K, exact)
        matrix[-1, -1] += last
        return matrix


def _over(n: int, exact: bool) -> Number:
    """1 / n, as a float or a sympy rational."""
    if exact:
        import sympy

        return sympy.Rational(1, n)
    return 1 / n


family = single(PairsFree, "odd K: pairs with a centred, freely scaled last class", lambda classes: classes % 2 == 1)

"""Mixtures: the simplex on some classes and antipodal pairs on the others."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from optima.structures.base import Block, Family, Number, Orbit, Structure, unit_scales
from optima.structures.pairs import pair_matrix, pair_orbit
from optima.structures.simplex import centred_identity


class Mixed(Structure):
    r"""a_1 (I_s - 11^T / s) on s classes and a_2 [[1, -1], [-1, 1]] on each of m pairs, K = s + 2m.

    .. math::
        f = \tfrac{s}{K} \log(1 + (s-1) e^{-a_1} + 2m\, e^{-a_1 (1 - 1/s)})
        + \tfrac{2m}{K} \log(1 + (K-2) e^{-a_2} + e^{-2 a_2})
        + c\,\bigl((s-1) a_1^p + m (2 a_2)^p\bigr)

    Named ``simplex(s)+pairs(m)``. Each block is centred on its own classes and has its own scale.
    Source: theory of the mixtures met by gradient descent in garrod2025; derivations/structure_losses.py.
    """

    def __init__(self, classes: int, pairs: int) -> None:
        super().__init__(classes)
        self.pairs = pairs
        self.rest = classes - 2 * pairs
        self.name = f"simplex({self.rest})+pairs({pairs})"

    def blocks(self, exact: bool = False) -> tuple[Block, ...]:
        """Two blocks: the simplex and the pairs."""
        K, s, m = self.classes, self.rest, self.pairs
        simplex = Orbit(s, (1, 1 - Fraction(1, s)), (s - 1, 2 * m))
        return (
            Block((simplex,), ((1, s - 1),), s - 1),
            Block((pair_orbit(2 * m, K),), ((2, m),), 2 * m),
        )

    def shape(self, scales: Sequence[Number] | None = None, exact: bool = False) -> np.ndarray:
        """a_1 times the simplex on the first s classes, a_2 times the pairs on the others."""
        simplex, pairs = unit_scales(scales, 2)
        matrix = np.zeros((self.classes, self.classes), dtype=object if exact else float)
        matrix[: self.rest, : self.rest] = simplex * centred_identity(self.rest, exact)
        matrix[self.rest :, self.rest :] = pairs * pair_matrix(2 * self.pairs, self.pairs, exact)
        return matrix


# Up to this many classes the catalogue has every mixture; beyond it, those whose number of pairs is a power of two or
# the largest possible. Any other can be asked for by name.
EVERY_MIXTURE = 200


def _members(classes: int) -> list[Structure]:
    # A simplex on two classes is a pair, so the simplex part starts at three classes.
    most = (classes - 3) // 2
    if classes <= EVERY_MIXTURE:
        counts = list(range(1, most + 1))
    else:
        counts = sorted({*(1 << i for i in range(most.bit_length())), most})
    return [Mixed(classes, pairs) for pairs in counts]


def _find(name: str, classes: int) -> Structure | None:
    match = re.fullmatch(r"simplex\((\d+)\)\+pairs\((\d+)\)", name)
    if not match:
        return None
    rest, pairs = map(int, match.groups())
    valid = rest >= 3 and pairs >= 1 and rest + 2 * pairs == classes
    return Mixed(classes, pairs) if valid else None


family = Family("mixed", "simplex on some classes, pairs on the others: simplex(s)+pairs(m)", _members, _find)

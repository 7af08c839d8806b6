"""Cyclic codes: circulant logits with a few frequencies; the regular polygon is the first."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from optima.structures.base import Block, Family, Number, Orbit, Structure, single, unit_scales

if TYPE_CHECKING:
    import sympy


class Cyclic(Structure):
    r"""M_ij = a sum_{k in T} cos(2 pi k (i - j) / K): every frequency of T at the same singular value.

    .. math:: f(a) = \log \sum_{j=0}^{K-1} e^{-(M_{00} - M_{j0})} + c\, r\, (a K / 2)^p

    for frequencies 1 <= k < K/2, where r = 2 |T|; the frequency K/2 (K even) enters with half the weight
    and adds 1 to the rank, so that all r nonzero singular values are a K / 2.
    Source: derivations/structure_losses.py (a circulant's singular values are the moduli of its discrete
    Fourier transform).
    """

    def __init__(self, classes: int, frequencies: Sequence[int]) -> None:
        super().__init__(classes)
        self.frequencies = tuple(sorted(frequencies))
        self.name = "cyclic-" + "+".join(map(str, self.frequencies))

    @property
    def rank(self) -> int:
        """2 for each frequency below K/2, 1 for K/2."""
        return sum(1 if 2 * k == self.classes else 2 for k in self.frequencies)

    def blocks(self, exact: bool = False) -> tuple[Block, ...]:
        """One block: the margins of a row, grouped by the distance i - j up to sign."""
        K = self.classes
        counts = tuple(1 if 2 * j == K else 2 for j in range(1, K // 2 + 1))
        if exact:
            row = _exact_row(K, self.frequencies)
            margins = tuple(row[0] - value for value in row[1 : K // 2 + 1])
        else:
            margins = tuple(_float_margins(K, self.frequencies).tolist())
        top = row[0] if exact else sum(self._weight(k) for k in self.frequencies)
        trace = K * (top if exact else float(top))
        return (Block((Orbit(K, margins, counts),), ((Fraction(K, 2), self.rank),), trace),)

    def shape(self, scales: Sequence[Number] | None = None, exact: bool = False) -> np.ndarray:
        """The circulant matrix of the row a sum_{k in T} cos(2 pi k j / K)."""
        (a,) = unit_scales(scales, 1)
        K = self.classes
        if exact:
            row = np.array(_exact_row(K, self.frequencies), dtype=object)
        else:
            angles = 2 * np.pi / K * (np.outer(self.frequencies, np.arange(K)) % K)
            row = np.array([self._weight(k) for k in self.frequencies], dtype=float) @ np.cos(angles)
        return a * row[np.subtract.outer(np.arange(K), np.arange(K)) % K]

    def _weight(self, k: int) -> Fraction:
        return Fraction(1, 2) if 2 * k == self.classes else Fraction(1)


class Polygon(Cyclic):
    r"""M_ij = a cos(2 pi (i - j) / K): the regular K-gon, of rank 2 and margin a (1 - cos(2 pi / K)).

    .. math:: f(a) = \log \sum_{j=0}^{K-1} e^{-a (1 - \cos(2 \pi j / K))} + 2 c\, (a K / 2)^p

    Source: derivations/structure_losses.py.
    """

    name = "polygon"

    def __init__(self, classes: int) -> None:
        super().__init__(classes, (1,))
        self.name = "polygon"


@cache
def _exact_row(classes: int, frequencies: tuple[int, ...]) -> list[sympy.Expr]:
    import sympy

    weight = {k: sympy.Rational(1, 2) if 2 * k == classes else sympy.Integer(1) for k in frequencies}
    return [
        sum(weight[k] * sympy.cos(2 * sympy.pi * sympy.Rational(k * j % classes, classes)) for k in frequencies)
        for j in range(classes)
    ]


def _float_margins(classes: int, frequencies: tuple[int, ...]) -> np.ndarray:
    """sum_k w_k (1 - cos(2 pi k j / K)) for j = 1..K/2, as 2 sin^2 to keep the digits of small margins."""
    steps = np.arange(1, classes // 2 + 1)
    return sum(
        (1.0 if 2 * k != classes else 0.5) * 2 * np.sin(np.pi / classes * (k * steps % classes)) ** 2
        for k in frequencies
    )


def separates(classes: int, frequencies: Sequence[int]) -> bool:
    """Whether all classes get different points: the frequencies and K have no common divisor."""
    return int(np.gcd.reduce([classes, *frequencies])) == 1


def _members(classes: int) -> list[Structure]:
    """{1, 2}, {1, 3} and {1, 2, 3}, where their rank stays below that of the simplex."""
    candidates = [Cyclic(classes, T) for T in ((1, 2), (1, 3), (1, 2, 3)) if max(T) <= classes // 2]
    return [structure for structure in candidates if structure.rank < classes - 1]


def _find(name: str, classes: int) -> Structure | None:
    if not re.fullmatch(r"cyclic-\d+(\+\d+)*", name):
        return None
    frequencies = sorted({int(part) for part in name.removeprefix("cyclic-").split("+")})
    valid = frequencies[0] >= 1 and frequencies[-1] <= classes // 2 and separates(classes, frequencies)
    return Cyclic(classes, frequencies) if valid else None


polygon = single(Polygon, "regular polygon: M_ij = a cos(2 pi (i-j)/K)", lambda classes: classes >= 3)
family = Family(
    "cyclic",
    "circulant codes with frequencies T, named cyclic-1+2 and so on",
    _members,
    _find,
)

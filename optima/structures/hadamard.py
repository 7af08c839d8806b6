"""Hadamard codes: logits that are circulant over the group Z_2^k."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import reduce

import numpy as np

from optima.structures.base import Block, Family, Number, Orbit, Structure, unit_scales


class Hadamard(Structure):
    r"""M_xy = a sum_{t in T} (-1)^{<t, x + y>} on K = 2^k classes x in Z_2^k, for a set T of characters.

    .. math::
        f(a) = \log \sum_{x} e^{-a (|T| - \chi_T(x))} + c\, |T|\, (a K)^p,
        \qquad \chi_T(x) = \sum_{t \in T} (-1)^{<t, x>}

    All |T| nonzero singular values are a K. The generators T = {1, 2, 4, ...} give the vertices of the
    cube (``cube``); the generators with their product give the folded cube (``folded-cube``), at K = 16 the
    complement of the Clebsch graph's code. Source: derivations/structure_losses.py (characters of an
    abelian group diagonalise its circulant matrices).
    """

    def __init__(self, classes: int, characters: Sequence[int], name: str | None = None) -> None:
        super().__init__(classes)
        self.characters = tuple(sorted(characters))
        self.name = name or "hadamard-" + "+".join(map(str, self.characters))

    @property
    def rank(self) -> int:
        """Number of characters."""
        return len(self.characters)

    def blocks(self, exact: bool = False) -> tuple[Block, ...]:
        """One block: margins |T| - chi_T(x), even integers."""
        K, T = self.classes, self.characters
        counts = Counter((len(T) - _character_sums(K, T)[1:]).tolist())
        margins = tuple(sorted(counts))
        orbit = Orbit(K, margins, tuple(counts[m] for m in margins))
        return (Block((orbit,), ((K, len(T)),), K * len(T)),)

    def shape(self, scales: Sequence[Number] | None = None, exact: bool = False) -> np.ndarray:
        """a chi_T(x xor y)."""
        (a,) = unit_scales(scales, 1)
        points = np.arange(self.classes)
        row = _character_sums(self.classes, self.characters).astype(object if exact else float)
        return a * row[np.bitwise_xor.outer(points, points)]


def _character_sums(classes: int, characters: Sequence[int]) -> np.ndarray:
    """chi_T(x) = sum_{t in T} (-1)^{<t, x>} for all x, as integers."""
    points = np.arange(classes)
    sums = np.zeros(classes, dtype=np.int64)
    for t in characters:
        sums += 1 - 2 * (np.bitwise_count(points & t).astype(np.int64) % 2)
    return sums


def _named(classes: int) -> list[Structure]:
    if not _power_of_two(classes) or classes < 8:
        return []
    generators = [1 << i for i in range(classes.bit_length() - 1)]
    product = reduce(int.__or__, generators)
    return [
        Hadamard(classes, generators, "cube"),
        Hadamard(classes, [*generators, product], "folded-cube"),
    ]


def _find(name: str, classes: int) -> Structure | None:
    for structure in _named(classes):
        if structure.name == name:
            return structure
    if not (_power_of_two(classes) and re.fullmatch(r"hadamard-\d+(\+\d+)*", name)):
        return None
    characters = sorted({int(part) for part in name.removeprefix("hadamard-").split("+")})
    valid = characters[0] >= 1 and characters[-1] < classes and _generate(characters, classes)
    return Hadamard(classes, characters) if valid else None


def _generate(characters: Sequence[int], classes: int) -> bool:
    """Whether the characters generate Z_2^k, so that all classes get different points."""
    span = {0}
    for t in characters:
        span |= {s ^ t for s in span}
    return len(span) == classes


def _power_of_two(classes: int) -> bool:
    return classes & (classes - 1) == 0


family = Family("hadamard", "K = 2^k: cube, folded-cube, and any hadamard-1+2+4...", _named, _find)

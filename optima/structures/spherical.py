"""Tight spherical codes: points that all see the same inner products, verified in exact arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import sqrt

import numpy as np

from optima.structures.base import Block, Number, Orbit, Structure, unit_scales


@dataclass(frozen=True)
class Gram:
    """Inner products P + Q sqrt(d) of points, with integer matrices P, Q of shape (K, K) and d > 0 no square."""

    whole: np.ndarray
    root: np.ndarray
    radicand: int

    @classmethod
    def of(cls, points: np.ndarray, irrational: np.ndarray | None = None, radicand: int = 2) -> Gram:
        """Of the rows of U, or of U + V sqrt(d), integer matrices of shape (K, m)."""
        U, V = points, np.zeros_like(points) if irrational is None else irrational
        cross = U @ V.T
        return cls(U @ U.T + radicand * (V @ V.T), cross + cross.T, radicand)

    def times(self, other: Gram) -> Gram:
        """The matrix product, exact."""
        P, Q, R, S, d = self.whole, self.root, other.whole, other.root, self.radicand
        return Gram(_product(P, R) + d * _product(Q, S), _product(P, S) + _product(Q, R), d)

    def scaled(self, whole: int, root: int = 0) -> Gram:
        """This times whole + root sqrt(d)."""
        P, Q, d = self.whole, self.root, self.radicand
        return Gram(whole * P + d * root * Q, whole * Q + root * P, d)

    def equals(self, other: Gram) -> bool:
        """Whether all entries are the same."""
        return np.array_equal(self.whole, other.whole) and np.array_equal(self.root, other.root)

    @cached_property
    def kinds(self) -> tuple[np.ndarray, np.ndarray]:
        """Distinct entries (P_ij, Q_ij), shape (m, 2), and the number among them of each entry, shape (K, K)."""
        span = 2 * int(np.abs(self.root).max()) + 1
        _, first, number = np.unique(self.whole * span + self.root, return_index=True, return_inverse=True)
        values = np.stack([self.whole.ravel()[first], self.root.ravel()[first]], axis=1)
        return values, number.reshape(self.whole.shape)


def _product(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """The product of integer matrices; in floats, which are exact here and much faster than integers."""
    if int(np.abs(A).max()) * int(np.abs(B).max()) * len(A) >= 2**53:
        raise ValueError("the integers of the points are too large for exact products; pass smaller ones")
    return (A.astype(float) @ B.astype(float)).astype(np.int64)


def verify(gram: Gram, classes: int, rank: int) -> None:
    """Raise ValueError unless G, over its diagonal, is K / r times a projection of rank r that is centred and whose
    rows all have the same entries: K different points of R^r on a sphere, a tight frame with the same distances.

    With norm N the equation is r G^2 = K N G; as tr G = K N it makes r the rank.
    """
    if gram.whole.shape != (classes, classes) or gram.root.shape != (classes, classes):
        raise ValueError(f"the inner products have shape {gram.whole.shape}; pass {classes} points")
    if not gram.equals(Gram(gram.whole.T, gram.root.T, gram.radicand)):
        raise ValueError("the inner products are not symmetric; pass those of points")
    values, number = gram.kinds
    own = number[0, 0]
    if not (np.diagonal(number) == own).all() or values[own, 0] + values[own, 1] * sqrt(gram.radicand) <= 0:
        raise ValueError("the points have different lengths; pass points on a sphere")
    if np.count_nonzero(number == own) != classes:
        raise ValueError("two points are the same; pass different points")
    rows = np.sort(number, axis=1)
    if not (rows == rows[0]).all():
        raise ValueError("the points do not all see the same inner products; pass a distance-invariant code")
    if gram.whole.sum(axis=0).any() or gram.root.sum(axis=0).any():
        raise ValueError("the points do not add up to zero; pass a centred code")
    norm, root = (int(x) for x in values[own])
    if not gram.times(gram).scaled(rank).equals(gram.scaled(classes * norm, classes * root)):
        raise ValueError(f"the points are not a tight frame of rank {rank}; pass one")


class Spherical(Structure):
    r"""M = a G with G the inner products of K unit vectors that are a tight, centred, distance-invariant code.

    .. math::
        f(a) = \log\bigl(1 + \sum_j N_j e^{-a (1 - c_j)}\bigr) + c\, r\, (a K / r)^p

    where every point sees N_j others at cosine c_j: G is K / r times a projection of rank r. Such are the orbits of
    a point under a finite group that is irreducible on R^r: roots, minimal vectors of lattices, regular polytopes.
    Raises ValueError for other points. Source: derivations/structure_losses.py, section 6.
    """

    def __init__(self, name: str, classes: int, rank: int, gram: Gram) -> None:
        verify(gram, classes, rank)
        super().__init__(classes)
        self.name = name
        self._rank = rank
        self._radicand = gram.radicand
        values, self._number = gram.kinds
        self._cosines = _over(values, values[self._number[0, 0]], gram.radicand)

    @property
    def rank(self) -> int:
        """Dimension of the space of the points."""
        return self._rank

    def blocks(self, exact: bool = False) -> tuple[Block, ...]:
        """One block: a margin for each distinct cosine but that of a point with itself."""
        counts = np.bincount(self._number[0], minlength=len(self._cosines))
        others = [i for i in range(len(counts)) if i != self._number[0, 0]]
        margins = tuple(self._value(1 - self._cosines[i][0], -self._cosines[i][1], exact) for i in others)
        orbit = Orbit(self.classes, margins, tuple(int(counts[i]) for i in others))
        return (Block((orbit,), ((Fraction(self.classes, self.rank), self.rank),), self.classes),)

    def shape(self, scales: Sequence[Number] | None = None, exact: bool = False) -> np.ndarray:
        """a times the cosines."""
        (a,) = unit_scales(scales, 1)
        values = [self._value(whole, root, exact) for whole, root in self._cosines]
        if exact:
            import sympy

            return a * np.array([sympy.sympify(value) for value in values], dtype=object)[self._number]
        return a * np.array(values, dtype=float)[self._number]

    def _value(self, whole: Fraction, root: Fraction, exact: bool) -> Number:
        if exact:
            import sympy

            return sympy.Rational(whole) + sympy.Rational(root) * sympy.sqrt(self._radicand)
        return whole if root == 0 else float(whole) + float(root) * sqrt(self._radicand)


def _over(values: np.ndarray, unit: np.ndarray, radicand: int) -> list[tuple[Fraction, Fraction]]:
    """Rationals s, t with s + t sqrt(d) = (p + q sqrt(d)) / (u + v sqrt(d)) for each of the values (p, q)."""
    u, v = (int(x) for x in unit)
    field_norm = u * u - radicand * v * v
    pairs = [(int(p), int(q)) for p, q in values]
    return [(Fraction(p * u - radicand * q * v, field_norm), Fraction(q * u - p * v, field_norm)) for p, q in pairs]

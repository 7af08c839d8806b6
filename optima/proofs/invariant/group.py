r"""Logits that are invariant under an abelian group acting on the classes, and their loss in singular values.

.. math:: Z_{jc} = z(j - c), \qquad
    f = \log\Bigl(1 + \sum_{j \ne 0} e^{-\sum_b \frac{\mu_b}{K} s_b (1 - \kappa_b(j))}\Bigr) + c \sum_b \mu_b s_b^p

for the singular values s_b >= 0 of the blocks b = {chi, conj chi} of nontrivial characters, mu_b = 1 or 2 their
number and kappa_b(j) = Re chi_b(j): circulants for a cyclic group. Source: derivations/invariant_bound.py.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optima.model import Array, DeepUFM
from optima.model.inputs import positive_integer
from optima.proofs.form import ConvexConcave

Element = tuple[int, ...]

# Maps among which automorphisms are looked for, at most; without them the search is longer.
MOST_IMAGES = 100_000


@dataclass(frozen=True)
class Group:
    """Z_n1 x Z_n2 x ..., whose elements number the classes in lexicographic order, and its characters."""

    orders: tuple[int, ...]

    @classmethod
    def of(cls, orders: Sequence[int], classes: int) -> Group:
        """The group of the cyclic orders. Raises ValueError when it has not as many elements as there are classes."""
        group = cls(tuple(positive_integer("a cyclic order", n, minimum=2) for n in orders))
        if math.prod(group.orders) != classes or not group.orders:
            raise ValueError(
                f"group {tuple(orders)} has {math.prod(group.orders)} elements for {classes} classes; pass cyclic "
                f"orders with the product {classes}, such as ({classes},)"
            )
        return group

    @property
    def elements(self) -> list[Element]:
        """All elements, the neutral one first."""
        return list(itertools.product(*(range(n) for n in self.orders)))

    @property
    def blocks(self) -> list[Element]:
        """The first character of each pair {k, -k}, without the trivial one."""
        return [k for k in self.elements[1:] if k <= self._times(-1, k)]

    @property
    def multiplicity(self) -> Array:
        """Characters in each block, shape (m,)."""
        return np.array([1.0 if k == self._times(-1, k) else 2.0 for k in self.blocks])

    @property
    def cosines(self) -> Array:
        """kappa_b(j), the real parts of the characters, shape (K, m)."""
        phases = [
            [sum(a * b / n for a, b, n in zip(j, k, self.orders, strict=True)) for k in self.blocks]
            for j in self.elements
        ]
        return np.cos(2 * np.pi * np.array(phases))

    def base(self) -> list[int]:
        """Blocks b_1, b_2, ... such that an automorphism that fixes all of them fixes every block."""
        return [b for b, _ in self._chain()]

    def ordered(self) -> list[tuple[int, int]]:
        """Pairs (a, b) of blocks: automorphisms (relabellings) bring any s to one with s_a >= s_b for all of them.

        The lexicographically largest one in the order of the base is such.
        """
        return [(b, other) for b, orbit in self._chain() for other in orbit if other != b]

    def _chain(self) -> list[tuple[int, list[int]]]:
        """Base blocks, each with its orbit under the automorphisms that fix those before it."""
        moves = self._moves()
        chain: list[tuple[int, list[int]]] = []
        while True:
            orbits = [np.unique(column).tolist() for column in moves.T]
            b = max(range(len(orbits)), key=lambda i: len(orbits[i]))
            if len(orbits[b]) == 1:
                return chain
            chain.append((b, orbits[b]))
            moves = moves[moves[:, b] == b]

    def _moves(self) -> NDArray[np.int64]:
        """The automorphisms as permutations of the blocks, shape (automorphisms, m)."""
        elements, orders = np.array(self.elements), np.array(self.orders)
        images = [elements[~((n * elements) % orders).any(axis=1)] for n in orders]
        if math.prod(len(image) for image in images) > MOST_IMAGES:
            return np.arange(len(self.blocks))[None]
        place = np.array([math.prod(self.orders[i + 1 :]) for i in range(len(orders))])
        chosen = np.indices([len(image) for image in images]).reshape(len(orders), -1)
        # Where each generator goes determines where element k goes: to sum_i k_i (image of generator i).
        moved = sum(
            k[None, :, None] * image[at][:, None, :] for k, image, at in zip(elements.T, images, chosen, strict=True)
        )
        number = (moved % orders) @ place
        bijective = np.all(np.sort(number, axis=1) == np.arange(len(elements)), axis=1)
        block = np.zeros(len(elements), dtype=np.int64)
        for b, k in enumerate(self.blocks):
            block[[np.dot(k, place), np.dot(self._times(-1, k), place)]] = b
        return block[number[bijective][:, np.array(self.blocks) @ place]]

    def _times(self, factor: int, k: Element) -> Element:
        return tuple(factor * a % n for a, n in zip(k, self.orders, strict=True))


@dataclass(frozen=True)
class InvariantForm:
    """The loss of invariant logits as a function of the singular values s (N, m) of the blocks.

    ``margin`` (J, m) holds mu_b (1 - kappa_b(j)) / K for one rival j of each pair {j, -j}, ``rivals`` (J,) how many
    there are, ``multiplicity`` (m,) is mu_b, ``strength`` is c and ``depth`` is L.
    """

    group: Group
    margin: Array
    rivals: Array
    multiplicity: Array
    strength: float
    depth: int

    @classmethod
    def of(cls, problem: DeepUFM, group: Sequence[int]) -> InvariantForm:
        """The form of a balanced, linear cross-entropy problem whose width leaves every rank free.

        Raises ValueError for other problems and for groups of another order.
        """
        of = Group.of(group, problem.classes)
        if problem.loss != "ce" or problem.activation != "linear" or not problem.balanced:
            raise ValueError("invariant logits are searched for linear cross-entropy with balanced classes; pass such")
        form = ConvexConcave.of(problem)
        if form.max_rank < problem.classes - 1:
            raise ValueError(
                f"width {problem.width} bounds the rank of the logits; pass a width of {problem.classes - 1} or more"
            )
        # Rivals j and -j have one margin; pairs of elements are listed as pairs of characters are.
        elements = of.elements
        chosen = [elements.index(j) for j in of.blocks]
        margin = of.multiplicity * (1 - of.cosines[chosen]) / problem.classes
        return cls(of, margin, of.multiplicity, of.multiplicity, form.strength, form.depth)

    @property
    def power(self) -> float:
        """1/p = (L + 1) / 2, with which s = t^(1/p)."""
        return (self.depth + 1) / 2

    @property
    def zero_value(self) -> float:
        """Loss of zero logits, log K."""
        return math.log1p(float(self.rivals.sum()))

    def fit(self, s: Array) -> tuple[Array, Array, Array]:
        """Fit (N,), gradient (N, m) and Hessian (N, m, m): convex, and decreasing in every s."""
        odds = self.rivals * np.exp(-s @ self.margin.T)
        total = odds.sum(axis=1)
        share = odds / (1 + total)[:, None]
        mean = share @ self.margin
        hessian = np.einsum("nj,ja,jb->nab", share, self.margin, self.margin, optimize=True)
        return np.log1p(total), -mean, hessian - mean[:, :, None] * mean[:, None, :]

    def fit_value(self, s: Array) -> Array:
        """Fit alone."""
        return np.asarray(np.log1p(np.exp(-s @ self.margin.T) @ self.rivals))

    def penalty(self, t: Array) -> Array:
        """c sum_b mu_b t_b with t_b = s_b^p, shape (N,)."""
        return self.strength * (t @ self.multiplicity)

    def value(self, s: Array) -> Array:
        """Loss (N,)."""
        return np.asarray(self.fit(s)[0] + self.penalty(s ** (1 / self.power)))

    def logits(self, s: Array) -> Array:
        """Z_jc = sum_b (mu_b / K) s_b kappa_b(j - c), shape (K, K), of singular values s (m,)."""
        elements, orders = self.group.elements, self.group.orders
        column = self.group.cosines @ (self.multiplicity * s) / len(elements)
        number = {element: i for i, element in enumerate(elements)}
        rows = [
            [number[tuple((a - b) % n for a, b, n in zip(j, c, orders, strict=True))] for c in elements]
            for j in elements
        ]
        return np.asarray(column[np.array(rows)])

"""Finite abelian groups that act on the classes, and their characters."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optima.model import Array
from optima.model.inputs import positive_integer

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

    def circulant(self, column: Array) -> Array:
        """M_jc = column(j - c), shape (K, K), from values at all elements."""
        elements, orders = np.array(self.elements), np.array(self.orders)
        apart = (elements[:, None] - elements[None, :]) % orders
        return np.asarray(column[np.ravel_multi_index(tuple(np.moveaxis(apart, -1, 0)), self.orders)])

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

"""The relu network of garrod2025, Theorem 7: antipodal pairs from features that are all nonnegative."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from optima.model import Array
from optima.structures.base import Block, Number, single
from optima.structures.networks.base import Costs, NamedNetwork, OneBlock
from optima.structures.networks.numbers import number
from optima.structures.pairs import Pairs, even_pairs_blocks, pair_matrix


class EvenPairs(OneBlock):
    r"""X + J in every layer, X = I (x) [[1, -1], [-1, 1]], and logits X, on an even number k of classes.

    .. math:: \rho^{L+1} = (2k)^2 \Bigl(\frac k2 + 1\Bigr)^{L-2} \frac k2
    """

    name = "garrod-pairs"
    least_depth = 2
    losses: tuple[str, ...] = ("ce",)

    def stem(self) -> Array:
        """X + J."""
        return self.direction() + 1

    def costs(self, exact: bool = False) -> Costs:
        """Singular values 2, k/2 times, and k of X + J; X (X + J)^+ = X / 2."""
        k = number(self.classes, exact)
        two = number(2, exact)
        return Costs(2 * k, k / 2 + 1, number(1, exact), k / 2, ((two, self.classes // 2), (k, 1)))

    def logits(self, exact: bool = False) -> Block:
        """Those of antipodal pairs."""
        return even_pairs_blocks(self.classes)[0]

    def direction(self, exact: bool = False) -> np.ndarray:
        """X."""
        return pair_matrix(self.classes, self.classes // 2, exact)


@dataclass(frozen=True)
class _OneMore:
    """A price, and one: that of a class with a chain of single neurons."""

    price: Number

    def __call__(self, p: Number) -> Number:
        """The value at p."""
        return self.price(p) + 1


class GarrodPairs(NamedNetwork):
    r"""Features X + J in every layer, X = I (x) [[1, -1], [-1, 1]], and logits a X, for even K.

    .. math:: \rho_p = (2K+4)\, 2^{-2(L-1)/(L+1)} \Bigl(\frac{K}{K+2}\Bigr)^{3/(L+1)}

    For odd K this is on K - 1 classes, and the last one has a neuron of its own in every layer, logit a and price 1:
    as published, of one scale. Source: garrod2025, Theorem 7; derivations/relu_pairs.py.
    """

    name = "garrod-pairs"
    least_depth = 2
    losses: tuple[str, ...] = ("ce",)

    def __init__(self, classes: int) -> None:
        super().__init__(classes)
        self.pairs = EvenPairs(classes - classes % 2)

    def blocks(self, exact: bool = False) -> tuple[Block, ...]:
        """One block."""
        (even,) = self.pairs.blocks(exact)
        if self.classes % 2 == 0 or even.network_price is None:
            return (even,)
        (odd,) = Pairs(self.classes).blocks(exact)
        return (Block(odd.orbits, odd.singular, odd.trace, _OneMore(even.network_price)),)

    def chains(self, depth: int) -> tuple[tuple[Array, ...], ...]:
        """That of the pairs, and for odd K one of single neurons."""
        self.check_depth(depth)
        return (*self.pairs.chains(depth), *[(np.ones((1, 1)),) * (depth - 1)] * (self.classes % 2))

    def chain_scales(self, scales: Sequence[float]) -> Sequence[float]:
        """All of them the one scale."""
        return [scales[0]] * (1 + self.classes % 2)

    def directions(self, exact: bool = False) -> tuple[np.ndarray, ...]:
        """X, and for odd K 1."""
        return (
            *self.pairs.directions(exact),
            *[np.ones((1, 1), dtype=object if exact else float)] * (self.classes % 2),
        )


family = single(
    GarrodPairs,
    "antipodal pairs from nonnegative features, as in Theorem 7 of garrod2025",
    lambda classes: classes >= 4,
    losses=("ce",),
)

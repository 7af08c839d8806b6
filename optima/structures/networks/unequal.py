"""Named relu networks on classes of different sizes: blocks of classes of one size on neurons of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain

import numpy as np

from optima.model import Array, DeepUFM
from optima.model.class_network import ClassNetwork
from optima.structures.base import Block, Family, Orbit, Ridge
from optima.structures.networks import (
    fan,
    first_layer,
    grid,
    in_sets,
    lifted_codes,
    lifted_pairs,
    pointed_edges,
    strongly_regular,
    subsets,
    transversal,
    triangle,
)
from optima.structures.networks.base import OneBlock, Power, direct_sum
from optima.structures.networks.collapse import Collapse
from optima.structures.networks.factors import network_factors
from optima.structures.networks.sums import MOST_LEFT, Sum

# Families that classes of one size may form, all of them or as many as there is a member for.
FAMILIES = (
    strongly_regular.family,
    subsets.family,
    in_sets.family,
    grid.family,
    lifted_pairs.family,
    lifted_codes.family,
    triangle.family,
    pointed_edges.family,
    fan.family,
    first_layer.family,
    transversal.family,
)
# Classes that any of them needs.
FEWEST = 3


@dataclass(frozen=True)
class Part:
    """A network on some classes, all of one size: ``members`` are their numbers among all K."""

    network: OneBlock
    members: tuple[int, ...]
    size: int

    @property
    def name(self) -> str:
        """``srg(10)``."""
        return f"{self.network.name}({len(self.members)})"

    def block(self, classes: int) -> Block:
        r"""The classes with all others as rivals.

        Those of collapse have logits of their own columns e_c - 1/K: the cheapest with their margin, at the price
        :math:`k ((K-1)/K)^{p/2}`.
        """
        k = len(self.members)
        if not isinstance(self.network, Collapse):
            return Sum([self.network, Collapse(classes - k)]).blocks()[0]
        price = Power(k, (classes - 1) / classes)
        return Block((Orbit(k, (1,), (classes - 1,)),), ((1, k),), k, price, Ridge(((1, k),), Power(k, 1, ridge=True)))

    def factors(self, problem: DeepUFM, scale: float) -> list[Array]:
        """W_1, ..., W_L and H of these classes alone, W_L with a row for each of all K."""
        share = problem.size / (self.size * problem.classes)
        # Up to the factor n K / N it is a problem of K classes of one size.
        alone = replace(problem, samples=self.size, reg=tuple(share * reg for reg in problem.regs), width=None)
        network = Sum([self.network, Collapse(1)]).parts[0]
        (layers,) = network.chains(problem.depth)
        direction = None if problem.loss == "mse" else self._direction(network, problem.classes)
        factors = network_factors(alone, layers, scale, direction)
        if direction is None:
            rows = np.zeros((problem.classes, factors[-2].shape[1]))
            rows[list(self.members)] = factors[-2]
            factors[-2] = rows
        return factors

    def _direction(self, network: OneBlock, classes: int) -> Array:
        """The logits at unit scale, of shape (K, k)."""
        own = np.zeros((classes, len(self.members)))
        own[list(self.members)] = network.direction()
        return own - own.mean(axis=0) if isinstance(network, Collapse) else own


@dataclass(frozen=True)
class UnequalNetwork:
    """A sum of networks on classes of one size each, and of collapse on the others."""

    classes: int
    parts: tuple[Part, ...]

    @cached_property
    def name(self) -> str:
        """``hinged-pairs(6)[n=5]+collapse(4)``: networks with the size of their classes; ``collapse`` alone."""
        others = [part for part in self.parts if not isinstance(part.network, Collapse)]
        left = self.classes - sum(len(part.members) for part in others)
        if not others:
            return "collapse"
        return "+".join([*(f"{part.name}[n={part.size}]" for part in others), *([f"collapse({left})"] if left else [])])

    @cached_property
    def words(self) -> set[str]:
        """Names that select it: its own, and those of its networks and their families."""
        own = {part.network.name for part in self.parts if not isinstance(part.network, Collapse)} or {"collapse"}
        kinds = {family.name for family in FAMILIES for part in self.parts if _belongs(part.network, family)}
        return {self.name, *own, *kinds}

    def width(self, depth: int) -> int:
        """Neurons of the widest layer."""
        chains = [part.network.chains(depth)[0] for part in self.parts]
        return max(sum(map(len, layers)) for layers in zip(*chains, strict=True))

    def at_scales(self, problem: DeepUFM, scales: Sequence[float]) -> ClassNetwork:
        """The network at the scales of its parts."""
        blocks = [part.factors(problem, scale) for part, scale in zip(self.parts, scales, strict=True)]
        *first, last, features = (list(factors) for factors in zip(*blocks, strict=True))
        order = np.argsort([member for part in self.parts for member in part.members])
        whole = direct_sum(features)[:, order]
        return ClassNetwork(problem, (*map(direct_sum, first), np.hstack(last), whole))


def unequal_networks(problem: DeepUFM) -> list[UnequalNetwork]:
    """Collapse, and each named network on as many classes of one size as it can be on, with collapse on the others.

    Those that exist at the depth and the loss of a relu model, whatever its width. Blocks cost what they cost whatever
    the other blocks are: :func:`optima.scales.unequal.unequal_losses` puts the best of each size together.
    """
    sizes = problem.class_sizes.tolist()
    groups = {size: [c for c, each in enumerate(sizes) if each == size] for size in sorted(set(sizes), reverse=True)}
    whole = {size: [Part(Collapse(len(group)), tuple(group), size)] for size, group in groups.items()}
    found = [UnequalNetwork(problem.classes, tuple(chain(*whole.values())))]
    for size, group in groups.items():
        for network in _members(len(group), problem.loss, problem.depth):
            parts = whole | {size: _split(network, group, size)}
            found.append(UnequalNetwork(problem.classes, tuple(chain(*parts.values()))))
    return found


def _belongs(network: OneBlock, family: Family) -> bool:
    return any(member.name == network.name for member in family.members(network.classes))


def _members(classes: int, loss: str, depth: int) -> Iterator[OneBlock]:
    """Of each family the members on the most classes."""
    for family in FAMILIES:
        for count in range(classes, max(FEWEST, classes - MOST_LEFT) - 1, -1):
            fits = [each for each in family.members(count) if isinstance(each, OneBlock)]
            if fits:
                yield from (each for each in fits if loss in each.losses and each.least_depth <= depth)
                break


def _split(network: OneBlock, group: Sequence[int], size: int) -> list[Part]:
    """A network on the first classes of a group, collapse on the others."""
    count = network.classes
    parts = [Part(network, tuple(group[:count]), size)]
    return [*parts, *([Part(Collapse(len(group) - count), tuple(group[count:]), size)] if group[count:] else [])]

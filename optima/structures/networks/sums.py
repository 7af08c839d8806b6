"""Sums: a named network on some classes and collapse on those that are left, on neurons of their own."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from optima.model import Array
from optima.structures.base import Block, Family, Orbit, Structure
from optima.structures.names import canonical
from optima.structures.networks import (
    collapse,
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
from optima.structures.networks.base import NamedNetwork, OneBlock, Separating

# Families of which the members on the most classes are summed with collapse, where none is on all.
BASES = (
    strongly_regular.family,
    subsets.family,
    in_sets.family,
    grid.family,
    lifted_pairs.family,
    lifted_codes.family,
    triangle.family,
    pointed_edges.family,
    transversal.family,
)
# Most classes that are left over.
MOST_LEFT = 12


class Sum(NamedNetwork):
    r"""Networks on classes and neurons of their own: prices add up, and each block has its own scale.

    .. math:: f = \sum_b \bigl(G_b(a_b) + c\, \rho_b\, a_b^p\bigr), \qquad
        f = \sum_b \Bigl(\frac{1}{2K} \sum_i \frac{1}{1 + u_b \mu_{bi}^2}
        + \frac L2 \lambda^{(L+1)/L} (K u_b)^{1/L} q_b\Bigr)

    Named ``srg(10)+collapse(2)``. Source: derivations/network_price.py.
    """

    def __init__(self, parts: Sequence[OneBlock]) -> None:
        super().__init__(sum(part.classes for part in parts))
        self.parts = tuple(part.among_others() if isinstance(part, Separating) else part for part in parts)
        self.name = "+".join(f"{part.name}({part.classes})" for part in parts)
        self.least_depth = max(part.least_depth for part in parts)
        self.about_numbers = "; ".join(dict.fromkeys(part.about_numbers for part in parts if part.about_numbers))
        self.losses = tuple(loss for loss in ("ce", "mse") if all(loss in part.losses for part in parts))

    def blocks(self, exact: bool = False) -> tuple[Block, ...]:
        """Those of the parts, whose classes have all others as rivals too."""
        return tuple(self._among_others(part, exact) for part in self.parts)

    def _among_others(self, part: OneBlock, exact: bool) -> Block:
        """The block with the logit zero of the other classes: a margin of the diagonal, alike for all its classes."""
        (block,) = part.blocks(exact)
        others, own = self.classes - part.classes, part.direction(exact)[0, 0]
        orbits = tuple(Orbit(orbit.classes, (*orbit.margins, own), (*orbit.counts, others)) for orbit in block.orbits)
        return replace(block, orbits=orbits)

    def chains(self, depth: int) -> tuple[tuple[Array, ...], ...]:
        """Those of the parts."""
        self.check_depth(depth)
        return tuple(part.chains(depth)[0] for part in self.parts)

    def directions(self, exact: bool = False) -> tuple[np.ndarray, ...]:
        """Those of the parts."""
        return tuple(part.direction(exact) for part in self.parts)


def _members(classes: int) -> list[Structure]:
    found: list[Structure] = []
    for base in BASES:
        # Of codes the pairs only, which are the ones that the last of an odd number of classes is missing from.
        members = _lifted_pairs_alone if base is lifted_codes.family else base.members
        parts: list[Structure] = []
        for left in range(min(MOST_LEFT, classes - 3) + 1):
            parts = list(members(classes - left))
            if parts:
                found += [Sum([part, collapse.Collapse(left)]) for part in parts if left and isinstance(part, OneBlock)]
                break
    return found


def _lifted_pairs_alone(classes: int) -> list[Structure]:
    found = lifted_codes.family.find("lifted(pairs)", classes)
    return [] if found is None else [found]


def _find(name: str, classes: int) -> Structure | None:
    match = re.fullmatch(r"(.+)\((\d+)\)\+collapse\((\d+)\)", name)
    if not match or int(match[2]) + int(match[3]) != classes or int(match[3]) < 1:
        return None
    finders: list[Callable[[str, int], Structure | None]] = [base.find for base in BASES]
    parts = (find(canonical(match[1]), int(match[2])) for find in finders)
    part = next((part for part in parts if isinstance(part, OneBlock)), None)
    return None if part is None else Sum([part, collapse.Collapse(int(match[3]))])


family = Family("sum", "a network on some classes, collapse on the others: srg(10)+collapse(2)", _members, _find)

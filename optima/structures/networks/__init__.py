"""Named relu networks, with closed-form prices.

To add one, write a file with a ``Family`` in it and list the family in ``FAMILIES``.
"""

from __future__ import annotations

from optima.structures.base import Family
from optima.structures.networks import (
    collapse,
    fan,
    first_layer,
    garrod_pairs,
    grid,
    in_sets,
    lifted_codes,
    lifted_pairs,
    pointed_edges,
    strongly_regular,
    subsets,
    sums,
    transversal,
    triangle,
)
from optima.structures.networks.base import NamedNetwork
from optima.structures.networks.chain import ChainPrice, chain_price
from optima.structures.networks.factors import at_scales, network_factors

__all__ = [
    "FAMILIES",
    "ChainPrice",
    "NamedNetwork",
    "at_scales",
    "chain_price",
    "network_catalogue",
    "network_factors",
]

# In the order of the catalogue; where two networks coincide the first one gives the name.
FAMILIES: tuple[Family, ...] = (
    collapse.family,
    strongly_regular.family,
    subsets.family,
    in_sets.family,
    grid.family,
    lifted_pairs.family,
    lifted_codes.family,
    garrod_pairs.family,
    triangle.family,
    pointed_edges.family,
    fan.family,
    first_layer.family,
    transversal.family,
    sums.family,
)


def network_catalogue(classes: int, loss: str | None = None, depth: float | None = None) -> list[NamedNetwork]:
    """The named networks at K classes: all, or those meant for a loss, and those that exist at a depth.

    By name they are ``optima.named(name, K, activation="relu")``.
    """
    families = (family for family in FAMILIES if loss is None or loss in family.losses)
    chosen = [member for family in families for member in family.members(classes)]
    networks = [network for network in chosen if isinstance(network, NamedNetwork)]
    return [
        network
        for network in networks
        if (loss is None or loss in network.losses) and (depth is None or depth >= network.least_depth)
    ]

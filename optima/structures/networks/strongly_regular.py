"""The networks of sukenik2024, K = r(r-1)/2: edges of the complete graph on r points."""

from __future__ import annotations

from math import isqrt

from optima.structures.base import Family, Structure
from optima.structures.networks.subsets import Subsets


class StronglyRegularNetwork(Subsets):
    r"""M_2 = ... = M_{L-1} = V, edges against points, and M_L = J - V^T V: relu leaves the disjoint edges.

    .. math:: q^L = \bigl((r-1) \sqrt{r-2} + \sqrt{2r-2}\bigr)^2\, r^{L-3}\, \frac{K r}{4}, \qquad
        \mu = \frac{(r-2)(r-3)}{2},\ r - 3\ (r-1\ \text{times}),\ 1\ (r(r-3)/2\ \text{times})

    Source: sukenik2024; derivations/network_subsets.py.
    """

    name = "srg"

    def __init__(self, points: int) -> None:
        super().__init__(points, 2, 1)
        self.name = "srg"


class OwnEdge(Subsets):
    r"""As the network of sukenik2024 with the other sign, M_L = V^T V - J: relu leaves each edge itself, mu = 1.

    Source: derivations/network_subsets.py.
    """

    name = "srg-own"

    def __init__(self, points: int) -> None:
        super().__init__(points, 2, 1, far=False)
        self.name = "srg-own"


def points_of(classes: int) -> int | None:
    """r >= 4 with r(r-1)/2 = K, if there is one."""
    r = (1 + isqrt(1 + 8 * classes)) // 2
    return r if r >= 4 and r * (r - 1) == 2 * classes else None


def _members(classes: int) -> list[Structure]:
    r = points_of(classes)
    if r is None:
        return []
    # For four points the edge disjoint to one is a single other one, and the two networks are the same.
    return [StronglyRegularNetwork(r)] if r == 4 else [StronglyRegularNetwork(r), OwnEdge(r)]


def _find(name: str, classes: int) -> Structure | None:
    return next((network for network in _members(classes) if network.name == name), None)


family = Family(
    "srg", "edges of the complete graph on r points, K = r(r-1)/2 (sukenik2024): srg, srg-own", _members, _find
)

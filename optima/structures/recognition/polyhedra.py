"""Codes of rank 3: polyhedra recognised by their combinatorics and symmetry."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from optima.model import Array
from optima.reduction import center
from optima.structures.recognition.hull import canonical_edges, hull_graphs, hull_symmetry
from optima.structures.recognition.match import Match, match_by_ideal
from optima.structures.recognition.solids import solids
from optima.structures.recognition.symmetry import Permutation
from optima.structures.recognition.view import View

if TYPE_CHECKING:
    import igraph


@dataclass(frozen=True)
class Polyhedron:
    """The convex hull of the class vectors of rank-3 logits.

    ``order`` is the number of hull automorphisms that leave the logits unchanged up to the tolerance, and
    ``match`` the polyhedron with these combinatorics and this symmetry, whatever its free heights, if it
    has a name. The ideal logits of the match are the mean of M over the symmetry group.
    """

    order: int
    match: Match | None


def polyhedron(view: View) -> Polyhedron | None:
    """The polyhedron of the feature vectors (right singular vectors of M, three entries for each class).

    None unless M has rank 3 and every class is a vertex of the convex hull.
    """
    graphs = hull_graphs(view.features) if view.rank == 3 and view.classes >= 4 else []
    if not graphs:
        return None
    symmetric = [(graph, *hull_symmetry(graph, view.means, view.tolerance)) for graph in graphs]
    # Noise breaks flat faces, and with them symmetries: the flatness that keeps most of them is right.
    order = max(len(group) for _, group, _ in symmetric)
    for graph, group, mean in symmetric:
        name = _name(view.classes, canonical_edges(graph), len(group), _orbit_sizes(group))
        if len(group) == order and name is not None:
            return Polyhedron(order, match_by_ideal(name, mean, view, order))
    return Polyhedron(order, None)


def _orbit_sizes(group: Permutation) -> tuple[int, ...]:
    return tuple(sorted(np.unique(group.min(axis=0), return_counts=True)[1].tolist()))


@lru_cache(maxsize=1024)
def _name(classes: int, edges: bytes, order: int, orbit_sizes: tuple[int, ...]) -> str | None:
    """The first polyhedron of these combinatorics, and of this order and these orbits of its symmetry group."""
    for name, points, graph in _hulls(classes):
        if canonical_edges(graph) == edges:
            group, _ = hull_symmetry(graph, center(points @ points.T), 1e-6)
            if (len(group), _orbit_sizes(group)) == (order, orbit_sizes):
                return name
    return None


@lru_cache(maxsize=128)
def _hulls(classes: int) -> list[tuple[str, Array, igraph.Graph]]:
    hulls = ((name, points, hull_graphs(points)) for name, points in solids(classes))
    # With very many vertices on a ring a hull cannot be told from that of a cone.
    return [(name, points, graphs[0]) for name, points, graphs in hulls if graphs]

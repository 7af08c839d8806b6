"""Convex hulls of class vectors in three dimensions, as graphs of their edges."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError

from optima.model import Array
from optima.structures.recognition.symmetry import Permutation, generated_group, relative_distance

if TYPE_CHECKING:
    import igraph

# Vertices this near to the plane of a face, in units of the mean distance from the centre, are on it: finest first.
FLATNESS = (0.02, 0.05, 0.1, 0.15)


def hull_graphs(points: Array) -> list[igraph.Graph]:
    """Edges of the convex hull of points, shape (K, 3), at each flatness of its faces that changes them.

    Hulls of which not every point is a vertex are left out.
    """
    points = points - points.mean(axis=0)
    try:
        hull = ConvexHull(points / np.linalg.norm(points, axis=1).mean())
    except QhullError:
        return []
    graphs: dict[int, igraph.Graph] = {}
    for flatness in FLATNESS:
        graph = _edges(hull, _faces(hull, flatness))
        if min(graph.degree()) >= 3:
            graphs.setdefault(graph.ecount(), graph)
    return list(graphs.values())


def _edges(hull: ConvexHull, face: NDArray[np.int64]) -> igraph.Graph:
    # The neighbour of a triangle opposite to one vertex shares the edge of the two others.
    triangle, opposite = np.nonzero(face[:, None] != face[hull.neighbors])
    ends = [hull.simplices[triangle, (opposite + turn) % 3] for turn in (1, 2)]
    # Imported when needed: it takes a good part of the time of `import optima`.
    import igraph

    return igraph.Graph(len(hull.points), np.unique(np.sort(np.column_stack(ends), axis=1), axis=0))


def _faces(hull: ConvexHull, flatness: float) -> NDArray[np.int64]:
    """The face of each triangle of a hull: larger triangles, whose planes are better known, choose first."""
    corners = hull.points[hull.simplices]
    areas = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    depth = -(corners @ hull.equations[:, :3].T + hull.equations[:, 3])
    in_plane = (depth < flatness).all(axis=1)
    face = np.full(len(areas), -1)
    for number in np.argsort(-areas, kind="stable"):
        if face[number] < 0:
            face[in_plane[:, number] & (face < 0)] = number
    return face


def canonical_edges(graph: igraph.Graph) -> bytes:
    """The same bytes for two graphs exactly when they are isomorphic."""
    canonical = graph.permute_vertices(graph.canonical_permutation())
    edges = np.sort(np.array(canonical.get_edgelist()), axis=1)
    return edges[np.lexsort(edges.T)].astype(np.int32).tobytes()


def hull_symmetry(graph: igraph.Graph, means: Array, tolerance: float) -> tuple[Permutation, Array]:
    """The largest group of hull automorphisms that leaves M unchanged up to ``tolerance``.

    Every class permutation P with P M P^T = M acts on the class vectors by a linear map, hence on their
    hull. Returns the elements, shape (order, K), and the mean of P M P^T over them, which is within
    ``tolerance`` of M in the Frobenius norm relative to that of M.
    """
    elements = _automorphisms(graph)
    moved = np.linalg.norm(_images(means, elements) - means, axis=(1, 2)) / np.linalg.norm(means)
    # A matrix within the tolerance of its mean is within twice the tolerance of each of its images.
    limit = 2 * tolerance
    while True:
        kept = moved <= limit
        group = elements if kept.all() else generated_group(elements[kept])
        mean = _images(means, group).mean(axis=0)
        if relative_distance(means, mean) <= tolerance:
            return group, mean
        limit /= 2


def _images(means: Array, elements: Permutation) -> Array:
    return means[elements[:, :, None], elements[:, None, :]]


def _automorphisms(graph: igraph.Graph) -> Permutation:
    generators = [np.array(g) for g in graph.automorphism_group()]
    return generated_group(generators) if generators else np.arange(graph.vcount())[None]

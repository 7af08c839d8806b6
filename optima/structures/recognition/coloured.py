"""Matrices as edge-coloured graphs of classes: canonical class orders and automorphisms by BLISS.

An edge-coloured directed graph on K vertices becomes a vertex-coloured undirected one: each class is a
vertex joined to one more vertex for each binary digit of the colours, and those of two classes are joined
at the digits that are 1 in their colour. For a non-symmetric matrix there are two vertices for each digit
of a class, one for its row and one for its column.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from optima.model import Array

if TYPE_CHECKING:
    import igraph

Colours = NDArray[np.int64]


def colours_by_gaps(means: Array, gap: float) -> Colours:
    """Number the groups of entries of M that no gap larger than ``gap`` separates, shape (K, K).

    Diagonal entries and others are grouped apart and have different colours.
    """
    diagonal = np.eye(len(means), dtype=bool)
    colours = np.empty(means.shape, dtype=np.int64)
    colours[diagonal] = _groups(means[diagonal], gap)
    colours[~diagonal] = colours[diagonal].max() + 1 + _groups(means[~diagonal], gap)
    return colours


def colours_by_thresholds(means: Array, diagonal: Array, others: Array) -> Colours:
    """Number the entries of M by the thresholds they pass, diagonal entries and others apart."""
    colours = diagonal.size + 1 + np.searchsorted(others, means)
    np.fill_diagonal(colours, np.searchsorted(diagonal, np.diagonal(means)))
    return colours


def canonical_order(colours: Colours) -> NDArray[np.int64]:
    """A class order that brings all matrices of one isomorphism class to the same form.

    Two coloured matrices C, D with canonical orders u, v are equal up to relabelling exactly when
    C[u][:, u] equals D[v][:, v].
    """
    graph, vertex_colours = _graph(colours)
    graph.vs["number"] = range(graph.vcount())
    canonical = graph.permute_vertices(graph.canonical_permutation(color=vertex_colours))
    numbers = np.array(canonical.vs["number"])
    return numbers[numbers < len(colours)]


def automorphism_generators(colours: Colours) -> list[NDArray[np.int64]]:
    """Class permutations that generate the automorphism group of a coloured matrix."""
    if _all_rows_differ(colours):
        return []
    graph, vertex_colours = _graph(colours)
    generators = graph.automorphism_group(color=vertex_colours)
    return [np.array(generator[: len(colours)]) for generator in generators]


def automorphism_count(colours: Colours) -> int:
    """Order of the automorphism group of a coloured matrix."""
    if _all_rows_differ(colours):
        return 1
    graph, vertex_colours = _graph(colours)
    return int(graph.count_automorphisms(color=vertex_colours))


def _groups(values: Array, gap: float) -> Colours:
    order = np.argsort(values, kind="stable")
    numbers = np.empty(values.size, dtype=np.int64)
    numbers[order] = np.concatenate([[0], np.cumsum(np.diff(values[order]) > gap)])
    return numbers


def _all_rows_differ(colours: Colours) -> bool:
    """Whether no two classes have the same colours in their rows and columns: nothing can be permuted."""
    profile = np.hstack([np.diagonal(colours)[:, None], np.sort(colours, axis=1), np.sort(colours, axis=0).T])
    return len(np.unique(profile, axis=0)) == len(colours)


def _graph(colours: Colours) -> tuple[igraph.Graph, list[int]]:
    diagonal, digits = _digits(colours)
    K = len(colours)
    symmetric = np.array_equal(colours, colours.T)
    # The end of an edge in its row's class, and in its column's: for a symmetric matrix the same vertices.
    sides = 1 if symmetric else 2
    classes = np.arange(K)
    edges = []
    for layer, digit in enumerate(digits):
        rows = K * (1 + sides * layer)
        columns = rows + K * (sides - 1)
        edges.append(np.argwhere(np.triu(digit) if symmetric else digit) + np.array([rows, columns]))
        edges += [np.column_stack([classes, classes + start]) for start in {rows, columns}]
    kinds = np.concatenate([diagonal, K + np.repeat(np.arange(sides * len(digits)), K)])
    # Imported when needed: it takes a good part of the time of `import optima`.
    import igraph

    return igraph.Graph(kinds.size, np.vstack(edges)), kinds.tolist()


def _digits(colours: Colours) -> tuple[Colours, list[NDArray[np.bool_]]]:
    """Colours of the diagonal, and the off-diagonal ones in binary; the most frequent colour is 0."""
    off_diagonal = ~np.eye(len(colours), dtype=bool)
    _, diagonal = np.unique(np.diagonal(colours), return_inverse=True)
    _, inverse, counts = np.unique(colours[off_diagonal], return_inverse=True, return_counts=True)
    rank = np.empty(counts.size, dtype=np.int64)
    rank[np.argsort(-counts, kind="stable")] = np.arange(counts.size)
    numbers = np.zeros(colours.shape, dtype=np.int64)
    numbers[off_diagonal] = rank[inverse]
    layers = max(1, int(counts.size - 1).bit_length())
    return diagonal, [(numbers >> layer & 1).astype(bool) for layer in range(layers)]

"""What a name is that recognition gives and that has no formula: polyhedra, pyramids, free cyclic codes, sums."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from optima.model import Array
from optima.reduction import center
from optima.structures.recognition.hull import hull_graphs, hull_symmetry
from optima.structures.recognition.solids import solids

# Vertices up to which a polyhedron is looked for by its name alone.
MOST_VERTICES = 130
NO_FORMULA = "no closed form: optima solve finds its numbers, which depend on lambda and depth"


@dataclass(frozen=True)
class Described:
    """A recognised shape: on how many classes (None: any), of which rank, what it is, and where its points are.

    ``symmetry`` is the number of relabellings of the classes that leave it as it is, ``vertices`` (K, 3) are points
    with its combinatorics and symmetry; a minimum has other heights.
    """

    name: str
    classes: int | None
    rank: int | None
    what: str
    symmetry: int | None = None
    vertices: Array | None = None


def described(name: str, classes: int | None = None) -> Described | None:
    """What a recognised name is, or None for other names and for a polyhedron of another number of vertices."""
    if classes is not None and classes > MOST_VERTICES:
        return _other(name, classes)
    counts = range(4, MOST_VERTICES + 1) if classes is None else (classes,)
    for count in counts:
        for each, points in solids(count):
            if each == name:
                return _polyhedron(name, points)
    return _other(name, classes)


def _polyhedron(name: str, points: Array) -> Described:
    graphs = hull_graphs(points)
    order = len(hull_symmetry(graphs[0], center(points @ points.T), 1e-6)[0]) if graphs else None
    what = (
        "a polyhedron, recognised by the edges of its convex hull and by its symmetry: every class is a vertex, the "
        "logits are the inner products of the vertices, whose heights are free"
    )
    # No minus before a zero.
    return Described(name, len(points), 3, what, order, np.round(points, 4) + 0.0)


def _other(name: str, classes: int | None) -> Described | None:
    if name == "pairs-pyramid":
        rank = None if classes is None else (classes + 1) // 2
        return Described(name, classes, rank, "odd pairs, and a last class all of whose logits are free")
    if re.fullmatch(r"cyclic-\d+(\+\d+)*-free", name):
        times = name.removeprefix("cyclic-").removesuffix("-free").replace("+", ", ")
        return Described(
            name, classes, None, f"points on circles, class c at c times {times}; each circle has a radius"
        )
    if re.fullmatch(r"[a-z][\w-]*\(\d+\)(\+[a-z][\w-]*\(\d+\))+", name):
        count = sum(map(int, re.findall(r"\((\d+)\)", name)))
        return Described(name, count, None, "groups of classes that do not see each other, each a structure of its own")
    return None

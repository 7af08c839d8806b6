"""Named polyhedra as vertices near a sphere; only their combinatorics and symmetry are used."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import permutations, product

import numpy as np

from optima.model import Array

_SIDES = ("triangular", "square", "pentagonal", "hexagonal", "heptagonal", "octagonal", "enneagonal", "decagonal")

# Rings of one axial polyhedron from top to bottom: their turns in parts of an angle, None for a pole.
_AXIAL = {
    "{}-prism": (0.0, 0.0),
    "{}-antiprism": (0.0, 0.5),
    "{}-pyramid": (None, 0.0),
    "{}-bipyramid": (None, 0.0, None),
    "elongated-{}-pyramid": (None, 0.0, 0.0),
    "gyroelongated-{}-pyramid": (None, 0.0, 0.5),
    "elongated-{}-bipyramid": (None, 0.0, 0.0, None),
    "gyroelongated-{}-bipyramid": (None, 0.0, 0.5, None),
}


def solids(vertices: int) -> Iterator[tuple[str, Array]]:
    """Names and vertices, shape (vertices, 3), of the polyhedra with that many vertices."""
    yield from _sporadic().get(vertices, [])
    for form, turns in _AXIAL.items():
        rings = len(turns) - turns.count(None)
        sides, rest = divmod(vertices - turns.count(None), rings)
        if rest == 0 and sides >= 3:
            heights = iter((0.0,) if rings == 1 else (0.4, -0.4))
            parts = [_ring(sides, turn, next(heights)) for turn in turns if turn is not None]
            poles = [np.array([[0.0, 0.0, z]]) for z in (0.85, -0.85)[: turns.count(None)]]
            prefix = _SIDES[sides - 3] if sides < 3 + len(_SIDES) else f"{sides}-gonal"
            yield form.format(prefix), np.vstack([*poles, *parts])


@cache
def _sporadic() -> dict[int, list[tuple[str, Array]]]:
    """Polyhedra outside the axial families, by number of vertices."""
    found = defaultdict(list)
    for name, points in [*_orbit_solids(), *_ring_solids()]:
        found[len(points)].append((name, points))
    return found


def _orbit_solids() -> Iterator[tuple[str, Array]]:
    """Polyhedra whose vertices are orbits of a polyhedral group."""
    octahedral = _signed_permutations()
    # Those of even many signs preserve a tetrahedron.
    tetrahedral = octahedral[octahedral.sum(axis=2).prod(axis=1) > 0]
    icosahedral = _icosahedral()
    golden = (1 + 5**0.5) / 2
    vertex, face, edge = (np.array(v) / np.linalg.norm(v) for v in ([0, 1, golden], [1, 0, golden**2], [0, 0, 1]))
    yield "truncated-tetrahedron", _orbits(tetrahedral, (3, 1, 1))
    yield "triakis-tetrahedron", _orbits(tetrahedral, (1, 1, 1), (-0.6, -0.6, -0.6))
    yield "tetracapped-truncated-tetrahedron", _orbits(tetrahedral, (3, 1, 1), (-1.8, -1.8, -1.8))
    yield "cuboctahedron", _orbits(octahedral, (1, 1, 0))
    yield "truncated-cube", _orbits(octahedral, (0.4, 1, 1))
    yield "truncated-octahedron", _orbits(octahedral, (0, 1, 2))
    yield "rhombicuboctahedron", _orbits(octahedral, (1, 1, 2.4))
    yield "truncated-cuboctahedron", _orbits(octahedral, (1, 2.4, 3.8))
    yield "snub-cube", _orbits(_rotations(octahedral), (1, 0.544, 1.839))
    yield "tetrakis-hexahedron", _orbits(octahedral, (1, 1, 1), (1.5, 0, 0))
    yield "rhombic-dodecahedron", _orbits(octahedral, (1, 1, 1), (2, 0, 0))
    yield "triakis-octahedron", _orbits(octahedral, (1, 1, 1), (2.4, 0, 0))
    yield "icosahedron", _orbits(icosahedral, vertex)
    yield "dodecahedron", _orbits(icosahedral, face)
    yield "icosidodecahedron", _orbits(icosahedral, edge)
    yield "pentakis-dodecahedron", _orbits(icosahedral, face, vertex)
    yield "truncated-icosahedron", _orbits(icosahedral, vertex + edge)
    yield "truncated-dodecahedron", _orbits(icosahedral, face + edge)
    yield "rhombicosidodecahedron", _orbits(icosahedral, vertex + face)
    yield "snub-dodecahedron", _orbits(_rotations(icosahedral), vertex + face + edge)
    yield "truncated-icosidodecahedron", _orbits(icosahedral, vertex + face + edge)


def _ring_solids() -> Iterator[tuple[str, Array]]:
    """Polyhedra given by rings around an axis: some deltahedra, and codes met by the search in R^3."""
    prism = [_ring(3, 0, 0.6), _ring(3, 0, -0.6)]
    belt = _ring(3, 0.5, 0)
    yield "augmented-triangular-prism", np.vstack([*prism, belt[:1]])
    yield "biaugmented-triangular-prism", np.vstack([*prism, belt[:2]])
    yield "triaugmented-triangular-prism", np.vstack([*prism, belt])
    yield (
        "snub-disphenoid",
        np.array(
            [(x * 1.29, 0.41, 0) for x in (1, -1)]
            + [(0, -0.41, z * 1.29) for z in (1, -1)]
            + [(x, -1.57, 0) for x in (1, -1)]
            + [(0, 1.57, z) for z in (1, -1)]
        ),
    )
    pole = np.array([[0.0, 0.0, 1.0]])
    yield "antiprism-stack-1+3+3+3", np.vstack([pole, _ring(3, 0, 0.45), _ring(3, 0.5, -0.05), _ring(3, 0, -0.77)])
    heights = (0.81, 0.39, 0, -0.39, -0.81)
    yield "antiprism-stack-3+3+3+3+3", np.vstack([_ring(3, i / 2, z) for i, z in enumerate(heights)])
    yield "antiprism-stack-4+4+4+4", np.vstack([_ring(4, i / 2, z) for i, z in enumerate((0.8, 0.22, -0.22, -0.8))])


def _ring(count: int, turn: float, height: float) -> Array:
    """Equally spaced points at one height of the unit sphere, turned by a part of their angle."""
    angles = 2 * np.pi * (np.arange(count) + turn) / count
    radius = np.sqrt(1 - height**2)
    return np.column_stack([radius * np.cos(angles), radius * np.sin(angles), np.full(count, height)])


def _signed_permutations() -> Array:
    """The 48 isometries of the cube."""
    signs, orders = product((1.0, -1.0), repeat=3), permutations(range(3))
    return np.array([np.diag(s)[list(order)] for s, order in product(signs, orders)])


def _icosahedral() -> Array:
    """The 120 isometries of the icosahedron with a vertex (0, 1, golden ratio) and its cyclic images."""
    golden = (1 + 5**0.5) / 2
    vertices = np.array([np.roll((0, x, z), k) for k in range(3) for x in (1, -1) for z in (golden, -golden)])
    adjacent = np.isclose(vertices @ vertices.T, golden)
    triples = permutations(range(12), 3)
    faces = [list(f) for f in triples if adjacent[f[0], f[1]] and adjacent[f[1], f[2]] and adjacent[f[0], f[2]]]
    # An isometry is fixed by the images of three mutually adjacent vertices.
    return np.array([vertices[face].T @ np.linalg.inv(vertices[faces[0]].T) for face in faces])


def _rotations(group: Array) -> Array:
    return group[np.linalg.det(group) > 0]


def _orbits(group: Array, *seeds: Sequence[float] | Array) -> Array:
    points = np.vstack([group @ np.asarray(seed, dtype=float) for seed in seeds])
    _, first = np.unique(np.round(points, 6) + 0.0, axis=0, return_index=True)
    return points[np.sort(first)]

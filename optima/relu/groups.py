"""Transitive permutation groups by name, and their actions on small sets of points."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, product
from math import comb, isqrt

import numpy as np

from optima.relu.equivariant import Group, Permutation, pair_orbits

# Largest sets of points that neurons stand for.
LARGEST_SET = 3


def transitive_groups(points: int) -> dict[str, Group]:
    """Groups that act transitively on 2 or more points, by name: not all, those of the families below.

    Cyclic ``C(m)``, dihedral ``D(m)`` and symmetric ``S(m)``; affine ``A(p,d)`` on the vectors of F_p^d and ``A1(p)``,
    the maps a x + b; projective ``P(p)`` on the line over F_p; ``S(a)wrS(b)`` on b blocks of a; ``S(a)xS(b)`` and
    ``S(a)wrS(2)`` on the cells of a grid; ``S(m)on2`` and ``S(m)on3`` on the sets of two and of three of m points.
    """
    found: dict[str, Group] = {}
    for family in (_rings, _affine, _projective, _blocks, _grids, _sets):
        for name, generators in family(points):
            found[name] = Group(points, tuple(np.asarray(each, dtype=np.intp) for each in generators))
    return found


Named = Iterator[tuple[str, Sequence[Sequence[int]]]]


def _rings(m: int) -> Named:
    turn = [(i + 1) % m for i in range(m)]
    yield f"C({m})", [turn]
    if m > 3:
        yield f"D({m})", [turn, [-i % m for i in range(m)]]
    if m > 2:
        yield f"S({m})", _symmetric(m)


def _symmetric(m: int) -> list[list[int]]:
    return [[(i + 1) % m for i in range(m)], [1, 0, *range(2, m)]] if m > 1 else [[0]]


def _affine(m: int) -> Named:
    """The maps x -> A x + b; over the line also those with a square factor, whose orbits are finer."""
    for p in _primes(m):
        dimension = 1
        while p**dimension < m:
            dimension += 1
        if p**dimension != m or m < 5:
            continue
        if dimension == 1:
            scale = _generator(p)
            turn = [(x + 1) % p for x in range(p)]
            yield f"A1({p})", [turn, [scale * x % p for x in range(p)]]
            if p > 5:
                yield f"A1({p})/2", [turn, [scale * scale * x % p for x in range(p)]]
        else:
            yield f"A({p},{dimension})", list(_affine_generators(p, dimension))


def _affine_generators(p: int, dimension: int) -> Iterator[list[int]]:
    vectors = list(product(range(p), repeat=dimension))
    number = {vector: index for index, vector in enumerate(vectors)}
    unit = lambda k: np.eye(dimension, dtype=int)[k]
    shear, cycle = np.eye(dimension, dtype=int), np.roll(np.eye(dimension, dtype=int), 1, axis=0)
    shear[0, 1] = 1
    scale = np.diag([_generator(p), *[1] * (dimension - 1)])
    for matrix, shift in ((shear, 0), (cycle, 0), (scale, 0), (np.eye(dimension, dtype=int), 1)):
        yield [number[tuple((matrix @ vector + shift * unit(0)) % p)] for vector in vectors]


def _projective(m: int) -> Named:
    """PGL(2, p) and PSL(2, p) on p + 1 points, the last of which is infinity."""
    p = m - 1
    if p < 5 or p not in _primes(p):
        return
    inverse = [p, *(pow(x, -1, p) for x in range(1, p)), 0]
    minus_inverse = [p, *(-pow(x, -1, p) % p for x in range(1, p)), 0]
    turn = [*((x + 1) % p for x in range(p)), p]
    scale = _generator(p)
    yield f"P({p})", [turn, [*(scale * x % p for x in range(p)), p], inverse]
    yield f"P({p})/2", [turn, [*(scale * scale * x % p for x in range(p)), p], minus_inverse]


def _blocks(m: int) -> Named:
    for a in range(2, m // 2 + 1):
        if m % a == 0:
            inside = [[*each, *range(a, m)] for each in _symmetric(a)]
            between = [[a * each[i // a] + i % a for i in range(m)] for each in _symmetric(m // a)]
            yield f"S({a})wrS({m // a})", [*inside, *between]


def _grids(m: int) -> Named:
    for a in range(2, isqrt(m) + 1):
        b = m // a
        if m % a or b < 3:
            continue
        rows = [[each[i // b] * b + i % b for i in range(m)] for each in _symmetric(a)]
        columns = [[i // b * b + each[i % b] for i in range(m)] for each in _symmetric(b)]
        yield f"S({a})xS({b})", [*rows, *columns]
        if a == b:
            yield f"S({a})wrS(2) on a grid", [*rows, *columns, [i % a * a + i // a for i in range(m)]]


def _sets(m: int) -> Named:
    for size in (2, 3):
        for r in range(2 * size, m + 2):
            if comb(r, size) == m:
                base = Group(r, tuple(np.array(each, dtype=np.intp) for each in _symmetric(r)))
                yield f"S({r})on{size}", [each.tolist() for each in on_sets(base, size)]


def _primes(most: int) -> list[int]:
    return [p for p in range(2, most + 1) if all(p % q for q in range(2, isqrt(p) + 1))]


def _generator(p: int) -> int:
    """The least number whose powers are all of F_p but zero."""
    return next(g for g in range(1, p) if len({pow(g, k, p) for k in range(p - 1)}) == p - 1)


def with_fixed_points(group: Group, count: int) -> Group:
    """The group on ``count`` points more, which it leaves alone."""
    more = np.arange(group.points, group.points + count, dtype=np.intp)
    return Group(group.points + count, tuple(np.concatenate([each, more]) for each in group.generators))


def on_sets(group: Group, size: int) -> list[Permutation]:
    """The generators as permutations of all sets of ``size`` points, in lexicographic order."""
    sets = list(combinations(range(group.points), size))
    number = {points: index for index, points in enumerate(sets)}
    moved: Callable[[Permutation, tuple[int, ...]], int] = lambda g, s: number[tuple(sorted(int(g[i]) for i in s))]
    return [np.array([moved(g, s) for s in sets], dtype=np.intp) for g in group.generators]


def set_orbits(group: Group, most: int) -> list[list[Permutation]]:
    """The different actions on orbits of at most ``most`` sets of zero to three points, but no more than half of all.

    Two orbits on which the group acts alike, up to the names of their elements, count once.
    """
    found: list[list[Permutation]] = []
    for size in range(min(LARGEST_SET, group.points // 2) + 1):
        action = on_sets(group, size)
        for orbit in _orbits(action):
            new = [np.searchsorted(orbit, each[orbit]) for each in action]
            if len(orbit) <= most and not any(alike(new, old) for old in found):
                found.append(new)
    return found


def alike(first: Sequence[Permutation], second: Sequence[Permutation]) -> bool:
    """Whether two transitive actions of a group differ by the names of their elements only.

    They do when an orbit of pairs is the graph of a bijection.
    """
    count = len(first[0])
    return len(second[0]) == count and count in np.bincount(pair_orbits(first, second).ravel())


def _orbits(action: Sequence[Permutation]) -> list[np.ndarray]:
    """The orbits, each ascending."""
    number = np.arange(len(action[0]))
    while True:
        before = number
        for each in action:
            number = np.minimum(number, number[each])
        # The least of a cycle reaches all of it in the end.
        if np.array_equal(before, number):
            return [np.flatnonzero(number == least) for least in np.unique(number)]

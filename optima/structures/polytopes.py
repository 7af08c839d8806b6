"""Vertices of polytopes with coordinates in Z[sqrt(5)] or Z[sqrt(2)], and other codes of one orbit.

Source: H. S. M. Coxeter, Regular Polytopes (1973); P. Delsarte, J. M. Goethals and J. J. Seidel, Spherical codes and
designs (1977).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations, permutations, product

import numpy as np

from optima.structures.roots import d_roots
from optima.structures.spherical import Gram

# u + v sqrt(5) as (u, v): the golden ratio, its square and its inverse, all times two, and one and zero.
TWICE_GOLDEN, TWICE_SQUARE, TWICE_INVERSE, TWO, ZERO = (1, 1), (3, 1), (-1, 1), (2, 0), (0, 0)
Coordinate = tuple[int, int]


def _signed(points: Iterable[Sequence[Coordinate]]) -> Gram:
    """Of points over Z[sqrt(5)] with all changes of signs of their coordinates, each point once."""
    rows = {
        tuple((s * u, s * v) for s, (u, v) in zip(signs, point, strict=True))
        for point in points
        for signs in product((1, -1), repeat=len(point))
    }
    array = np.array(sorted(rows))
    return Gram.of(array[..., 0], array[..., 1], 5)


def _cyclic(point: Sequence[Coordinate]) -> list[tuple[Coordinate, ...]]:
    return [tuple(point[(i + k) % len(point)] for i in range(len(point))) for k in range(len(point))]


def _even(point: Sequence[Coordinate]) -> list[tuple[Coordinate, ...]]:
    """Even permutations of the coordinates."""
    size = len(point)
    parity = lambda order: sum(order[i] > order[j] for i, j in combinations(range(size), 2)) % 2
    return [tuple(point[i] for i in order) for order in permutations(range(size)) if parity(order) == 0]


def icosahedron() -> Gram:
    """(0, +-1, +-golden) and cyclic images: 12 points."""
    return _signed(_cyclic((ZERO, TWO, TWICE_GOLDEN)))


def dodecahedron() -> Gram:
    """(+-1, +-1, +-1), (0, +-1/golden, +-golden) and cyclic images: 20 points."""
    return _signed([(TWO, TWO, TWO), *_cyclic((ZERO, TWICE_INVERSE, TWICE_GOLDEN))])


def icosidodecahedron() -> Gram:
    """The roots of H_3: (0, 0, +-2 golden), (+-1, +-golden, +-golden^2) and cyclic images, 30 points."""
    return _signed([*_cyclic((ZERO, ZERO, (2, 2))), *_cyclic((TWO, TWICE_GOLDEN, TWICE_SQUARE))])


def cell_600() -> Gram:
    """The roots of H_4: (+-2, 0, 0, 0), (+-1, +-1, +-1, +-1), (+-golden, +-1, +-1/golden, 0) evenly permuted, 120."""
    mixed = _even((TWICE_GOLDEN, TWO, TWICE_INVERSE, ZERO))
    return _signed([*_cyclic(((4, 0), ZERO, ZERO, ZERO)), (TWO,) * 4, *mixed])


def f4_roots() -> Gram:
    """The 48 roots of F_4 at one length: the 24-cell +-e_i +- e_j, and its dual of +-e_i and (+-1, ..., +-1) / 2."""
    long = 2 * d_roots(4)
    short = np.vstack([2 * np.eye(4, dtype=np.int64), -2 * np.eye(4, dtype=np.int64), list(product((1, -1), repeat=4))])
    nothing = np.zeros_like(long)
    return Gram.of(np.vstack([long, nothing]), np.vstack([nothing, short]), 2)


def johnson(n: int, k: int) -> Gram:
    """Sets of k of n things, as vectors: the (k-1)-rectified simplex, binom(n, k) points of rank n - 1."""
    sets = np.array([[int(i in chosen) for i in range(n)] for chosen in combinations(range(n), k)])
    return Gram.of(n * sets - k)


def hamming(d: int, q: int) -> Gram:
    """Words of length d over q letters: the product of d simplices, q^d points of rank d (q - 1)."""
    words = np.array(list(product(range(q), repeat=d)))
    letters = q * np.eye(q, dtype=np.int64) - 1
    return Gram.of(letters[words].reshape(len(words), -1))


def conference(q: int) -> Gram:
    """Ends of q + 1 equiangular lines of R^((q+1)/2) at cosine 1/sqrt(q), for a prime q = 1 (mod 4): 2 (q + 1) points.

    I + C / sqrt(q) with the symmetric conference matrix C of Paley: C^2 = q I.
    """
    squares = {x * x % q for x in range(1, q)}
    symbol = np.array([0] + [1 if x in squares else -1 for x in range(1, q)])
    C = np.ones((q + 1, q + 1), dtype=np.int64)
    C[1:, 1:] = symbol[np.subtract.outer(np.arange(q), np.arange(q)) % q]
    C[0, 0] = 0
    ends = np.array([[1, -1], [-1, 1]])
    return Gram(np.kron(C, ends), np.kron(np.eye(q + 1, dtype=np.int64), ends), q)

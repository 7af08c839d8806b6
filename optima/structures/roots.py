"""Root systems and minimal vectors of their dual lattices, as integer vectors.

Source: J. H. Conway and N. J. A. Sloane, Sphere Packings, Lattices and Groups (1999), chapter 4.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np


def a_roots(n: int) -> np.ndarray:
    """A_n: e_i - e_j, i != j, n (n + 1) vectors of R^(n+1) of rank n."""
    unit = np.eye(n + 1, dtype=np.int64)
    return np.array([unit[i] - unit[j] for i in range(n + 1) for j in range(n + 1) if i != j])


def d_roots(n: int) -> np.ndarray:
    """D_n: +-e_i +- e_j, i < j, 2 n (n - 1) vectors."""
    unit = np.eye(n, dtype=np.int64)
    signs = ((1, 1), (1, -1), (-1, 1), (-1, -1))
    return np.array([s * unit[i] + t * unit[j] for i, j in combinations(range(n), 2) for s, t in signs])


def e8_roots() -> np.ndarray:
    """E_8 at twice its usual size: +-2 e_i +- 2 e_j, and (+-1, ..., +-1) with evenly many signs, 240 vectors."""
    signs = 1 - 2 * (np.arange(256)[:, None] >> np.arange(8) & 1)
    return np.vstack([2 * d_roots(8), signs[signs.prod(axis=1) == 1]])


def _a2() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The roots of E_8, and two of them that span A_2: r.r = 8, r.s = -4."""
    roots = e8_roots()
    r = roots[0]
    return roots, r, roots[roots @ r == -4][0]


def e7_roots() -> np.ndarray:
    """E_7: the 126 roots of E_8 orthogonal to one of them."""
    roots, r, _ = _a2()
    return roots[roots @ r == 0]


def e6_roots() -> np.ndarray:
    """E_6: the 72 roots of E_8 orthogonal to two that span A_2."""
    roots, r, s = _a2()
    return roots[(roots @ r == 0) & (roots @ s == 0)]


def e7_dual() -> np.ndarray:
    """E_7^*: the roots v of E_8 with v.r = r.r / 2 projected on the space of E_7: 2 v - r, 56 vectors."""
    roots, r, _ = _a2()
    return 2 * roots[roots @ r == 4] - r


def e6_dual() -> np.ndarray:
    """E_6^*: the roots v of E_8 with v.r = r.r / 2 and v.s = 0 projected on the space of E_6, and their negatives, 54.

    The projection is v - 2 r / 3 - s / 3.
    """
    roots, r, s = _a2()
    projected = 3 * roots[(roots @ r == 4) & (roots @ s == 0)] - 2 * r - s
    return np.vstack([projected, -projected])


def line_graph(roots: np.ndarray) -> np.ndarray:
    """Graph of the lines through the roots of a root system, adjacent when orthogonal."""
    # Of a root and its negative the one whose first nonzero entry is positive.
    leading = roots[np.arange(len(roots)), (roots != 0).argmax(axis=1)]
    half = roots[leading > 0]
    return (half @ half.T == 0).astype(int)

"""Strongly regular graphs of quadratic forms over finite fields.

Source: A. E. Brouwer and H. Van Maldeghem, Strongly Regular Graphs (2022).
"""

from __future__ import annotations

from itertools import product

import numpy as np


def _vectors(q: int, dimension: int) -> np.ndarray:
    return np.array(list(product(range(q), repeat=dimension)))


def orthogonality(dimension: int, value: int) -> np.ndarray:
    """Points of the projective space over F_3 with x_1^2 + ... + x_n^2 equal to a value, adjacent when orthogonal.

    The collinearity graphs of the quadrangles GQ(3, 3), dimension 5, and GQ(3, 9), dimension 6, at value 0; at value 1
    GQ(4, 2), dimension 5, and (126, 45, 12, 18), dimension 6.
    """
    vectors = _vectors(3, dimension)[1:]
    leading = vectors[np.arange(len(vectors)), (vectors != 0).argmax(axis=1)]
    points = vectors[(leading == 1) & ((vectors**2).sum(axis=1) % 3 == value)]
    adjacent = points @ points.T % 3 == 0
    np.fill_diagonal(adjacent, False)
    return adjacent.astype(int)


def affine_polar(q: int, dimension: int, elliptic: bool) -> np.ndarray:
    """Vectors over F_2 or F_3, adjacent when Q(x - y) = 0, with Q = x_1 x_2 + x_3 x_4 + ... or an elliptic form.

    The elliptic form has x_1^2 + x_2^2, over F_2 with x_1 x_2, in place of x_1 x_2.
    """
    vectors = _vectors(q, dimension)
    steps = (vectors[:, None] - vectors) % q
    products = steps[..., ::2] * steps[..., 1::2]
    squares = steps[..., 0] ** 2 + steps[..., 1] ** 2
    if elliptic:
        products[..., 0] = squares + products[..., 0] * (q == 2)
    adjacent = (products.sum(axis=-1) % q == 0) & steps.any(axis=-1)
    return adjacent.astype(int)

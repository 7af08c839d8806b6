"""The dimension of the set of balanced factors with given logits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from optima.model import Array
from optima.model.inputs import positive_integer

# Singular values of the tangent map below this share of the largest are zero.
NEGLIGIBLE = 1e-9


def orbit_dimension(rank: int, depth: int, width: int) -> int:
    """L (r d - r (r+1)/2): the hidden bases U_0, ..., U_{L-1} are any d x r matrices with orthonormal columns.

    Whatever the multiplicities of the singular values: for fixed logits two different choices of the hidden bases
    give different factors. Source: derivations/solution_dimension.py.
    """
    r, L, d = (positive_integer(*pair) for pair in (("rank", rank), ("depth", depth), ("width", width)))
    if r > d:
        raise ValueError(f"rank is {r} and width {d}; pass a width of at least the rank")
    return L * (r * d - r * (r + 1) // 2)


def tangent_dimension(factors: Sequence[Array]) -> int:
    """Dimension of the orbit of (W_1, ..., W_L, H) under orthogonal changes of the hidden bases, by linear algebra.

    The tangent of the change by skew A_l in hidden layer l is (W_{l+1} -> -W_{l+1} A_l, W_l -> A_l W_l): the rank of
    this linear map, a slow reference for :func:`orbit_dimension`.
    """
    weights, H = list(factors[:-1]), factors[-1]
    chain = [H, *weights]
    d = len(H)
    columns = []
    for layer in range(len(weights)):
        for i in range(d):
            for j in range(i):
                skew = np.zeros((d, d))
                skew[i, j], skew[j, i] = 1.0, -1.0
                moved = [np.zeros_like(factor) for factor in chain]
                moved[layer] = skew @ chain[layer]
                moved[layer + 1] = -chain[layer + 1] @ skew
                columns.append(np.concatenate([part.ravel() for part in moved]))
    s = np.linalg.svd(np.array(columns), compute_uv=False)
    return int(np.sum(s > NEGLIGIBLE * s[0]))

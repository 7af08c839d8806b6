"""Class orders by exchange: what is left to do where noise hides the colours of a shape."""

from __future__ import annotations

import numpy as np

from optima.model import Array
from optima.structures.recognition.view import Order


def exchanged(means: Array, shape: Array, order: Order) -> Order:
    r"""The class order u, from ``order`` on, that no exchange of two classes brings nearer to a shape.

    Exchanges raise :math:`\sum_{ij} A_{u_i u_j} T_{ij}` with A and T the symmetric parts of ``means`` and ``shape``;
    for a symmetric shape that is the inner product of M and the relabelled shape. Each step takes the best exchange
    and is of order K^2. The result is a local optimum, so the distance in that order bounds the least one from above.
    """
    order = order.copy()
    T = (shape + shape.T) / 2
    A = ((means + means.T) / 2)[np.ix_(order, order)]
    G = A @ T
    least = 1e-9 * float(np.linalg.norm(A) * np.linalg.norm(T))
    # Each step is a real gain; the bound on their number only keeps a large case from taking long.
    for _ in range(10 * len(A)):
        gain = _gains(A, T, G)
        i, j = divmod(int(gain.argmax()), len(A))
        if gain[i, j] <= least:
            break
        G += np.outer(A[:, i] - A[:, j], T[j] - T[i])
        for array in (G, A, A.T, order):
            array[[i, j]] = array[[j, i]]
    return order


def _gains(A: Array, T: Array, G: Array) -> Array:
    """Half of what each exchange adds to <A, T>, with G = A T."""
    a, t, g = (np.diagonal(array) for array in (A, T, G))
    other = (a[:, None] - A) * (T - t[:, None])
    both = (a[:, None] - a) * (t - t[:, None]) / 2
    return G + G.T - g[:, None] - g - other - other.T + both

"""Repulsion of nearly equal singular values, early, and their attraction afterwards."""

from __future__ import annotations

import numpy as np

from optima.model import Array


def critical_scale(classes: int, depth: int) -> float:
    """rho* = K (L-1)/(L+1): nearly equal singular values repel each other below it and attract each other above.

    The simplex of a regularised model has a positive semidefinite Hessian from the same scale on.
    Source: derivations/repulsion.py.
    """
    return classes * (depth - 1) / (depth + 1)


def deviation_growth(scale: Array | float, start: Array | float, classes: int, depth: int) -> Array:
    r"""How much a small relative deviation of a singular value from the mean rho has grown since rho_0.

    .. math:: \frac{r}{r_0} = \Bigl(\frac\rho{\rho_0}\Bigr)^{1-2/m} e^{-(\rho-\rho_0)/K}, \qquad m = L + 1

    to first order in r, for balanced starts in a basis of characters of K classes with one sample each. It is largest
    at :func:`critical_scale`. Source: derivations/repulsion.py.
    """
    scale, start = np.asarray(scale, dtype=float), np.asarray(start, dtype=float)
    power = 1 - 2 / (depth + 1)
    return np.asarray(np.exp(power * (np.log(scale) - np.log(start)) - (scale - start) / classes))


def deviations(singular_values: Array) -> Array:
    """s_i over their mean, less one, along the last axis."""
    mean = singular_values.mean(axis=-1, keepdims=True)
    return singular_values / np.where(mean > 0, mean, 1.0) - 1

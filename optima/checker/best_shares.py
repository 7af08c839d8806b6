r"""Shares at which the bound of a multiplier is nearly best.

.. math:: \min_y\; w \log\bigl(1 + \mu \sum_j e^{d_j \cdot y}\bigr) + \nu |y|^2

is solved by Newton's method; its shares p_j = mu e^(d_j . y) / (1 + mu sum) are what the bounds are computed from.
Whatever they are, the bounds hold.
"""

from __future__ import annotations

import numpy as np

from optima.model import Array

STEPS, HALVINGS = 100, 40
# Squared Newton decrement, relative to the value, at which a point is good enough.
CLOSE = 1e-15


def shares(rival: Array, weight: Array, count: Array, rivals: float) -> Array:
    """p (N, C, J) from d (N, C, J, m) and w, nu (C,)."""
    N, C, J, m = rival.shape
    d = rival.reshape(N * C, J, m)
    w, nu = np.tile(weight, N), np.tile(count, N)
    y = np.zeros((N * C, m))
    going = np.arange(N * C)
    for _ in range(STEPS):
        value, slope, curvature = _expansion(d[going], w[going], nu[going], rivals, y[going])
        step = np.linalg.solve(curvature, slope[..., None])[..., 0]
        decrement = np.einsum("na,na->n", slope, step)
        more = decrement > CLOSE * value
        going, step, value, decrement = going[more], step[more], value[more], decrement[more]
        if not going.size:
            break
        y[going] -= _lengths(d[going], w[going], nu[going], rivals, y[going], step, value, decrement)[:, None] * step
    return _shares_at(d, rivals, y).reshape(N, C, J)


def _powers(d: Array, y: Array) -> tuple[Array, Array]:
    """e^(d_j . y - top) and top, the largest exponent or zero."""
    exponent = (d @ y[..., None])[..., 0]
    top = np.maximum(exponent.max(axis=1), 0.0)
    return np.exp(exponent - top[:, None]), top


def _shares_at(d: Array, rivals: float, y: Array) -> Array:
    powers, top = _powers(d, y)
    odds = rivals * powers
    return np.asarray(odds / (np.exp(-top) + odds.sum(axis=1))[:, None])


def _value(d: Array, w: Array, nu: Array, rivals: float, y: Array) -> Array:
    powers, top = _powers(d, y)
    total = np.expm1(-top) + rivals * powers.sum(axis=1)
    return w * (top + np.log1p(total)) + nu * np.einsum("na,na->n", y, y)


def _expansion(d: Array, w: Array, nu: Array, rivals: float, y: Array) -> tuple[Array, Array, Array]:
    p = _shares_at(d, rivals, y)
    mean = np.einsum("nj,nja->na", p, d)
    second = np.einsum("nj,nja,njb->nab", p, d, d) - mean[:, :, None] * mean[:, None, :]
    slope = w[:, None] * mean + 2 * nu[:, None] * y
    curvature = w[:, None, None] * second + 2 * nu[:, None, None] * np.eye(d.shape[2])
    return _value(d, w, nu, rivals, y), slope, curvature


def _lengths(
    d: Array, w: Array, nu: Array, rivals: float, y: Array, step: Array, value: Array, decrement: Array
) -> Array:
    """The first of 1, 1/2, 1/4, ... that gains enough."""
    length = np.ones(len(y))
    pending = np.arange(len(y))
    for _ in range(HALVINGS):
        at = y[pending] - length[pending, None] * step[pending]
        reached = _value(d[pending], w[pending], nu[pending], rivals, at)
        enough = reached <= value[pending] - 0.1 * length[pending] * decrement[pending] + 1e-15 * value[pending]
        pending = pending[~enough]
        if not pending.size:
            break
        length[pending] *= 0.5
    return length

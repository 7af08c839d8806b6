"""Products with the Hessian of the all-parameter objective, without forming it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.sparse.linalg import LinearOperator

from optima.model import Array, DeepUFM


def hessian_product(problem: DeepUFM, factors: Sequence[Array], direction: Sequence[Array]) -> list[Array]:
    r"""Derivative of the gradient of the objective along a direction.

    .. math:: \frac{d}{dt}\nabla F(W_1 + t V_1, \dots, H + t V_H)\Big|_{t=0}

    One forward and one backward pass with their derivatives, at the cost of two gradients; exact for linear and
    for relu networks away from the kinks.

    Parameters
    ----------
    factors, direction
        (W_1, ..., W_L, H) and (V_1, ..., V_L, V_H), of the same shapes.

    Raises ValueError on shapes that do not chain.
    """
    if [np.shape(v) for v in direction] != [np.shape(w) for w in factors]:
        raise ValueError("the direction has other shapes than the factors; pass one array of the shape of each factor")
    # This checks the shapes of the factors too.
    layers = problem.layers(factors)
    weights, moves = factors[:-1], direction[:-1]
    on = [layer > 0 if problem.activation == "relu" else 1.0 for layer in layers[1:-1]]
    shifts = [direction[-1]]
    for weight, move, layer, mask in zip(weights, moves, layers[:-1], [*on, 1.0], strict=True):
        shifts.append((move @ layer + weight @ shifts[-1]) * mask)
    fit = problem.data_fit()
    signal = fit.slope(layers[-1])
    change = fit.curvature(layers[-1], shifts[-1])
    out = [reg * np.asarray(v, dtype=float) for reg, v in zip(problem.regs, direction, strict=True)]
    for index in range(problem.depth - 1, -1, -1):
        out[index] = out[index] + change @ layers[index].T + signal @ shifts[index].T
        change = moves[index].T @ signal + weights[index].T @ change
        signal = weights[index].T @ signal
        if index > 0:
            change, signal = change * on[index - 1], signal * on[index - 1]
    out[-1] = out[-1] + change
    return out


def hessian_operator(problem: DeepUFM, factors: Sequence[Array]) -> LinearOperator:
    """The Hessian as a scipy LinearOperator on the concatenated entries of (W_1, ..., W_L, H)."""
    factors = [np.asarray(factor, dtype=float) for factor in factors]
    ends = np.cumsum([factor.size for factor in factors])

    def product(x: Array) -> Array:
        parts = np.split(np.ravel(x), ends[:-1])
        direction = [part.reshape(factor.shape) for part, factor in zip(parts, factors, strict=True)]
        return np.concatenate([part.ravel() for part in hessian_product(problem, factors, direction)])

    return LinearOperator((ends[-1], ends[-1]), matvec=product, rmatvec=product, dtype=float)

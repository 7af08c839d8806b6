"""Products with the Hessian of the all-parameter objective, without forming it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.sparse.linalg import LinearOperator

from optima.model import Array, DeepUFM
from optima.spectra.point import Point


class Products:
    r"""The derivative of the gradient at a point along directions, which may have a leading axis over several.

    .. math:: \frac{d}{dt}\nabla F(W_1 + t V_1, \dots, H + t V_H)\Big|_{t=0}

    One forward and one backward pass with their derivatives, at the cost of two gradients; exact for linear and
    for relu networks with the pattern of active neurons of the point. With ``gauss_newton`` the terms with second
    derivatives of the logits are left out; without ``regularised`` those of the regularisation.
    """

    def __init__(self, point: Point, gauss_newton: bool = False, regularised: bool = True) -> None:
        problem = point.problem
        self.point, self.gauss_newton = point, gauss_newton
        self.regs = problem.regs if regularised else (0.0,) * (problem.depth + 1)
        self.fit = problem.data_fit()
        # Of the layers 1, ..., L; no relu acts on the features or the logits.
        self.on: list[Any] = (
            [1.0, *(mask.astype(float) for mask in point.active)] if point.active else [1.0] * problem.depth
        )
        self.signal = self.fit.slope(point.logits)
        self.shapes = [factor.shape for factor in point.factors]
        self.ends = np.cumsum([factor.size for factor in point.factors])

    @property
    def order(self) -> int:
        """Number of parameters."""
        return int(self.ends[-1])

    def along(self, direction: Sequence[Array]) -> list[Array]:
        """The product with (V_1, ..., V_L, V_H)."""
        *weights, _ = self.point.factors
        moves, features = direction[:-1], self.point.features
        shifts = [direction[-1]]
        for weight, move, layer, mask in zip(weights, moves, features, [*self.on[1:], 1.0], strict=True):
            shifts.append((move @ layer + weight @ shifts[-1]) * mask)
        signal, change = self.signal, self.fit.curvature(self.point.logits, shifts[-1])
        out = [reg * np.asarray(v, dtype=float) for reg, v in zip(self.regs, direction, strict=True)]
        for index in range(len(weights) - 1, -1, -1):
            out[index] = out[index] + change @ features[index].T
            change_before = weights[index].T @ change
            if not self.gauss_newton:
                out[index] += signal @ np.swapaxes(shifts[index], -1, -2)
                change_before = change_before + np.swapaxes(moves[index], -1, -2) @ signal
            change, signal = change_before * self.on[index], (weights[index].T @ signal) * self.on[index]
        out[-1] = out[-1] + change
        return out

    def of_rows(self, x: Array) -> Array:
        """The products with the rows of x, concatenated entries of (W_1, ..., W_L, H), shape (m, order)."""
        parts = np.split(x, self.ends[:-1], axis=1)
        direction = [part.reshape(-1, *shape) for part, shape in zip(parts, self.shapes, strict=True)]
        return np.concatenate([part.reshape(len(part), -1) for part in self.along(direction)], axis=1)

    def operator(self) -> LinearOperator:
        """As a scipy LinearOperator."""
        one = lambda x: self.of_rows(np.reshape(x, (1, -1)))[0]
        return LinearOperator(
            (self.order,) * 2, matvec=one, rmatvec=one, matmat=lambda x: self.of_rows(x.T).T, dtype=float
        )


def layer_products(point: Point, layer: int) -> Callable[[Array], Array]:
    """Products with the Hessian of W_l, unregularised; vectors as rows.

    (1/N) sum_j G_j^T G_j V x_j x_j^T with G_j = R_j^T A_j and the curvature S_j = R_j R_j^T: all maps to the logits are
    formed once, so that the cost does not grow with the number of layers after W_l.
    """
    features, (after, before) = point.features[layer - 1], point.factors[layer - 1].shape
    maps = point.maps(layer)
    half = np.swapaxes(point.roots, 1, 2) @ maps.maps[maps.group] / np.sqrt(point.problem.size)
    # Contiguous, so that the many small products are fast ones.
    across, transposed = np.ascontiguousarray(np.swapaxes(half, 1, 2)), np.ascontiguousarray(features.T)

    def of_rows(rows: Array) -> Array:
        count = len(rows)
        shift = (transposed @ rows.reshape(count * after, before).T).reshape(-1, count, after)
        pulled = (shift @ across @ half).reshape(-1, count * after)
        return np.asarray((features @ pulled).T).reshape(count, after * before)

    return of_rows


def hessian_product(
    problem: DeepUFM, factors: Sequence[Array], direction: Sequence[Array], kink: int = 0
) -> list[Array]:
    r"""Derivative of the gradient of the objective along a direction (V_1, ..., V_L, V_H), as :class:`Products`.

    Parameters
    ----------
    factors, direction
        (W_1, ..., W_L, H) and (V_1, ..., V_L, V_H), of the same shapes.
    kink
        Derivative of relu at zero.

    Raises ValueError on shapes that do not chain.
    """
    if [np.shape(v) for v in direction] != [np.shape(w) for w in factors]:
        raise ValueError("the direction has other shapes than the factors; pass one array of the shape of each factor")
    return Products(Point(problem, factors, kink)).along(direction)


def hessian_operator(problem: DeepUFM, factors: Sequence[Array]) -> LinearOperator:
    """The Hessian as a scipy LinearOperator on the concatenated entries of (W_1, ..., W_L, H)."""
    return Products(Point(problem, factors)).operator()

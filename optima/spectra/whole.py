"""Spectra of all parameters together: the Hessian and the Gauss-Newton matrix."""

from __future__ import annotations

import numpy as np

from optima.model import Array
from optima.spectra.closed_forms import pairs_spectrum, simplex_spectrum
from optima.spectra.closed_layers import ClosedLayers, PairsEntropy, Parts, SimplexEntropy, SquaredError
from optima.spectra.eigenvalues import DENSE, SMALL_BLOCKS, Eigenvalue, by_lanczos, grouped
from optima.spectra.hessian_product import Products
from optima.spectra.lanczos import largest
from optima.spectra.layer_blocks import gram_values
from optima.spectra.point import Point

# Largest order of a dense matrix.
LARGEST_DENSE = 2000
# Directions that are multiplied at once while a dense matrix is formed.
AT_ONCE = 100


def closed_whole(closed: ClosedLayers, width: int, regularised: bool) -> Parts | None:
    r"""The whole Hessian in closed form, or None: one lambda, L >= 2, full rank.

    At the frame of squared error, d >= K, over lambda and regularised,

    .. math::
        (\kappa - 1)(L + 1) + 2\ [\tfrac{K(K+1)}2],\quad (\kappa + 1)(L + 1)\ [\tfrac{K(K-1)}2],\quad
        1 + \kappa\ [K (N - K)],\\ 2\ [\tfrac{L K (K+1)}2 + L K (d-K)],\quad
        1\ [(L-1)(d-K)^2 + (d-K)(N-K)],\quad 0\ [\tfrac{L K (K-1)}2 + L K (d-K)]

    Source: derivations/spectra_squared_error.py; for cross-entropy derivations/simplex_hessian.py and
    derivations/hessian_norms.py.
    """
    problem, K, L, N = closed.problem, closed.K, closed.L, closed.N
    if len(set(problem.regs)) > 1 or L == 1:
        return None
    reg, shift = problem.regs[0], 0 if regularised else 1
    if isinstance(closed, SquaredError) and closed.rank == K:
        m, free, kappa = L + 1, width - K, closed.kappa
        parts = [
            ((kappa - 1) * m + 2, K * (K + 1) // 2),
            ((kappa + 1) * m, K * (K - 1) // 2),
            (1 + kappa, K * (N - K)),
            (2.0, L * K * (K + 1) // 2 + L * K * free),
            (1.0, (L - 1) * free**2 + free * (N - K)),
            (0.0, L * K * (K - 1) // 2 + L * K * free),
        ]
    elif isinstance(closed, (SimplexEntropy, PairsEntropy)) and K > 2:
        form = simplex_spectrum if isinstance(closed, SimplexEntropy) else pairs_spectrum
        found = form(K, L, closed.scale, N // K, width)
        parts = list(zip(found.values.tolist(), found.counts.tolist(), strict=True))
    else:
        return None
    return [(reg * (value - shift), count) for value, count in parts]


def closed_gauss_newton(closed: ClosedLayers) -> Parts | None:
    r"""The whole Gauss-Newton matrix, unregularised, at the frame of squared error of full rank.

    .. math:: \kappa \Bigl(\sum_{l=1}^L \lambda_l + \lambda_H\Bigr)\ [K^2], \qquad \lambda_H \kappa\ [K (N - K)]
    """
    regs = closed.problem.regs
    if not (isinstance(closed, SquaredError) and closed.rank == closed.K):
        return None
    K, N, kappa = closed.K, closed.N, closed.kappa
    return [(kappa * sum(regs), K * K), (kappa * regs[-1], K * (N - K))]


def whole_values(point: Point, gauss_newton: bool, regularised: bool, count: int) -> list[Eigenvalue]:
    """All eigenvalues where the order, or that of the Gauss-Newton matrix over the logits, is small; else the top."""
    products = Products(point, gauss_newton, regularised)
    problem = point.problem
    alike = not regularised or len(set(problem.regs)) == 1
    if products.order <= LARGEST_DENSE:
        return grouped(gram_values(_matrix(products)), DENSE)
    if gauss_newton and alike and problem.size * problem.classes <= LARGEST_DENSE:
        shift = problem.regs[0] if regularised else 0.0
        return grouped(gram_values(tangent_gram(point)), SMALL_BLOCKS, products.order, shift)
    values, errors = largest(products.of_rows, products.order, count)
    return by_lanczos(values, errors)


def _matrix(products: Products) -> Array:
    identity = np.eye(products.order)
    found = np.concatenate([products.of_rows(rows) for rows in np.array_split(identity, -(-products.order // AT_ONCE))])
    return np.asarray(found + found.T) / 2


def tangent_gram(point: Point) -> Array:
    r"""R^T J J^T R / N with the Jacobian J of the logits and S = R R^T: the nonzero Gauss-Newton spectrum.

    .. math::
        \frac1N R_i^T \Bigl(\sum_{l=1}^L (x_{l,i} \cdot x_{l,j}) A_{l,i} A_{l,j}^T
        + \delta_{ij} A_{0,i} A_{0,i}^T\Bigr) R_j
    """
    problem = point.problem
    N, K = problem.size, problem.classes
    gram = np.zeros((N, K, N, K))
    for layer in range(problem.depth + 1):
        inner = np.eye(N) if layer == 0 else point.features[layer - 1].T @ point.features[layer - 1]
        half = _half(point, layer)
        gram += inner[:, None, :, None] * (half @ half.T).reshape(N, K, N, K)
    return gram.reshape(N * K, N * K) / N


def _half(point: Point, layer: int) -> Array:
    """R_j^T A_j of all samples, shape (N K, d)."""
    maps = point.maps(layer)
    half = np.swapaxes(point.roots, 1, 2) @ maps.maps[maps.group]
    return np.asarray(half.reshape(-1, half.shape[2]))

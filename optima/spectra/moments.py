"""Spectra of what is not a Hessian: gradients of the samples, weights and features."""

from __future__ import annotations

import numpy as np

from optima.model import Array
from optima.spectra.layer_blocks import LayerBlocks, gram_values
from optima.spectra.point import Point

# Largest order of a dense matrix of inner products.
LARGEST = 6000


def weight_values(point: Point, layer: int) -> Array:
    """Nonzero eigenvalues of W_l^T W_l, descending."""
    return np.asarray(np.linalg.svd(point.factors[layer - 1], compute_uv=False) ** 2)


def feature_values(point: Point, layer: int) -> Array:
    """Those of X_l X_l^T / N."""
    return np.asarray(np.linalg.svd(point.features[layer - 1], compute_uv=False) ** 2 / point.problem.size)


def gradient_values(point: Point, layer: int, centred: bool) -> Array:
    r"""Those of (1/N) sum_j g_j g_j^T over the gradients g_j = A_j^T (softmax(z_j) - y_j) kron x_j of the samples.

    With ``centred`` the mean is subtracted first: their covariance. Layer 0 is that of the features, where each
    sample has a column of its own.

    Raises ValueError where neither the ranks nor the number of samples are small.
    """
    if layer == 0:
        return _feature_gradients(point, centred)
    blocks = LayerBlocks(point, layer)
    vectors, shares, _ = blocks.rows(point.residuals.T[:, :, None], np.ones((point.problem.size, 1)))
    rows, weights = vectors[:, 0], shares[:, 0]
    if min(rows.shape) > LARGEST:
        raise ValueError(
            f"the gradients of {len(rows)} samples span {rows.shape[1]} dimensions; pass a problem with at most "
            f"{LARGEST} of either"
        )
    rows = (rows - centred * (weights @ rows)) * np.sqrt(weights)[:, None]
    return gram_values(rows @ rows.T if len(rows) < rows.shape[1] else rows.T @ rows)


def all_gradient_values(point: Point, centred: bool) -> Array:
    """The same for the gradients in all parameters together, by their inner products.

    Raises ValueError for more samples than that can be done for.
    """
    problem = point.problem
    N = problem.size
    if N > LARGEST:
        raise ValueError(f"there are {N} samples; pass a problem with at most {LARGEST}, or one layer")
    gram = np.zeros((N, N))
    for layer in range(problem.depth + 1):
        maps = point.maps(layer)
        pulls = np.einsum("nkd,kn->nd", maps.maps[maps.group], point.residuals)
        inner = np.eye(N) if layer == 0 else point.features[layer - 1].T @ point.features[layer - 1]
        gram += (pulls @ pulls.T) * inner / N
    if centred:
        gram = gram - gram.mean(axis=0)
        gram = gram - gram.mean(axis=1, keepdims=True)
    return gram_values(gram)


def _feature_gradients(point: Point, centred: bool) -> Array:
    maps = point.maps(0)
    pulls = np.einsum("nkd,kn->nd", maps.maps[maps.group], point.residuals)
    squares = np.sum(pulls**2, axis=1) / point.problem.size
    if not centred:
        return np.sort(squares)[::-1]
    # Columns are orthogonal: diag(squares) minus the mean, whose entries are the roots of squares / N.
    roots = np.sqrt(squares / point.problem.size)
    return gram_values(np.diag(squares) - np.outer(roots, roots))

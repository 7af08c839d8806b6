"""How the gradient of a layer lies to the eigenvectors of its Hessian."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optima.model import Array
from optima.spectra.layer_blocks import KroneckerVectors, LayerBlocks
from optima.spectra.point import Point


@dataclass(frozen=True, eq=False)
class Alignment:
    r"""Squared cosines of the gradient g of the data loss in W_l.

    Attributes
    ----------
    outliers
        Number of eigenvectors of the largest eigenvalues that span the outlier space.
    in_outliers
        Squared cosine of g with it.
    eigenvector
        f = (g^T H g)^2 / (|g|^2 |H g|^2): one exactly where g is an eigenvector of H = Hess_l.
    means
        Squared cosine with mu_c^(l+1) kron mu_c'^(l), shape (K, K); mu^(L+1) are the means of the logits.
    """

    outliers: int
    in_outliers: float
    eigenvector: float
    means: Array


def align(point: Point, blocks: LayerBlocks, vectors: KroneckerVectors, outliers: int) -> Alignment:
    """The alignment of the gradient in W_l with the first eigenvectors."""
    layer = blocks.layer
    gradient = point.gradients[layer - 1]
    shares = vectors.shares(gradient)
    after, before = point.means(layer + 1), point.means(layer)
    norms = np.outer(np.sum(after**2, axis=0), np.sum(before**2, axis=0)) * np.sum(gradient**2)
    inner = (after.T @ gradient @ before) ** 2
    means = np.divide(inner, norms, out=np.zeros_like(inner), where=norms > 0)
    return Alignment(outliers, float(shares[:outliers].sum()), blocks.eigenvector(gradient), means)


def by_class_means(point: Point, layer: int, vectors: KroneckerVectors) -> tuple[KroneckerVectors, Array]:
    r"""Eigenvectors as sums of mu_c^(l+1) kron mu_c'^(l), and the share of each that such sums reach, shape (m,).

    C_i = M_{l+1}^+ V_i (M_l^+)^T with the class means as columns of M; at collapse the share is one.
    """
    after, before = point.means(layer + 1), point.means(layer)
    left, right = np.linalg.pinv(after) @ vectors.left, np.linalg.pinv(before) @ vectors.right
    coefficients = left @ vectors.coefficients @ right.T
    found = KroneckerVectors(vectors.values, after, before, coefficients)
    back = after @ coefficients @ before.T
    return found, np.sum(back**2, axis=(1, 2))

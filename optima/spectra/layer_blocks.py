"""The Hessian of one weight matrix at any point, by a dense matrix of the order of the ranks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from optima.model import Array
from optima.model.arrays import numerical_rank
from optima.spectra.point import Point

# Largest order of a dense matrix.
DENSE = 2500
# Share of the largest eigenvalue from which on a Gram matrix has the eigenvector.
VISIBLE = 1e-10


@dataclass(frozen=True)
class KroneckerVectors:
    r"""Eigenvectors of the Hessian of a weight matrix (d_out, d_in), as sums of Kronecker products.

    .. math:: V_i = \text{left}\; C_i\; \text{right}^T

    Attributes
    ----------
    values
        Eigenvalues, descending, shape (m,), or more where vectors were asked for of the largest only.
    left, right
        Shapes (d_out, a) and (d_in, b): orthonormal bases, or class means.
    coefficients
        C, shape (m, a, b).
    """

    values: Array
    left: Array
    right: Array
    coefficients: Array

    def matrix(self, index: int) -> Array:
        """Eigenvector number ``index`` in the shape of the weight matrix."""
        return np.asarray(self.left @ self.coefficients[index] @ self.right.T)

    def shares(self, matrix: Array) -> Array:
        """Squared cosine of a matrix (d_out, d_in) with each (orthonormal) eigenvector, shape (m,)."""
        inner = np.einsum("mab,ab->m", self.coefficients, self.left.T @ matrix @ self.right)
        norm = float(np.sum(matrix**2))
        return np.asarray(inner**2 / norm if norm else 0 * inner)


class LayerBlocks:
    r"""Hess_l = (1/N) sum_j (A_j^T S_j A_j) kron (x_j x_j^T) in bases of the ranges of all A_j^T and of X_l.

    It is F^T F with one row (A_j^T (R_j)_a) kron x_j / sqrt(N) for each sample j and label a, of rank at most
    rank(A) rank(X_l); equal columns of X_l are taken together.
    """

    def __init__(self, point: Point, layer: int) -> None:
        self.point, self.layer = point, layer

    @cached_property
    def _samples(self) -> tuple[NDArray[np.intp], Array]:
        """One sample of each kind (same label, pattern of neurons and features), and how many there are of it."""
        maps = self.point.maps(self.layer)
        key = np.vstack([self.point.problem.labels, maps.group, self.point.features[self.layer - 1]])
        _, first, counts = np.unique(key, axis=1, return_index=True, return_counts=True)
        return first, counts.astype(float)

    @cached_property
    def _bases(self) -> tuple[Array, Array]:
        maps = self.point.maps(self.layer).maps
        first, _ = self._samples
        return _range(np.concatenate(list(maps)).T), _range(self.point.features[self.layer - 1][:, first])

    @property
    def left(self) -> Array:
        """Orthonormal basis of the range of all A_j^T, shape (d_out, a)."""
        return self._bases[0]

    @property
    def right(self) -> Array:
        """Orthonormal basis of the range of X_l, shape (d, b)."""
        return self._bases[1]

    @property
    def order(self) -> int:
        """Order of the dense matrix: the smaller of a b and the number of rows of F."""
        return min(self.left.shape[1] * self.right.shape[1], self._samples[0].size * self.point.problem.classes)

    def in_bases(self, columns: Array) -> Array:
        """A_j^T v_ja kron x_j in the bases, for columns v_j (samples, K, labels), shape (samples, labels, a b)."""
        first, _ = self._samples
        maps = self.point.maps(self.layer)
        left = np.einsum("gkd,da->gka", maps.maps, self.left)[maps.group[first]]
        right = self.point.features[self.layer - 1][:, first].T @ self.right
        out = np.einsum("ska,skl,sb->slab", left, columns[first], right, optimize=True)
        return out.reshape(*out.shape[:2], out.shape[2] * out.shape[3])

    def rows(self, columns: Array, weights: Array) -> tuple[Array, Array, NDArray[np.int64]]:
        """Vectors A_j^T v_ja kron x_j, their weights over N, (samples, labels) each, and the class of each sample."""
        first, counts = self._samples
        shares = weights[first] * counts[:, None] / self.point.problem.size
        return self.in_bases(columns), shares, self.point.problem.labels[first]

    @cached_property
    def _half(self) -> Array:
        vectors, shares, _ = self.rows(self.point.roots, np.ones(self.point.roots.shape[::2]))
        half = vectors * np.sqrt(shares)[:, :, None]
        return half.reshape(half.shape[0] * half.shape[1], half.shape[2])

    def values(self) -> Array:
        """The eigenvalues of the blocks, descending; all others of the Hessian are zero."""
        F = self._half
        gram = F @ F.T if len(F) < F.shape[1] else F.T @ F
        return gram_values(gram)

    def largest(self, count: int) -> KroneckerVectors:
        """All eigenvalues, and the eigenvectors of at most ``count`` of the largest, from the smaller Gram matrix."""
        F = self._half
        wide = len(F) < F.shape[1]
        values, columns = np.linalg.eigh(F @ F.T if wide else F.T @ F)
        values = np.maximum(values[::-1], 0.0)
        kept = min(count, int(np.sum(values > VISIBLE * values[0])) if values.size else 0)
        V = columns.T[::-1][:kept]
        if wide:
            V = (V @ F) / np.sqrt(values[:kept, None])
        shape = (len(V), self.left.shape[1], self.right.shape[1])
        return KroneckerVectors(values, self.left, self.right, V.reshape(shape))

    def eigenvector(self, matrix: Array) -> float:
        """f = (v^T H v)^2 / (|v|^2 |H v|^2) of a matrix v of the shape of W_l, zero where H v is."""
        image = self._half @ (self.left.T @ matrix @ self.right).ravel()
        below = float(np.sum(matrix**2) * np.sum((image @ self._half) ** 2))
        return float(image @ image) ** 2 / below if below else 0.0

    def curvatures(self, after: Array, before: Array) -> Array:
        r"""f = (v^T H v)^2 / (|v|^2 |H v|^2) of the products v of columns of ``after`` and ``before``, shape (m, m').

        Zero where H v is.
        """
        inside = np.einsum("ac,bd->cdab", self.left.T @ after, self.right.T @ before)
        flat = inside.reshape(inside.shape[0] * inside.shape[1], inside.shape[2] * inside.shape[3])
        image = flat @ self._half.T
        once, twice = np.sum(image**2, axis=1), np.sum((image @ self._half) ** 2, axis=1)
        norms = np.outer(np.sum(after**2, axis=0), np.sum(before**2, axis=0))
        below = norms * twice.reshape(norms.shape)
        return np.divide(once.reshape(norms.shape) ** 2, below, out=np.zeros_like(norms), where=below > 0)

    def vectors(self) -> KroneckerVectors:
        """Eigenvalues and orthonormal eigenvectors."""
        F = self._half
        if len(F) < F.shape[1]:
            _, s, V = np.linalg.svd(F, full_matrices=False)
            values = s**2
        else:
            values, columns = np.linalg.eigh(F.T @ F)
            values, V = np.maximum(values[::-1], 0.0), columns.T[::-1]
        shape = (len(V), self.left.shape[1], self.right.shape[1])
        return KroneckerVectors(values, self.left, self.right, V.reshape(shape))


def separate_values(point: Point, layer: int) -> Array:
    """Squared error, linear: eigenvalues of A^T A times those of X_l X_l^T / N, descending."""
    A, X = point.maps(layer).maps[0], point.features[layer - 1]
    left, right = np.linalg.svd(A, compute_uv=False), np.linalg.svd(X, compute_uv=False)
    return np.sort(np.outer(left**2, right**2 / point.problem.size), axis=None)[::-1]


def gram_values(matrix: Array) -> Array:
    """Eigenvalues of a small symmetric matrix, descending."""
    return np.asarray(eigh(matrix, eigvals_only=True))[::-1]


def _range(columns: Array) -> Array:
    """Orthonormal basis of the range of a matrix."""
    U, s, _ = np.linalg.svd(columns, full_matrices=False)
    return U[:, : numerical_rank(s, max(columns.shape) * float(np.finfo(float).eps))]

"""The largest eigenvalues of a symmetric matrix that is known by its products, with the residual of each."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from optima.model import Array

# Vectors that are multiplied at once.
BLOCK = 20
# The subspace is this many times the number of eigenvalues asked for, of at least LEAST vectors.
ROOM, LEAST = 2.5, 80
# Eigenvalues are within this share of the largest.
TOLERANCE = 1e-7
# Products for each eigenvalue asked for, after which what is known is returned with its residuals.
PATIENCE = 60
# New directions of this relative size are rounding: the subspace is invariant.
INVARIANT = 1e-12
# Relative size under which what is left of vectors once projected is projected again (twice is enough: Parlett 1998).
SHORT = 1e-2


def largest(
    products: Callable[[Array], Array], order: int, count: int, seed: int = 0, tolerance: float = TOLERANCE
) -> tuple[Array, Array]:
    r"""The ``count`` largest eigenvalues, descending, and the norms of their residuals.

    .. math:: \min_i |\lambda_i - \theta| \le \|A y - \theta y\|, \qquad \|y\| = 1

    Block Lanczos with full reorthogonalisation, restarted with the best Ritz vectors (thick restart, Wu and Simon
    2000). A subspace with one start shows each copy of a multiple eigenvalue only as far as the block is wide: once
    all have converged, random vectors orthogonal to them begin anew, until that changes nothing. ``products`` takes
    vectors as rows.
    """
    rng = np.random.default_rng(seed)
    count = min(count, order)
    room = min(order, max(int(ROOM * count), count + 2 * BLOCK, LEAST))
    basis, projected = np.zeros((room, order)), np.zeros((room, room))
    size, used = 0, 0

    def fresh(size: int) -> Array:
        rows = rng.standard_normal((min(BLOCK, room - size), order))
        length = float(np.linalg.norm(rows, axis=1).max())
        return _orthonormal(rows - (rows @ basis[:size].T) @ basis[:size], basis[:size], length, rng)[0]

    # Residuals of vectors that were kept when the rest of the subspace began anew.
    block, before, lost = fresh(0), np.full(count, -np.inf), 0.0
    while True:
        begin, size = size, size + len(block)
        basis[begin:size] = block
        image = products(block)
        used += len(block)
        length = float(np.linalg.norm(image, axis=1).max())
        projected[:size, begin:size] = basis[:size] @ image.T
        projected[begin:size, :size] = projected[:size, begin:size].T
        image -= projected[begin:size, :size] @ basis[:size]
        if size == order:
            values = np.linalg.eigvalsh(projected[:size, :size])[::-1][:count]
            return np.asarray(values), np.full(count, lost)
        following, lengths = (part[: order - size] for part in _orthonormal(image, basis[:size], length, rng))
        if size + len(following) <= room:
            block = following
            continue
        values, vectors = np.linalg.eigh(projected[:size, :size])
        residuals = np.linalg.norm(lengths @ vectors[begin:size], axis=0)
        values, vectors, residuals = values[::-1], vectors[:, ::-1], residuals[::-1]
        floor = tolerance * np.abs(values).max()
        converged = bool(np.all(residuals[:count] <= floor))
        if (converged and np.all(values[:count] - before <= floor)) or used > PATIENCE * max(count, LEAST):
            return np.asarray(values[:count]), np.asarray(residuals[:count] + lost)
        # What has not converged leaves the subspace where its residual is not followed.
        kept = count if converged else min(count + (size - count) // 2, size - 1)
        basis[:kept] = vectors[:, :kept].T @ basis[:size]
        projected[:] = 0.0
        projected[np.arange(kept), np.arange(kept)] = values[:kept]
        if converged:
            before, lost = values[:count].copy(), lost + float(residuals[:count].max())
        size, block = kept, fresh(kept) if converged else following[: room - kept]


def _orthonormal(rows: Array, basis: Array, length: float, rng: np.random.Generator) -> tuple[Array, Array]:
    """Q with orthonormal rows, orthogonal to the basis too, and R with ``rows`` = R^T Q; R is (q, b).

    The basis has been projected out of ``rows`` once, which were of ``length`` before. Directions that are rounding
    give way to random ones, with zeros in R.
    """
    Q, R = np.linalg.qr(rows.T)
    left = np.abs(np.diagonal(R))
    gone = left <= INVARIANT * length
    if gone.any():
        R[gone] = 0.0
        other = rng.standard_normal((Q.shape[0], int(gone.sum())))
        other -= basis.T @ (basis @ other)
        Q[:, gone] = other / np.linalg.norm(other, axis=0)
    if (left <= SHORT * length).any():
        Q -= basis.T @ (basis @ Q)
        Q, change = np.linalg.qr(Q)
        R = change @ R
    return np.ascontiguousarray(Q.T), R

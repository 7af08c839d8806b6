"""Class means and covariances of vectors that come in batches, without keeping them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optima.model import Array

Labels = NDArray[np.int64]
# Widest vectors whose d x d scatter is kept: 1 GiB.
WIDEST = 11_585


@dataclass(frozen=True)
class Batch:
    """Sizes (K,) and means (K, d) of the classes of a batch, and its vectors less the means of their classes (b, d)."""

    sizes: Array
    means: Array
    deviations: Array

    @classmethod
    def of(cls, rows: Array, labels: Labels, classes: int) -> Batch:
        """The batch with rows (b, d) of classes (b,)."""
        sizes = np.bincount(labels, minlength=classes).astype(float)
        order = np.argsort(labels, kind="stable")
        seen = np.flatnonzero(sizes)
        sums = np.zeros((classes, rows.shape[1]))
        starts = np.cumsum(sizes[seen]).astype(int) - sizes[seen].astype(int)
        sums[seen] = np.add.reduceat(rows[order], starts, axis=0)
        means = sums / np.maximum(sizes, 1.0)[:, None]
        return cls(sizes, means, rows - means[labels])


class ClassMoments:
    r"""Sizes, means and scatter of K classes of vectors of d numbers, whatever the order and the batches.

    .. math:: S = S' + S'' + \sum_c \frac{n'_c n''_c}{n'_c + n''_c} (\mu''_c - \mu'_c)(\mu''_c - \mu'_c)^T

    joins what two parts of the data have, S the sum of (x - mu)(x - mu)^T within the classes (Chan, Golub and LeVeque
    1979). While there are no more vectors than numbers in each they are kept instead, so that the memory is at most
    d^2 numbers and nothing is squared; beyond a width of 11585 only the traces of S by class are, unless the vectors
    are fewer than that would need.

    Attributes
    ----------
    sizes, means, spread
        n_c (K,); mu_c, shape (K, d); sum over the class of ||x - mu_c||^2, shape (K,).
    """

    def __init__(self, classes: int, dimension: int, full: bool = True) -> None:
        self.sizes = np.zeros(classes)
        self.means = np.zeros((classes, dimension))
        self.spread = np.zeros(classes)
        self._rows: list[tuple[Array, Labels]] | None = [] if full else None
        self._scatter: Array | None = None

    @property
    def size(self) -> int:
        """N, how many vectors there were."""
        return int(self.sizes.sum())

    def add(self, rows: Array, labels: Labels) -> tuple[Batch, Array, Array]:
        """Join a batch. Returns it, its means less those of before, and n' n'' / (n' + n'') of each class."""
        batch = Batch.of(rows, labels, len(self.sizes))
        moved = np.where(batch.sizes[:, None] > 0, batch.means - self.means, 0.0)
        total = self.sizes + batch.sizes
        weight = self.sizes * batch.sizes / np.maximum(total, 1.0)
        if self._scatter is not None:
            both = np.concatenate([batch.deviations, np.sqrt(weight)[:, None] * moved])
            self._scatter += both.T @ both
        squares = np.einsum("bd,bd->b", batch.deviations, batch.deviations)
        self.spread += np.bincount(labels, squares, len(self.sizes))
        self.spread += weight * np.sum(moved**2, axis=1)
        self.means += moved * (batch.sizes / np.maximum(total, 1.0))[:, None]
        self.sizes = total
        if self._rows is not None:
            self._rows.append((np.array(rows), labels))
            self._compress()
        return batch, moved, weight

    def _compress(self) -> None:
        """The scatter instead of the vectors, once that is the smaller of both."""
        dimension = self.means.shape[1]
        if self.size <= min(dimension, WIDEST**2 // dimension):
            return
        if dimension <= WIDEST:
            deviations = self._deviations()
            self._scatter = deviations.T @ deviations
        self._rows = None

    def _deviations(self) -> Array:
        assert self._rows
        return np.concatenate([rows - self.means[labels] for rows, labels in self._rows])

    @property
    def has_scatter(self) -> bool:
        """Whether more than the traces of the scatter is known."""
        return bool(self._rows) or self._scatter is not None

    @property
    def square(self) -> float:
        """Mean of ||x||^2."""
        return float(np.sum(self.spread + self.sizes * np.sum(self.means**2, axis=1))) / self.size

    def along(self, directions: Array) -> Array:
        """v^T S v for directions v, the rows of (r, d)."""
        if self._scatter is not None:
            return np.asarray(np.sum((directions @ self._scatter) * directions, axis=1))
        return np.asarray(np.sum((self._deviations() @ directions.T) ** 2, axis=0))

    def singular_values(self) -> Array:
        """Singular values of X / sqrt(N), X all vectors as columns, descending: min(N, d) of them."""
        if self._rows:
            rows = np.concatenate([rows for rows, _ in self._rows])
            return np.asarray(np.linalg.svd(rows / np.sqrt(len(rows)), compute_uv=False))
        assert self._scatter is not None
        moment = (self._scatter + (self.means.T * self.sizes) @ self.means) / self.size
        return np.asarray(np.sqrt(np.maximum(np.linalg.eigvalsh(moment)[::-1], 0.0)))

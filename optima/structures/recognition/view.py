"""The logits to be recognised, with what several recognisers need of them."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import svdvals

from optima.model import Array
from optima.model.arrays import numerical_rank
from optima.reduction import center

Order = NDArray[np.int64]


class View:
    """Class-mean logits M, shape (K, K): centred for cross-entropy, as they are for squared error.

    ``means`` is M in units of ``unit``, the largest absolute entry of the logits as given. ``exact_rank`` is their
    rank where that is known; otherwise singular values up to ``tolerance`` times the largest are noise.
    """

    def __init__(self, logits: Array, tolerance: float, loss: str, exact_rank: int | None = None) -> None:
        self.unit = float(np.abs(logits).max())
        scaled = logits / self.unit if self.unit > 0 else logits
        self.means = center(scaled) if loss == "ce" else scaled
        self.tolerance, self.exact_rank = tolerance, exact_rank
        self.loss = loss
        self.classes = len(logits)

    @cached_property
    def singular_values(self) -> Array:
        """Singular values of M, descending."""
        return svdvals(self.means)

    @cached_property
    def rank(self) -> int:
        """The exact rank, or the number of singular values above ``tolerance`` times the largest."""
        return numerical_rank(self.singular_values, self.tolerance) if self.exact_rank is None else self.exact_rank

    @cached_property
    def features(self) -> Array:
        """Right singular vectors of the nonzero singular values, one row for each class, shape (K, rank)."""
        return np.linalg.svd(self.means)[2][: self.rank].T

    @cached_property
    def eigen(self) -> tuple[Array, Array]:
        """Eigenvalues of the symmetric part of M, ascending, and its eigenvectors."""
        values, vectors = np.linalg.eigh((self.means + self.means.T) / 2)
        return values, vectors

    @cached_property
    def sorted_entries(self) -> tuple[Array, Array]:
        """Diagonal entries and all others, each in ascending order."""
        return sorted_entries(self.means)

    @cached_property
    def pair_order(self) -> tuple[int, Order]:
        r"""Number m of classes outside antipodal pairs, and all classes in the order (these, pairs).

        Classes i, j are a pair when each is the other's largest entry of
        -(M_ij + M_ji) / (M_ii + M_jj) and this is above 3/4: it is 1 for a pair at any scale, and at most
        1/2 in a simplex on three classes or more.
        """
        return _pair_order(self.means)

    @cached_property
    def angular_order(self) -> Order:
        """Classes by the angles of their vectors in the plane of the two largest eigenvalues of M.

        Two steps of subspace iteration from two columns of M: enough when M is near to a polygon, whose
        other eigenvalues are zero.
        """
        first = self.means[:, 0]
        lengths = np.linalg.norm(self.means, axis=0)
        alike = np.abs(first @ self.means) / np.maximum(lengths, np.finfo(float).tiny)
        start = self.means[:, [0, int(alike.argmin())]]
        return by_angle(np.linalg.qr(self.means @ (self.means @ start))[0])


def by_angle(plane: Array) -> Order:
    """Classes by the angles of their points in the plane, shape (K, 2)."""
    return np.argsort(np.arctan2(plane[:, 1], plane[:, 0]), kind="stable")


def sorted_entries(means: Array) -> tuple[Array, Array]:
    """Diagonal entries and all others of a square matrix, each in ascending order."""
    off_diagonal = ~np.eye(len(means), dtype=bool)
    return np.sort(np.diagonal(means)), np.sort(means[off_diagonal])


def _pair_order(means: Array) -> tuple[int, Order]:
    diagonal = np.diagonal(means)
    total = diagonal[:, None] + diagonal
    bond = np.divide(-(means + means.T), total, out=np.zeros_like(means), where=total > 1e-9)
    np.fill_diagonal(bond, -np.inf)
    partner = bond.argmax(axis=1)
    classes = np.arange(len(means))
    paired = (partner[partner] == classes) & (bond[classes, partner] > 0.75)
    first = classes[paired & (classes < partner)]
    rest = classes[~paired]
    return rest.size, np.concatenate([rest, np.column_stack([first, partner[first]]).ravel()])

"""The fit of single logits: cross-entropy of columns and its slope, with the digits that are left of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def cross_entropies(logits: Array, labels: NDArray[np.int64]) -> Array:
    """log(1 + sum_j e^(z_j - z_label)) of each column, which keeps its digits when it is tiny. Shape (N,)."""
    from scipy.special import logsumexp

    return np.logaddexp(0.0, logsumexp(_lead_of_rivals(logits, labels), axis=0))


def cross_entropy_slopes(logits: Array, labels: NDArray[np.int64]) -> Array:
    """softmax(z) minus the one-hot label for each column, without cancellation. Shape (K, N)."""
    from scipy.special import softmax

    slopes = softmax(logits, axis=0)
    columns = np.arange(labels.size)
    slopes[labels, columns] = 0.0
    slopes[labels, columns] = -slopes.sum(axis=0)
    return slopes


def _lead_of_rivals(logits: Array, labels: NDArray[np.int64]) -> Array:
    """z_j - z_label for the rivals j of each column, and -inf at its label."""
    columns = np.arange(labels.size)
    lead = logits - logits[labels, columns]
    lead[labels, columns] = -np.inf
    return lead

"""Neural collapse measures of whatever a network file holds."""

from __future__ import annotations

from typing import Any

import numpy as np

from optima.model import Array, DeepUFM
from optima.network.layout import Layout, numbers
from optima.reduction import class_means
from optima.training.measures import from_self_dual, from_simplex, variability


def collapse_measures(
    problem: DeepUFM, layout: Layout, features: Any = None, weights: Any = None
) -> tuple[dict[str, float | None], str]:
    """NC1, NC2 and NC3 as :func:`optima.training.measures.measure` defines them, and what they are of.

    With features, shape (N, d) or (d, N), NC1 and NC2 are theirs; NC3 needs the weights W of the last layer too, shape
    (K, d) or (d, K). Without features NC1 and NC2 are those of the logits. All vanish at deep neural collapse; None
    where there is nothing to measure: NC1 needs samples, not their means.

    Raises ValueError where shapes do not go together.
    """
    if features is None:
        return _measured(problem, layout.means, layout.columns, None), "of the logits; no features"
    vectors = _columns(numbers("features", features), layout)
    means = vectors if layout.sizes is None else class_means(vectors, layout.sizes)
    matrix = None if weights is None else _weights(numbers("weights", weights), means)
    columns = None if layout.sizes is None else vectors
    return _measured(problem, means, columns, matrix), "of the features" + (
        "" if weights is not None else "; no weights"
    )


def logits_of(features: Any, weights: Any) -> Array:
    """Logits W h of features h, shape (N, K), where a file has no others. Raises ValueError on other shapes."""
    vectors, matrix = numbers("features", features), numbers("weights", weights)
    for each in (vectors, vectors.T):
        for classifier in (matrix, matrix.T):
            if vectors.ndim == matrix.ndim == 2 and each.shape[1] == classifier.shape[1]:
                return np.asarray(each @ classifier.T)
    raise ValueError(f"weights have shape {matrix.shape} and features {vectors.shape}; pass (K, d) and (N, d)")


def _measured(problem: DeepUFM, means: Array, columns: Array | None, weights: Array | None) -> dict[str, float | None]:
    centred = means - means.mean(axis=1, keepdims=True)
    return {
        "nc1": None if columns is None else variability(columns, problem),
        "nc2": from_simplex(centred),
        "nc3": None if weights is None else from_self_dual(weights, centred),
    }


def _columns(features: Array, layout: Layout) -> Array:
    """Features as columns, in the order of the logits."""
    count = len(layout.means) if layout.sizes is None else int(layout.sizes.sum())
    fits = [features.ndim == 2 and length == count for length in (*features.shape, 0, 0)[:2]]
    if not any(fits):
        what = "class means" if layout.sizes is None else "samples"
        raise ValueError(f"features have shape {features.shape}; pass one vector for each of the {count} {what}")
    rows = layout.transposed if all(fits) else fits[0]
    columns = features.T if rows else features
    return columns if layout.order is None else columns[:, layout.order]


def _weights(weights: Array, means: Array) -> Array:
    dimension, classes = means.shape
    for each in (weights, weights.T):
        if each.shape == (classes, dimension):
            return each
    raise ValueError(f"weights have shape {weights.shape}; pass {(classes, dimension)}, one row for each class")

"""All factors of a network of one's own: W_1, ..., W_L and features H with a column for each sample or class."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from optima.model import Array, DeepUFM
from optima.model.class_network import ClassNetwork
from optima.model.fit import Fit
from optima.model.forward_backward import layers
from optima.network.layout import Labels, numbers

# Names of weight matrices in files: W1, W_1, factor_0, and the layers of a Sequential of PyTorch.
NUMBERED = (r"W_?(\d+)", r"factor_?(\d+)", r"weights?[_.]?(\d+)", r"(?:.*\.)?(\d+)\.weight")
FEATURES = ("H", "features", "X1", "X_1")


@dataclass(frozen=True, eq=False)
class ClassFactors:
    """W_1, ..., W_L (d', d) and H (d, N), the samples in the order of their classes; ``sizes`` None: one a class."""

    weights: tuple[Array, ...]
    features: Array
    relu: bool
    sizes: Labels | None = None

    @property
    def depth(self) -> int:
        """L."""
        return len(self.weights)

    @cached_property
    def layers(self) -> list[Array]:
        """The features entering each weight matrix, then the logits (K, N)."""
        act = (lambda layer: np.maximum(layer, 0.0)) if self.relu else None
        return layers([*self.weights, self.features], act)

    @property
    def logits(self) -> Array:
        """Z, (K, N)."""
        return self.layers[-1]

    @property
    def last_features(self) -> Array:
        """X_L, what the last weight matrix sees, (d, N)."""
        return self.layers[-2]

    def sorted(self, order: Labels | None, sizes: Labels | None) -> ClassFactors:
        """With the samples in another order."""
        features = self.features if order is None else self.features[:, order]
        return replace(self, features=features, sizes=sizes)

    def objective(self, problem: DeepUFM) -> float:
        """The objective of the model at these factors."""
        if self.sizes is None:
            return self.network(problem).loss
        squares = [float(np.sum(factor**2)) for factor in (*self.weights, self.features)]
        return problem.data_loss(self.logits) + sum(r / 2 * s for r, s in zip(problem.regs, squares, strict=True))

    def network(self, problem: DeepUFM) -> ClassNetwork:
        """The network with the cheapest column of each class, which costs no more than all of them."""
        if self.sizes is None:
            return ClassNetwork(problem, (*self.weights, self.features))
        labels = problem.labels
        costs = _fits(problem, self.logits) / problem.size + problem.regs[-1] / 2 * np.sum(self.features**2, axis=0)
        best = [int(np.flatnonzero(labels == c)[np.argmin(costs[labels == c])]) for c in range(problem.classes)]
        return ClassNetwork(problem, (*self.weights, self.features[:, best]))


def _fits(problem: DeepUFM, logits: Array) -> Array:
    """The fit of each sample, of logits (K, N)."""
    K = problem.classes
    return np.concatenate(
        [
            Fit(problem.loss, K, np.array([c]), np.ones(1)).value(logits.T[problem.labels == c, :, None])
            for c in range(K)
        ]
    )


def class_factors(factors: Sequence[Any], relu: bool) -> ClassFactors:
    """Factors (W_1, ..., W_L, H) that others made: tensors, arrays or lists; H with samples as columns or rows.

    Raises ValueError unless they chain.
    """
    *weights, features = [numbers(f"factor {i + 1}", factor) for i, factor in enumerate(factors)]
    if any(factor.ndim != 2 for factor in (*weights, features)):
        raise ValueError("factors are matrices; pass W_1, ..., W_L and H")
    shapes = ", ".join(str(factor.shape) for factor in (*weights, features))
    if any(after.shape[1] != before.shape[0] for before, after in pairwise(weights)):
        raise ValueError(f"factors of shapes {shapes} do not chain; pass W_1, ..., W_L and H, W_l of shape (d', d)")
    width = weights[0].shape[1]
    if features.shape[0] != width and features.shape[1] == width:
        features = features.T
    if features.shape[0] != width:
        raise ValueError(f"factors of shapes {shapes} do not chain; pass H of shape ({width}, N), N samples")
    return ClassFactors(tuple(weights), features, relu)


def factors_of(arrays: Mapping[str, Any]) -> list[Any] | None:
    """[W_1, ..., W_L, H] of the arrays of a file, by their names (``NUMBERED``, ``FEATURES``); None without them.

    Of ``factor_0``, ``factor_1``, ... the last one is H.
    """
    for pattern in NUMBERED:
        found = {int(match[1]): name for name in arrays if (match := re.fullmatch(pattern, name, re.IGNORECASE))}
        matrices = [arrays[found[number]] for number in sorted(found) if np.ndim(arrays[found[number]]) == 2]
        own = next((arrays[name] for name in FEATURES if name in arrays), None)
        if pattern.startswith("factor") and len(matrices) > 1:
            return matrices
        if own is not None and matrices:
            return [*matrices, own]
    return None

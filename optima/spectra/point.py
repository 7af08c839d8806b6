"""A network at given factors: what enters each layer, and how a change there moves the logits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from optima.model import Array, DeepUFM
from optima.model.forward_backward import backpropagated
from optima.model.inputs import positive_integer
from optima.reduction import class_means

# Pre-activations up to this share of the largest of their layer are zero: the relu is at its kink.
KINK = 1e-12


@dataclass(frozen=True)
class Maps:
    r"""How pre-activations of a layer move the logits: dz_j = A_{group(j)} dm_j, one map for each pattern of neurons.

    ``maps`` has shape (g, K, d), ``group`` (N,).
    """

    maps: Array
    group: NDArray[np.intp]


class Point:
    r"""A model at factors (W_1, ..., W_L, H), and what its derivatives are made of.

    .. math:: d z_j = A_{l,j}\, dW_l\, x_{l,j}, \qquad A_{l,j} = W_L D_{L,j} W_{L-1} \cdots W_{l+1} D_{l+1,j}

    with x_{l,j} column j of the input X_l of W_l, and D_{m,j} the diagonal 0/1 matrix of the neurons of layer m that
    are active at sample j (I for linear models). Pre-activations of at most 1e-12 of the largest of their layer are
    at the kink of relu, where its derivative is ``kink``: 0 or 1.

    Raises ValueError on factors that do not chain, and for another ``kink``.
    """

    def __init__(self, problem: DeepUFM, factors: Sequence[Array], kink: int = 0) -> None:
        if kink not in (0, 1):
            raise ValueError(f"kink is {kink!r}; pass the derivative of relu at zero, 0 or 1")
        self.problem, self.kink = problem, kink
        self.factors = [np.asarray(factor, dtype=float) for factor in factors]
        *self.features, self.logits = problem.layers(self.factors)

    @property
    def width(self) -> int:
        """d."""
        return len(self.factors[-1])

    @cached_property
    def active(self) -> list[NDArray[np.bool_]]:
        """Which neurons are active: (d, N) for the layers 2, ..., L; empty for linear models."""
        if not self.problem.nonlinear:
            return []
        found = []
        for weight, features in zip(self.factors[:-2], self.features[:-1], strict=True):
            before = weight @ features
            floor = KINK * np.abs(before).max(initial=0.0)
            found.append(before >= -floor if self.kink else before > floor)
        return found

    def maps(self, layer: int) -> Maps:
        """A_l for the weight matrix of a layer 1, ..., L, or for the features with ``layer`` 0."""
        K, L, N = self.problem.classes, self.problem.depth, self.problem.size
        later = self.active[max(layer - 1, 0) :]
        if later:
            stacked, group = np.unique(np.vstack(later), axis=1, return_inverse=True)
            masks = np.split(stacked.T.astype(float), len(later), axis=1)
        else:
            masks, group = [np.ones((1, 1))] * (L - max(layer, 1)), np.zeros(N, dtype=np.intp)
        maps = np.broadcast_to(np.eye(K), (len(masks[0]) if masks else 1, K, K))
        for weight, mask in zip(self.factors[L - 1 : max(layer, 1) - 1 : -1], masks[::-1], strict=True):
            maps = (maps @ weight) * mask[:, None, :]
        if layer == 0:
            maps = maps @ self.factors[0]
        return Maps(maps, np.ravel(group))

    @cached_property
    def roots(self) -> Array:
        r"""R_j with the curvature S_j = R_j R_j^T of the loss of each sample, shape (N, K, K).

        Columns sqrt(p_a) (e_a - p) for cross-entropy with p = softmax(z_j), and e_a for squared error.
        """
        return np.asarray(self.deviations * np.sqrt(self.label_weights)[:, None, :])

    @cached_property
    def label_weights(self) -> Array:
        """p_a of each sample for cross-entropy, ones for squared error, shape (N, K)."""
        if self.problem.loss == "mse":
            return np.ones((self.problem.size, self.problem.classes))
        shares = np.exp(self.logits - self.logits.max(axis=0))
        return np.asarray((shares / shares.sum(axis=0)).T)

    @cached_property
    def deviations(self) -> Array:
        """e_a - p as column a (squared error: e_a), shape (N, K, K)."""
        K = self.problem.classes
        if self.problem.loss == "mse":
            return np.broadcast_to(np.eye(K), (self.problem.size, K, K))
        p = self.label_weights
        found = np.eye(K) - p[:, :, None]
        # 1 - p is the sum of the others, which does not cancel.
        others = p @ (1.0 - np.eye(K))
        found[:, np.arange(K), np.arange(K)] = others
        return np.asarray(found)

    @cached_property
    def residuals(self) -> Array:
        """Gradient of the loss of each sample in its logits, softmax(z) - y or z - y, shape (K, N)."""
        return np.asarray(self.problem.data_loss_gradient(self.logits) * self.problem.size)

    @cached_property
    def gradients(self) -> list[Array]:
        """Gradient of the data loss in (W_1, ..., W_L, H), without regularisation."""
        signal = self.residuals / self.problem.size
        slope = None
        if self.problem.nonlinear:
            # Each layer is told by its place, from the last one on.
            masks = iter(self.active[::-1])
            slope = lambda _: next(masks)
        return list(backpropagated(self.factors, [*self.features, self.logits], signal, slope))

    def means(self, layer: int) -> Array:
        """Class means of the input of W_l for l = 1, ..., L, and of the logits for l = L + 1, as columns."""
        return class_means([*self.features, self.logits][layer - 1], self.problem.class_sizes)


def checked_layer(problem: DeepUFM, layer: object, features: bool = True) -> int:
    """A layer 1, ..., L, or 0 for the features ``"H"``. Raises ValueError on any other."""
    if features and layer == "H":
        return 0
    also = ", 'H' for the features" if features else ""
    wanted = f"pass one of 1 to {problem.depth}{also}"
    if isinstance(layer, str):
        raise ValueError(f"layer is {layer!r}; {wanted}")
    number = positive_integer("layer", layer, minimum=0 if features else 1)
    if number > problem.depth:
        raise ValueError(f"layer is {number} at depth {problem.depth}; {wanted}")
    return number

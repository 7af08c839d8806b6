"""The objective of a relu network at one sample of each class, for a batch of networks of the same widths."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from optima.model import Array, DeepUFM
from optima.model.class_network import ClassNetwork
from optima.model.fit import Fit
from optima.reduction import mean_reg

# For the pre-activations of layer l: the activations and their derivative.
Gate = Callable[[Any, int], tuple[Any, Any]]


def relu(layer: Any, _: int) -> tuple[Any, Any]:
    """s(m) = max(m, 0) with s'(0) = 0."""
    return np.maximum(layer, 0.0), (layer > 0).astype(float)


class Objective:
    r"""The objective over class-level factors, all regs equal, the last layer eliminated for squared error.

    .. math::
        f = \tfrac{\lambda}{2}\Bigl(\sum_c \pi_c \bigl[(\tfrac1N X_L^T X_L + \lambda I)^{-1}\bigr]_{cc}
        + \sum_{l<L} \|W_l\|_F^2 + \|H\|_F^2\Bigr) \text{ (squared error)}, \qquad
        f = \sum_c \pi_c g_c(Z_{:c} / \sqrt{n_c}) + \tfrac{\lambda}{2}\Bigl(\sum_l \|W_l\|_F^2 + \|H\|_F^2\Bigr)

    with X_1 = H, X_{l+1} = s(W_l X_l), Z = W_L X_L, lambda the geometric mean of the regs, and column c of H times
    sqrt(n_c): relu is homogeneous, so all later columns are multiplied alike.

    A point is H (r, K), W_1 (d_2, r), ..., W_{L-1} (d_L, d_{L-1}) and for cross-entropy W_L (K, d_L), one after the
    other in a vector; ``widths`` is (r, d_2, ..., d_L). Values have shape (S,), points (S, D).

    Source: derivations/network_price.py; sukenik2024.
    """

    def __init__(self, problem: DeepUFM, widths: Sequence[int]) -> None:
        self.problem, self.widths = problem, tuple(widths)
        K = problem.classes
        ends = [*self.widths, K] if problem.loss == "ce" else list(self.widths)
        self.shapes = [(ends[0], K), *zip(ends[1:], ends[:-1], strict=True)]
        self.offsets = np.cumsum([0, *(rows * columns for rows, columns in self.shapes)])
        self.reg = mean_reg(problem)
        self.share = problem.class_sizes / problem.size

    @property
    def size(self) -> int:
        """D, the number of coordinates of a point."""
        return int(self.offsets[-1])

    @property
    def hidden(self) -> int:
        """Number of layers with relu, L - 1."""
        return len(self.widths) - 1

    @cached_property
    def growth(self) -> float:
        """n^(1/(2L+2)), by which every factor grows with the number n of samples of a class (their geometric mean)."""
        mean = math.exp(float(np.mean(np.log(self.problem.class_sizes))))
        return float(mean ** (1 / (2 * (self.problem.depth + 1))))

    @cached_property
    def units(self) -> Array:
        """Typical sizes of the entries of M_2, ..., M_L, shape (L - 1,)."""
        return np.asarray(self.growth ** np.arange(2.0, self.hidden + 2))

    @property
    def usual_length(self) -> float:
        """Typical length of a point: each factor of collapse has about the squared norm K n^(1/(L+1))."""
        return self.growth * math.sqrt(len(self.shapes) * self.problem.classes)

    @cached_property
    def _fit(self) -> Fit:
        return Fit(self.problem.loss, self.problem.classes, np.arange(self.problem.classes), self.share)

    def split(self, points: Any) -> list[Any]:
        """H, W_1, ..., each of shape (S, rows, columns)."""
        return [
            points[..., start:stop].reshape(*points.shape[:-1], *shape)
            for start, stop, shape in zip(self.offsets[:-1], self.offsets[1:], self.shapes, strict=True)
        ]

    def joined(self, parts: Sequence[Any]) -> Any:
        """The points of H, W_1, ...: the inverse of :meth:`split`."""
        return np.concatenate([part.reshape(*part.shape[:-2], -1) for part in parts], axis=-1)

    def log_value(self, points: Array, gate: Gate = relu) -> tuple[Array, Array]:
        """log f and its gradient: shapes (S,) and (S, D)."""
        value, gradient, _, _ = self.evaluate(points, gate)
        return np.log(value), gradient / value[:, None]

    def value(self, points: Array) -> Array:
        """f, shape (S,)."""
        return np.asarray(self.evaluate(points, relu)[0])

    def layers(self, points: Array, gate: Gate = relu) -> list[Array]:
        """Pre-activations M_2, ..., M_L."""
        return self._forward(self.split(points), gate)[0]

    def evaluate(self, points: Any, gate: Gate, added: Sequence[Any] = ()) -> tuple[Any, Any, list[Any], list[Any]]:
        """f, its gradient, M_2..M_L, and the slopes b of f in the activations of these layers.

        ``added`` are numbers nu (d_l, K) for each layer: then the gradient is that of f + sum nu * M. Points may be
        complex, for derivatives of the gradient by a complex step.
        """
        parts = self.split(points)
        layers, features, gates = self._forward(parts, gate)
        value, slope, last = self._end(parts, features[-1])
        value = value + self.reg / 2 * sum(np.sum(part * part, axis=(-2, -1)) for part in parts)
        gradients, slopes = list(last), []
        for index in range(self.hidden, 0, -1):
            slopes.append(slope)
            slope = slope * gates[index - 1] + (added[index - 1] if added else 0.0)
            gradients.append(slope @ _turned(features[index - 1]) + self.reg * parts[index])
            slope = _turned(parts[index]) @ slope
        gradients.append(slope + self.reg * parts[0])
        return value, self.joined(gradients[::-1]), layers, slopes[::-1]

    def _forward(self, parts: list[Any], gate: Gate) -> tuple[list[Any], list[Any], list[Any]]:
        """Pre-activations, features X_1..X_L, and derivatives of the activations."""
        layers, features, gates = [], [parts[0]], []
        for index in range(self.hidden):
            layers.append(parts[1 + index] @ features[-1])
            activations, derivative = gate(layers[-1], index)
            features.append(activations)
            gates.append(derivative)
        return layers, features, gates

    def _end(self, parts: list[Any], features: Any) -> tuple[Any, Any, list[Any]]:
        """What depends on the last features alone: value, slope in them, and the gradient in W_L where there is one."""
        if self.problem.loss == "mse":
            inverse = self._ridge_inverse(features)
            value = self.reg / 2 * np.sum(np.diagonal(inverse, axis1=-2, axis2=-1) * self.share, axis=-1)
            slope = -self.reg / self.problem.size * features @ (inverse * self.share @ inverse)
            return value, slope, []
        root = np.sqrt(self.problem.class_sizes)
        logits = parts[-1] @ features / root
        slope = self._fit.slope(logits) / root
        return self._fit.value(logits), _turned(parts[-1]) @ slope, [slope @ _turned(features) + self.reg * parts[-1]]

    def last_slope(self, point: Array, features: Array) -> Array:
        """lambda B of :func:`optima.relu.growth.grown` behind the last features: with W_L the slope in W_L X_L."""
        if self.problem.loss == "mse":
            inverse = self._ridge_inverse(features)
            return np.asarray(self.reg * np.sqrt(self.share / self.problem.size)[:, None] * inverse)
        root = np.sqrt(self.problem.class_sizes)
        return np.asarray(self._fit.slope(self.split(point)[-1] @ features / root) / root)

    def _ridge_inverse(self, features: Any) -> Any:
        gram = _turned(features) @ features / self.problem.size
        if np.iscomplexobj(gram):
            return np.linalg.inv(gram + self.reg * np.eye(self.problem.classes))
        # Rounding of large features may be larger than the regularisation.
        values, vectors = np.linalg.eigh(gram)
        return (vectors / (np.maximum(values, 0.0) + self.reg)[..., None, :]) @ _turned(vectors)

    def network(self, point: Array) -> ClassNetwork:
        """The network of a point, with the problem's own regs, sizes and last layer."""
        parts = self.split(point)
        features = self._forward(parts, relu)[1][-1]
        if self.problem.loss == "mse":
            # W_L = (Y / sqrt(n)) (X^T X / N + lam)^-1 X^T / N in the scaled columns.
            inverse = self._ridge_inverse(features)
            weight = (np.sqrt(self.problem.class_sizes)[:, None] * inverse) @ features.T / self.problem.size
            parts.append(weight)
        head, *weights = parts
        head = head / np.sqrt(self.problem.class_sizes)
        factors = [root * factor for root, factor in zip(self._roots, [*weights, head], strict=True)]
        return ClassNetwork(self.problem, tuple(factors))

    def point(self, network: ClassNetwork) -> Array:
        """The point of a network of these widths, with the best last layer for squared error."""
        *weights, head = [factor / root for root, factor in zip(self._roots, network.factors, strict=True)]
        parts = [head * np.sqrt(self.problem.class_sizes), *weights]
        return np.asarray(self.joined(parts[: len(self.shapes)]))

    @classmethod
    def of(cls, network: ClassNetwork) -> Objective:
        """The objective of networks of the widths of a given one."""
        return cls(network.problem, (len(network.factors[-1]), *(len(layer) for layer in network.layers[:-1])))

    @property
    def _roots(self) -> list[float]:
        """What the factors of the problem with its own regs are, in those of a point."""
        return [math.sqrt(self.reg / reg) for reg in self.problem.regs]


def _turned(matrix: Any) -> Any:
    return np.swapaxes(matrix, -1, -2)

"""Measures of arrays: features, weights and gradients of layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from optima.measures.layer import LayerStream
from optima.measures.result import Measures
from optima.measures.stream import MeasureStream
from optima.model import Array
from optima.model.fit import Fit
from optima.network.layout import numbers, whole_numbers


@dataclass(frozen=True)
class Layer:
    """Arrays of one layer: features (N, d) that enter W (m, d), and gradients (N, m) at its output of each sample."""

    features: Any
    weights: Any = None
    gradients: Any = None
    name: str = ""


def measure_arrays(
    layers: Sequence[Layer],
    labels: Any,
    logits: Any,
    regs: Sequence[float | None],
    loss: str,
    classes: int | None,
) -> Measures:
    """Measures of layers whose arrays are at hand. Raises ValueError on shapes that do not go together."""
    owner = whole_numbers(labels)
    count = classes or int(owner.max()) + 1
    if owner.min() < 0 or owner.max() >= count or count < 2:
        raise ValueError(f"labels run from {owner.min()} to {owner.max()}; pass classes 0 to K - 1 of at least two")
    streams: list[LayerStream] = []
    output: Array | None = None
    for index, layer in enumerate(layers, start=1):
        arrays = [_rows(f"{what} of layer {index}", value) for what, value in _arrays(layer)]
        features, weights, gradients = arrays
        assert features is not None
        _check(index, features, weights, gradients, owner.size)
        after = "" if output is None else _link(output, features)
        stream = LayerStream(layer.name or f"W_{index}", count, features.shape[1], weights, after)
        stream.add(features, owner, gradients)
        streams.append(stream)
        output = None if weights is None else features @ weights.T
    found = MeasureStream(count, streams)
    outputs = _rows("logits", logits)
    if outputs is not None:
        if outputs.shape != (owner.size, count):
            raise ValueError(f"logits have shape {outputs.shape}; pass shape {(owner.size, count)}, one row a sample")
        found.add(owner, outputs, Fit(loss, count, owner, np.ones(owner.size)).value(outputs.T))
        last = _rows("features", layers[-1].features)
        assert last is not None
        found.agree(last, outputs)
    return found.finished(regs, loss)


def _link(output: Array, features: Array) -> str:
    """How features come from the output of the layer before, which is without its bias here."""
    if output.shape != features.shape:
        return ""
    near = lambda other: np.allclose(features, other, rtol=1e-4, atol=1e-5 * np.abs(output).max())
    return "linear" if near(output) else "relu" if near(np.maximum(output, 0.0)) else ""


def _arrays(layer: Layer) -> list[tuple[str, Any]]:
    return [("features", layer.features), ("weights", layer.weights), ("gradients", layer.gradients)]


def _rows(name: str, values: Any) -> Array | None:
    if values is None:
        return None
    array = numbers(name, values)
    if array.ndim != 2:
        raise ValueError(f"{name} have shape {array.shape}; pass a matrix, one row a sample or neuron")
    return array


def _check(index: int, features: Array, weights: Array | None, gradients: Array | None, count: int) -> None:
    if len(features) != count:
        raise ValueError(
            f"layer {index} has {len(features)} rows of features for {count} labels; pass one row a sample"
        )
    if weights is not None and weights.shape[1] != features.shape[1]:
        raise ValueError(
            f"weights of layer {index} have shape {weights.shape} for features of {features.shape[1]} numbers; pass "
            "(m, d), one row a neuron"
        )
    if gradients is not None and (weights is None or gradients.shape != (count, len(weights))):
        raise ValueError(
            f"gradients of layer {index} have shape {gradients.shape}; pass weights (m, d) and gradients (N, m)"
        )

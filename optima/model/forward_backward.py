"""The layers of a network and the way back through them, for one set of parameters or a batch, in any array library."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# W_1, ..., W_L, H, each alone or with a leading axis over the runs.
Factors = list[Any]


def layers(factors: Factors, relu: Callable[[Any], Any] | None = None) -> Factors:
    """The features entering each weight matrix, then the logits; ``relu`` is applied between two weight matrices."""
    seen = [factors[-1]]
    for weight in factors[:-2]:
        layer = weight @ seen[-1]
        seen.append(layer if relu is None else relu(layer))
    return [*seen, factors[-2] @ seen[-1]]


def backpropagated(factors: Factors, layers: Factors, signal: Any, slope: Callable[[Any], Any] | None) -> Factors:
    """The gradient in every factor from that in the logits; ``slope`` is 1 where relu let a layer through, else 0."""
    gradients = []
    for index in range(len(factors) - 2, -1, -1):
        gradients.append(signal @ layers[index].mT)
        signal = factors[index].mT @ signal
        if slope is not None and index > 0:
            # A product with zeros and ones: a branch for each entry, as in ``where``, costs several times as much.
            signal *= slope(layers[index])
    return [*gradients[::-1], signal]

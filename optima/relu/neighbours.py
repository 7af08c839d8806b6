"""Starts from the networks of neighbouring problems: a layer more or less idle, a class more or less."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from optima.model import Array

# Pre-activations M_2, ..., M_L of a network, one column for each class.
Chain = Sequence[Array]


def with_idle_layer(chain: Chain) -> Iterator[list[Array]]:
    """One hidden layer more, which copies the features before it: after each of the hidden layers."""
    for place in range(1, len(chain) + 1):
        yield [*chain[:place], np.maximum(chain[place - 1], 0.0), *chain[place:]]


def without_class(chain: Chain) -> Iterator[list[Array]]:
    """One class less: each of them."""
    for number in range(chain[0].shape[1]):
        yield [np.delete(layer, number, axis=1) for layer in chain]


def with_collapsed_class(chain: Chain) -> list[Array]:
    """One class more, with a neuron of its own in every layer, as in deep neural collapse."""
    more = []
    for layer in chain:
        grown = np.zeros((len(layer) + 1, layer.shape[1] + 1))
        grown[:-1, :-1] = layer
        grown[-1, -1] = np.sqrt(np.mean(np.sum(np.maximum(layer, 0.0) ** 2, axis=0)))
        more.append(grown)
    return more

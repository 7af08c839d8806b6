"""What the page shows of a relu network: its layers, and what a named one is."""

from __future__ import annotations

from typing import Any

import numpy as np

from optima.model.class_network import ClassNetwork
from optima.plot.network import class_order_of, neuron_order
from optima.structures import all_families

# Significant digits of the layers, which are there to be looked at.
DIGITS = 4
# Size, relative to the largest entry of a layer, of one that is zero up to rounding.
ZERO = 1e-9


def layers_of(network: ClassNetwork) -> dict[str, Any]:
    """Pre-activations M_2, ..., M_L and logits Z, their ranks, and the order of classes.

    Neurons are in the order in which they are drawn; ``ranks`` are those of M_l and of its features.
    """
    classes = class_order_of(network)
    *hidden, logits = network.layers
    shown = [layer[neuron_order(layer[:, classes])] for layer in hidden]
    ranks = zip(network.ranks, network.feature_ranks, strict=False)
    return {
        "layers": [_rounded(layer) for layer in (*shown, logits)],
        "ranks": [list(pair) for pair in ranks],
        "order": classes.tolist(),
    }


def network_words(name: str, classes: int) -> str:
    """What a named network is; nothing for one without a name."""
    return next((family.summary for family in all_families("relu") if family.find(name, classes) is not None), "")


def _rounded(layer: np.ndarray) -> list[list[float]]:
    largest = float(np.abs(layer).max(initial=0.0))
    kept = np.where(np.abs(layer) <= ZERO * largest, 0.0, layer)
    return [[float(f"{value:.{DIGITS}g}") for value in row] for row in kept]

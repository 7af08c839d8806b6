"""What relu networks of others are called: from all their factors, or from logits alone."""

from __future__ import annotations

from typing import Any

from optima.model import Array, DeepUFM
from optima.network.factors import ClassFactors
from optima.relu.names import known_networks, recognise_network
from optima.relu.nearest import Placed, nearest_by_logits, recognise_logits, rivals_of
from optima.structures.recognition.result import Recognition

# Logits hardly depend on the depth and on a small regularisation, and on neither once they are scaled.
DEPTH, REG = 4, 1e-6


def recognise_factors(factors: ClassFactors, loss: str, tolerance: float) -> Recognition:
    """The named network whose features have the same singular values, layer by layer; ``rank`` is the middle rank.

    Raises ValueError with one weight matrix, where there is no hidden layer.
    """
    K = len(factors.logits)
    if factors.depth < 2:
        raise ValueError("a network of one weight matrix has no hidden layer; pass two weight matrices or more, and H")
    samples: Any = 1 if factors.sizes is None else tuple(factors.sizes.tolist())
    problem = DeepUFM(K, factors.depth, REG, samples, None, loss, "relu")
    return recognise_network(factors.network(problem), known_networks(problem), tolerance, tolerance)


def recognise_relu_logits(means: Array, loss: str, tolerance: float) -> Recognition:
    """The named network whose class-mean logits are nearest, up to relabelling and scale."""
    problem = DeepUFM(len(means), DEPTH, REG, loss=loss, activation="relu")
    near = nearest_by_logits([Placed(rival, means) for rival in rivals_of(problem)])
    return recognise_logits(problem, means, near, tolerance)

"""What a chain of hidden layers costs, by exact linear algebra."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from optima.model import Array

# Singular values below this times the largest are taken for zero.
NOISE = 1e-11
# Relative size of what a weight matrix may leave unreached, above which it cannot make the next layer.
UNREACHED = 1e-8


@dataclass(frozen=True)
class ChainPrice:
    """Least squared norms of the factors of a network with given layers, all at the scale of these layers.

    ``nuclear`` is ||M_2||_*, the squared norm of H and of W_1 alike, ``weights`` those of W_2, ..., W_{L-1},
    ``output`` that of W_L (None where no logits are given) and ``spectrum`` the singular values of X_L, descending.
    """

    nuclear: float
    weights: tuple[float, ...]
    output: float | None
    spectrum: tuple[float, ...]

    @cached_property
    def price(self) -> float:
        """rho = (||M_2||_*^2 ||W_2||^2 ... ||W_L||^2)^(1/(L+1)); without logits q, of L factors: the power is 1/L."""
        norms = [self.nuclear, self.nuclear, *self.weights]
        norms += [] if self.output is None else [self.output]
        if not all(norms):
            return 0.0
        return math.exp(math.fsum(map(math.log, norms)) / len(norms))


def chain_price(preactivations: Sequence[Array], direction: Array | None = None) -> ChainPrice:
    r"""The least cost of a relu network with the given layers before the activation, up to the scales of its factors.

    .. math::
        \rho = \Bigl(\|M_2\|_*^2 \prod_{l=2}^{L-1} \|M_{l+1} X_l^+\|_F^2\; \|Z X_L^+\|_F^2\Bigr)^{1/(L+1)},
        \qquad X_l = \max(M_l, 0)

    Parameters
    ----------
    preactivations
        M_2, ..., M_L, of shapes (d_l, K): what L - 1 weight matrices make of the features, one column a class.
    direction
        Logits Z of shape (m, K), or None for squared error, where the last weight matrix is the best one for X_L.

    Raises ValueError where a layer is not a linear image of the one before it.
    Source: derivations/network_price.py.
    """
    layers = [np.maximum(M, 0.0) for M in preactivations]
    wanted = [*preactivations[1:], *([] if direction is None else [direction])]
    norms = [float(np.sum(weight(after, X) ** 2)) for X, after in zip(layers, wanted, strict=False)]
    nuclear = float(np.sum(np.linalg.svd(preactivations[0], compute_uv=False)))
    spectrum = np.linalg.svd(layers[-1], compute_uv=False)
    output = None if direction is None else norms.pop()
    return ChainPrice(nuclear, tuple(norms), output, tuple(spectrum.tolist()))


def weight(after: Array, before: Array) -> Array:
    """The least W with W X = M: M X^+, of shape (d, d'). Raises ValueError where there is none."""
    W = after @ np.linalg.pinv(before, rcond=NOISE)
    if np.linalg.norm(W @ before - after) > UNREACHED * np.linalg.norm(after):
        raise ValueError("a layer is not a linear image of the one before; pass layers that a network can have")
    return np.asarray(W)


def weights(layers: Sequence[Array]) -> list[Array]:
    """The least W_2, ..., W_{L-1} of a chain M_2, ..., M_L."""
    return [weight(after, np.maximum(before, 0.0)) for before, after in pairwise(layers)]

"""Deep neural collapse in a relu network."""

from __future__ import annotations

import numpy as np

from optima.model import Array
from optima.structures.base import Block, single
from optima.structures.networks.base import Costs, OneBlock
from optima.structures.networks.numbers import number
from optima.structures.simplex import centred_identity, simplex_blocks


class Collapse(OneBlock):
    r"""M_2 = ... = M_L = I, with logits of the simplex under cross-entropy: deep neural collapse.

    .. math:: \rho^{L+1} = K^L (K - 1), \qquad q = K, \quad \mu_i = 1

    Every layer of features is an orthogonal frame, of rank K; only the last weight matrix has rank K - 1. The price
    of the targets of squared error is K, as in the linear model. Source: derivations/network_price.py.
    """

    name = "collapse"
    least_depth = 2
    losses: tuple[str, ...] = ("ce", "mse")

    def stem(self) -> Array:
        """I."""
        return np.eye(self.classes)

    def costs(self, exact: bool = False) -> Costs:
        """Frames in every layer, and I - J/K after the last."""
        K, one = number(self.classes, exact), number(1, exact)
        return Costs(K, K, one, K - 1, ((one, self.classes),))

    def logits(self, exact: bool = False) -> Block:
        """Those of the simplex."""
        return simplex_blocks(self.classes)[0]

    def direction(self, exact: bool = False) -> np.ndarray:
        """I - J/K."""
        return centred_identity(self.classes, exact)


family = single(Collapse, "deep neural collapse: an orthogonal frame in every layer", lambda classes: True)

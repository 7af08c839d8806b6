"""Deep neural collapse in a relu network."""

from __future__ import annotations

import numpy as np

from optima.model import Array
from optima.structures.base import single
from optima.structures.networks.base import Costs, Separating
from optima.structures.networks.numbers import number


class Collapse(Separating):
    r"""M_2 = ... = M_L = I, with logits of the simplex under cross-entropy: deep neural collapse.

    .. math:: \rho^{L+1} = K^L (K - 1), \qquad q = K, \quad \mu_i = 1

    Every layer of features is an orthogonal frame, of rank K; only the last weight matrix has rank K - 1. The price
    of the targets of squared error is K, as in the linear model. Source: derivations/network_price.py.
    """

    name = "collapse"
    least_depth = 2

    def stem(self) -> Array:
        """I."""
        return np.eye(self.classes)

    def all_costs(self, exact: bool = False) -> Costs:
        """Frames in every layer, and after the last."""
        K, one = number(self.classes, exact), number(1, exact)
        return Costs(K, K, one, K, ((one, self.classes),), one)


family = single(Collapse, "deep neural collapse: an orthogonal frame in every layer", lambda classes: True)

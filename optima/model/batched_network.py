"""Objective and gradient of the model for a batch of runs, in any array library."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from optima.model.arrays import Backend
from optima.model.forward_backward import Factors, backpropagated, layers
from optima.model.problem import DeepUFM


class Network:
    r"""g(Z) and its gradient in every factor for R runs at once.

    .. math::
        F(W_1..W_L, H) = g(Z) + \sum_l \tfrac{\lambda_l}{2} \|W_l\|_F^2 + \tfrac{\lambda_H}{2} \|H\|_F^2

    Factors have shapes (R, d, d), ..., (R, K, d), (R, d, N) and the normalisation of :class:`optima.DeepUFM`,
    whose ``objective`` and ``gradient`` these are, run by run. For the linear model products are taken from
    the output side, A_l = W_L ... W_l of shape (K, d): the gradient in W_l is A_{l+1}^T (dg/dZ H^T W_1^T ...
    W_{l-1}^T), so nothing wider than (K, d) is multiplied with a weight matrix.
    """

    def __init__(self, problem: DeepUFM, backend: Backend) -> None:
        self.problem = problem
        self.xp = backend.xp
        self.fit = problem.data_fit(backend)
        self.relu = self.slope = None
        if problem.activation == "relu":
            zero = backend.put(np.zeros(()))
            self.relu = lambda layer: self.xp.maximum(layer, zero)
            self.slope = lambda layer: self.xp.astype(layer > 0, layer.dtype)

    def logits(self, factors: Factors) -> Any:
        """Z, shape (R, K, N)."""
        return layers(factors, self.relu)[-1] if self.relu else self._heads(factors)[0] @ factors[-1]

    def data_loss(self, logits: Any) -> Any:
        """g(Z) of each run, shape (R,)."""
        return self.fit.value(logits)

    def data_gradients(self, factors: Factors, scale: Any = 1.0) -> Factors:
        """``scale`` times the gradient of g(Z) in each factor (relu'(0) = 0)."""
        if self.relu:
            seen = layers(factors, self.relu)
            return backpropagated(factors, seen, self.fit.slope(seen[-1], scale), self.slope)
        heads = self._heads(factors)
        features = factors[-1]
        signal = self.fit.slope(heads[0] @ features, scale)
        gradients = []
        left = signal @ features.mT
        for weight, head in zip(factors[:-2], heads[1:], strict=True):
            gradients.append(head.mT @ left)
            left = left @ weight.mT
        return [*gradients, left, heads[0].mT @ signal]

    def _heads(self, factors: Factors) -> Factors:
        """A_l = W_L ... W_l for l = 1, ..., L, each of shape (R, K, d)."""
        heads = [factors[-2]]
        for weight in reversed(factors[:-2]):
            heads.append(heads[-1] @ weight)
        return heads[::-1]


def squared_norms(xp: Any, factors: Factors) -> list[Any]:
    """||W_1||_F^2, ..., ||W_L||_F^2, ||H||_F^2 of each run, shapes (R,)."""
    return [xp.sum(factor * factor, axis=(-2, -1)) for factor in factors]


def penalty(xp: Any, factors: Factors, regs: Sequence[Any]) -> Any:
    """sum_l (lam_l / 2) ||W_l||_F^2 of each run, shape (R,); ``regs`` are of shape (R, 1, 1)."""
    norms = squared_norms(xp, factors)
    return sum(reg[:, 0, 0] / 2 * norm for reg, norm in zip(regs, norms, strict=True))

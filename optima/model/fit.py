"""The fit of logits, cross-entropy or squared error: value, slope and curvature with all digits, however small."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from optima.model.arrays import Array, Backend


class Fit:
    r"""sum_i w_i g_i(z_i) over the columns z_i of logits (..., K, N), one value for each matrix of a batch.

    .. math:: g_i(z) = \log\Bigl(1 + \sum_{j \ne y_i} e^{z_j - z_{y_i}}\Bigr)\ \text{(ce)}, \qquad
        g_i(z) = \tfrac12 \|z - e_{y_i}\|^2\ \text{(mse)}

    ``labels`` y and ``weight`` w have shape (N,). Arrays are those of ``backend``, numpy where there is none.
    """

    def __init__(
        self, loss: str, classes: int, labels: NDArray[np.int64], weight: Array, backend: Backend | None = None
    ) -> None:
        put = np.asarray if backend is None else backend.put
        one_hot = np.equal.outer(np.arange(classes), labels).astype(float)
        self.loss, self.backend = loss, backend
        self.one_hot, self.rivals = put(one_hot), put(1.0 - one_hot)
        self.row, self.column = put(weight[None, :]), put(weight[:, None])
        # Sums over classes are products with ones: reductions over an axis that is not the last are slow in numpy.
        self.ones = put(np.ones((1, classes)))

    @property
    def _xp(self) -> Any:
        return np if self.backend is None else self.backend.xp

    def value(self, logits: Any) -> Any:
        """The fit, shape (...)."""
        xp = self._xp
        if self.loss == "mse":
            residual = logits - self.one_hot
            return self._weighted(residual * residual) / 2
        lead = logits - xp.sum(logits * self.one_hot, axis=-2, keepdims=True)
        top = xp.max(lead, axis=-2, keepdims=True)
        others = self.ones @ (xp.exp(lead - top) * self.rivals)
        # Where the label leads top is 0, and the logarithm of one plus the rivals keeps its digits.
        return self._weighted(top + xp.log1p(xp.expm1(-top) + others))

    def slope(self, logits: Any, scale: Any = 1.0) -> Any:
        """Its gradient, w (softmax(z) - e_y) or w (z - e_y) in each column, shape (..., K, N).

        It is multiplied by ``scale``, a number or an array that broadcasts to (..., 1, N).
        """
        if self.loss == "mse":
            return (logits - self.one_hot) * (self.row * scale)
        slope = self._softmax(logits, self.row * scale)
        # The slope at the label is minus the sum of the others: softmax - 1 would cancel.
        slope *= self.rivals
        slope -= self.one_hot * (self.ones @ slope)
        return slope

    def curvature(self, logits: Any, direction: Any) -> Any:
        """Derivative of the slope along a direction v: w (diag(q) - q q^T) v with q = softmax(z), or w v.

        Logits and directions may be batches that broadcast; shape (..., K, N).
        """
        if self.loss == "mse":
            return direction * self.row
        share = self._softmax(logits, 1.0)
        # Relative to the own class, so that nothing cancels when the shares of the rivals are tiny.
        moved = direction - self.ones @ (direction * self.one_hot)
        return share * (moved - self.ones @ (share * moved)) * self.row

    def _softmax(self, logits: Any, scale: Any) -> Any:
        shares = self._xp.exp(logits - self._xp.max(logits, axis=-2, keepdims=True))
        shares *= scale / (self.ones @ shares)
        return shares

    def _weighted(self, terms: Any) -> Any:
        """sum_i w_i of the sums of the columns of terms (..., K or 1, N)."""
        return self._xp.sum(terms @ self.column, axis=(-2, -1))

"""The deep linear network on given data, in the limit of vanishing regularisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from optima.model import Array
from optima.model.content import Content
from optima.model.inputs import positive_integer
from optima.network.layout import numbers, whole_numbers


@dataclass(frozen=True, eq=False)
class LinearNetwork(Content):
    """Singular values of each of the L weight matrices, those of their product, and ||Y X^+ X - Y|| / ||Y||."""

    depth: int
    layer: Array
    product: Array
    residual: float

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "depth": self.depth,
            "layer": self.layer.tolist(),
            "product": self.product.tolist(),
            "residual": self.residual,
        }

    def __repr__(self) -> str:
        return f"<LinearNetwork L={self.depth}: rank {self.layer.size}, residual {self.residual:.3g}>"


def linear_network(inputs: Any, labels: Any, depth: int) -> LinearNetwork:
    r"""Weights of the linear network W_L ... W_1 on data X with squared error, as lambda -> 0.

    .. math::
        \min \sum_l \|W_l\|_F^2 \;\text{ with }\; W_L \cdots W_1 X = Y X^+ X \quad\Longrightarrow\quad
        s_i(W_l) = s_i(Y X^+)^{1/L}

    for wide enough layers and no biases: of all products with these outputs P = Y X^+ has the least singular values.
    Y is one-hot; where the data cannot be interpolated the outputs are those of least squares, and ``residual`` is
    what is left.

    Parameters: inputs (N, d), a row a sample; labels (N,), the class of each.
    Raises ValueError on other shapes. Source: derivations/forecast.py.
    """
    depth = positive_integer("depth", depth)
    rows, owner = numbers("inputs", inputs), whole_numbers(labels)
    if rows.ndim != 2 or len(rows) != owner.size:
        raise ValueError(f"inputs have shape {rows.shape} for {owner.size} labels; pass one row for each sample")
    if owner.min() < 0:
        raise ValueError("labels are negative; pass the class of each sample as a number from 0 on")
    targets = np.eye(int(owner.max()) + 1)[owner]
    product = np.linalg.pinv(rows) @ targets
    left = float(np.linalg.norm(rows @ product - targets) / np.linalg.norm(targets))
    every = np.linalg.svd(product, compute_uv=False)
    s: Array = np.asarray(every[every > max(product.shape) * np.finfo(float).eps * every[0]], dtype=float)
    return LinearNetwork(depth, s ** (1 / depth), s, left)

r"""Lower bounds of the loss on boxes of four classes near matrices of rank one, whatever their directions.

Logits along one direction leave all classes but two with a rival that is no lower. Logits across it, of Frobenius norm
S with a class's sample counted nu_c, lower that rival by sqrt 2 times the class's part, so that by Jensen's inequality

.. math:: f \ge c \sum_i t_i + \min_{a < b} W_{ab}
    \log\Bigl(1 + \mu \exp\bigl(-\tfrac{S}{W_{ab}} \sqrt{2 (Q - w_a^2 / \nu_a - w_b^2 / \nu_b)}\bigr)\Bigr), \qquad
    S^2 = t_2^{L+1} + t_3^{L+1},

W_ab = 1 - w_a - w_b and Q the sum of all w^2 / nu. Source: derivations/near_lines.py.
"""

from __future__ import annotations

import numpy as np

from optima.checker.boxes import Boxes
from optima.checker.instance import Instance
from optima.model import Array


def line_bounds(instance: Instance, boxes: Boxes) -> Array:
    """Bounds (N,) of boxes, inf where they are empty."""
    size = np.sqrt(np.sum(boxes.high[:, 1:3] ** (instance.depth + 1), axis=1))
    weight = np.array(instance.weight, dtype=float)
    square = weight**2 / np.array(instance.count, dtype=float)
    first, second = np.triu_indices(weight.size, 1)
    left = weight.sum() - weight[first] - weight[second]
    rest = np.maximum(square.sum() - square[first] - square[second], 0.0)
    exponent = -np.sqrt(2 * rest) / left * size[:, None]
    fit = np.min(left * np.log1p(float(instance.rivals) * np.exp(exponent)), axis=1)
    return np.where(boxes.empty, np.inf, float(instance.strength) * boxes.spent + fit)

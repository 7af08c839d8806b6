r"""A lower bound of the fit near logits of rank one, which separate two classes at the most.

With u a direction, e_c the part of y_c across it and v = U u, every class but one of the largest and one of the least v
has a rival that gains whichever way y_c goes along u, so that for sum_c nu_c |e_c|^2 <= S^2

.. math:: \operatorname{fit} \ge \min_{a \ne b} W \log\bigl(1 + \mu\, e^{-\sqrt{2 Q}\, S / W}\bigr), \qquad
    W = \sum_{c \ne a, b} w_c, \quad Q = \sum_{c \ne a, b} w_c^2 / \nu_c .

Nothing here depends on the direction, or on how large logits along it are. Source: derivations/near_lines.py.
"""

from __future__ import annotations

import itertools

import numpy as np

from optima.model import Array
from optima.proofs.form import ConvexConcave


def fit_near_lines(form: ConvexConcave, across: Array) -> Array:
    """Lower bounds (N,) of the fit of matrices whose eigenvalues but the first have the sums ``across`` (N,)."""
    size = np.sqrt(across)
    weight, count = np.asarray(form.weight), np.asarray(form.count)
    least = np.full(size.shape, np.inf)
    for others in itertools.combinations(range(form.classes), form.classes - 2):
        w, nu = weight[list(others)], count[list(others)]
        rate = np.sqrt(2 * np.sum(w**2 / nu)) / w.sum()
        least = np.minimum(least, w.sum() * np.log1p(form.rivals * np.exp(-rate * size)))
    return least

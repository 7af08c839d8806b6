r"""The convex case L = 1: a point of the dual, from shares q_c of the classes (Gibbs' variational principle).

.. math:: \operatorname{fit}(Z) \ge \sum_c w_c H(q_c) + \langle \Gamma, Z\sqrt{n}\rangle, \qquad
    \Gamma_c = w_c (q_c - e_c) / \sqrt{n_c},

and the last term is at least -c ||Z sqrt(n)||_* when the spectral norm of Gamma is at most c.
Source: derivations/depth_one.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from optima.checker.arithmetic import Numbers
from optima.checker.instance import loss_strength
from optima.checker.scalar_bounds import entropy
from optima.checker.verification import Refuted
from optima.model import Array, DeepUFM

# Relative room between the spectral norm of Gamma and c, so that it can be certified.
ROOM = 2e-15


def depth_one(problem: DeepUFM, slope: Array, numbers: Numbers) -> float:
    """Lower bound from the gradient (K, K) of the fit in the class-mean logits, near a minimum."""
    K, sizes = problem.classes, problem.class_sizes
    if problem.depth != 1 or problem.loss != "ce":
        raise Refuted("this proof is for cross-entropy with depth 1")
    if slope.shape != (K, K) or not np.isfinite(slope).all():
        raise Refuted(f"the gradient has not K x K = {K} x {K} finite entries")
    # Shares of the rivals; those of the own class are what remains.
    share = np.maximum(slope * (sizes.sum() / sizes), 0.0)
    share[np.eye(K, dtype=bool)] = 0.0
    share /= np.maximum(share.sum(axis=0) * (1 + ROOM), 1.0)
    gradient = (share - np.diag(share.sum(axis=0))) * (sizes / sizes.sum()) / np.sqrt(sizes)
    strength = loss_strength(problem, numbers)
    norm = float(np.linalg.norm(gradient, 2))
    scale = min(1.0, numbers.low(strength) / (norm * (1 + ROOM))) if norm else 1.0
    shares = [[numbers.number(float(q)) * numbers.number(scale) for q in column] for column in share.T]
    if numbers.rigorous:
        _certify_norm(shares, problem, strength, numbers)
    bound = numbers.number(0)
    for size, column in zip(sizes, shares, strict=True):
        bound = bound + numbers.ratio(int(size), int(sizes.sum())) * entropy(column, numbers.ratio(1, 1), numbers)
    return numbers.low(bound)


def _certify_norm(shares: list[list[Any]], problem: DeepUFM, strength: Any, numbers: Numbers) -> None:
    """That c^2 - Gamma Gamma^T is positive definite, by its pivots."""
    total = problem.size
    columns = []
    for c, size in enumerate(problem.class_sizes):
        own = numbers.number(0)
        for q in shares[c]:
            own = own - q
        column = [own if j == c else q for j, q in enumerate(shares[c])]
        factor = numbers.power(numbers.number(int(size)), numbers.ratio(1, 2)) / total
        columns.append([factor * q for q in column])
    K = len(columns)
    matrix = [
        [(strength * strength if i == j else numbers.number(0)) - sum(x[i] * x[j] for x in columns) for j in range(K)]
        for i in range(K)
    ]
    for i in range(K):
        if not matrix[i][i] > 0:
            raise Refuted("the spectral norm of the gradient exceeds the regularisation")
        for row in range(i + 1, K):
            factor = matrix[row][i] / matrix[i][i]
            matrix[row] = [x - factor * y for x, y in zip(matrix[row], matrix[i], strict=True)]

"""What cross-entropy of classes of one size costs in relu networks, by the two largest directions of the logits."""

from __future__ import annotations

import numpy as np

from optima.model import Array, DeepUFM
from optima.reduction import exponent, mean_reg

# Relative distance between the bounds at which the subdivision ends; parts it begins with, and its most rounds.
CLOSE, PARTS, ROUNDS = 1e-8, 400, 60


def entropy_bound(problem: DeepUFM) -> float:
    r"""A lower bound of the loss of all relu networks, for balanced classes and cross-entropy.

    .. math:: f \ge \min_{0 \le y \le \log K} y + c \max\bigl(S_y^p,\ 2^{1-p} h(S_y, T_y)^p\bigr), \qquad
        S_y = (K-1) \log\tfrac{K-1}{e^y - 1}, \quad
        T_y = \tfrac{K-2}{\sqrt{K-1}} \log\frac1{e^{K y / (K-2)} - 1}

    where logits with a fit of at most y have singular values whose sum is at least S_y, and at least T_y without the
    largest; T_y counts as zero where it is negative. h(S, T) is S, or 2 sqrt(T (S - T)) where 2 T < S. The minimum is
    taken over parts of y, up to 1e-7.

    Source: derivations/network_rank_two.py, section 6.
    """
    strength = (problem.depth + 1) / 2 * mean_reg(problem)
    strength *= float(problem.class_sizes[0]) ** (1 / (problem.depth + 1))
    zero = float(np.log(problem.classes))
    edges = np.concatenate([[0.0], np.geomspace(1e-12 * zero, zero, PARTS)])
    low, high = edges[:-1], edges[1:]
    for _ in range(ROUNDS):
        paid = strength * least_price(problem, high)
        best = float(np.min(high + paid))
        wide = low + paid < best * (1 - CLOSE)
        if not wide.any():
            break
        middle = 0.5 * (low[wide] + high[wide])
        low, high = (
            np.concatenate([low[~wide], low[wide], middle]),
            np.concatenate([high[~wide], middle, high[wide]]),
        )
    return best * (1 - 10 * CLOSE)


def least_price(problem: DeepUFM, fit: Array) -> Array:
    """The factor of c above at fits y > 0, an array of the same shape."""
    K, p = problem.classes, float(exponent(problem.depth))
    whole = np.maximum((K - 1) * (np.log(K - 1) - np.log(np.expm1(fit))), 0.0)
    rest = np.zeros_like(fit)
    if K > 2:
        rest = np.maximum(-(K - 2) / np.sqrt(K - 1) * np.log(np.expm1(K * fit / (K - 2))), 0.0)
    h = np.where(2 * rest < whole, 2 * np.sqrt(rest * np.maximum(whole - rest, 0.0)), whole)
    return np.asarray(np.maximum(whole**p, 2 ** (1 - p) * h**p))

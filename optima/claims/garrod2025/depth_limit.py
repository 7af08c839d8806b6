"""Bounds on the global minimum that decide its limit as the depth grows, for any class sizes."""

from __future__ import annotations

import numpy as np

from optima.claims.garrod2025.scaled_matrix import Line
from optima.model import Array


def least_rank(classes: int) -> int:
    """q_K, the smallest rank of a diagonally superior matrix: 1 for K = 2 and 2 for K >= 3.

    Source: derivations/minimal_rank.py.
    """
    return 1 if classes == 2 else 2


def polygon(classes: int) -> Array:
    """A diagonally superior matrix of the least rank: cos(2 pi (i-j)/K), for K = 2 [[1, -1], [-1, 1]]."""
    index = np.arange(classes)
    return np.cos(2 * np.pi * (index[:, None] - index) / classes)


def zero_reg(classes: int, depth: int) -> float:
    """2 log K / (L + 1): from this lambda on zero is the global minimum, whatever the class sizes.

    If some s_i > 1 the penalty alone exceeds c >= log K; otherwise s_i^p >= s_i and the fit falls at most by
    (sqrt(n_max) / N) sum s_i <= sum s_i / 2. Source: derivations/depth_limit.py.
    """
    return 2 * float(np.log(classes)) / (depth + 1)


def least_top_value(sizes: tuple[int, ...], value: float) -> float:
    """Lower bound of s_1(Z) where the fit is at most ``value``: N log((K-1)/(e^V - 1)) / (K sqrt(n_max)).

    From Jensen's inequality, g >= log(1 + (K-1) e^{-m}), m <= K sqrt(n_max) s_1 / N.
    """
    K, N = len(sizes), sum(sizes)
    return N / (K * np.sqrt(max(sizes))) * float(np.log((K - 1) / np.expm1(value)))


def separates(sizes: tuple[int, ...], value: float) -> float:
    """Positive where a global minimum of loss at most ``value`` is diagonally superior: 1 - V N / (n_min log 2).

    A class whose loss is below log 2 beats all its rivals together.
    """
    return 1 - value * sum(sizes) / (min(sizes) * float(np.log(2)))


def tail_bound(sizes: tuple[int, ...], depth: int, reg: float) -> tuple[float, float]:
    """Upper bounds from the loss V of the polygon: (V, b) with (s_{q+1}/s_1)^p <= b at every global minimum.

    c sum s_i^p <= V and t_i = (s_i/s_1)^p give 1 + q t_{q+1} <= V / (c s_1^p).
    """
    K = len(sizes)
    q, p = least_rank(K), 2 / (depth + 1)
    value = float(Line(polygon(K), sizes).minimum(depth, np.array([reg]))[0][0])
    if value >= np.log(K) * (1 - 1e-12):
        return value, np.inf
    top = least_top_value(sizes, value)
    if top <= 0:
        return value, np.inf
    return value, (value / ((depth + 1) / 2 * reg * top**p) - 1) / q

"""Factors of a named network at a scale, as the model takes them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from optima.model import Array, DeepUFM
from optima.model.class_network import ClassNetwork
from optima.reduction import halves
from optima.structures.networks.base import NamedNetwork, direct_sum
from optima.structures.networks.chain import NOISE, weight, weights


def network_factors(
    problem: DeepUFM, preactivations: Sequence[Array], scale: float, direction: Array | None = None
) -> list[Array]:
    r"""Balanced factors (W_1, ..., W_L, H) of the given layers, with one column of H for each class.

    .. math:: \lambda_1 \|W_1\|_F^2 = \dots = \lambda_L \|W_L\|_F^2 = n \lambda_H \|H\|_F^2

    and the logits ``scale`` times the direction; without one W_L is the best for squared error,
    (X_L^T X_L + lam_L K)^{-1} X_L^T, the others are balanced, and X_L is sqrt(scale lam_L K) times what is given: for
    both losses ``scale`` is that of :func:`optima.best_scales`.

    Parameters
    ----------
    problem
        A relu model with classes of one size n; the chain may carry fewer classes, as a block of it.
    preactivations
        M_2, ..., M_L, of shapes (d_l, k).
    direction
        Logits of shape (k, k), or None.

    W_1 is of shape (d_2, r), H of shape (r, k) with r the rank of M_2.

    Raises ValueError where a layer is not an image of the one before, the model is linear, of another depth or not
    balanced.
    Source: derivations/network_price.py.
    """
    if len(preactivations) != problem.depth - 1:
        raise ValueError(f"got {len(preactivations)} layers for depth {problem.depth}; pass {problem.depth - 1}")
    if problem.activation != "relu":
        raise ValueError("named networks are those of relu models; pass activation='relu'")
    if not problem.balanced:
        raise ValueError("named networks need classes of equal size; pass one number of samples")
    parts = [*halves(preactivations[0], NOISE), *weights(preactivations)]
    last = np.maximum(preactivations[-1], 0.0)
    *regs, reg_of_features = problem.regs
    regs = [regs[0], int(problem.class_sizes[0]) * reg_of_features, *regs[1:]]
    if direction is None:
        s = math.sqrt(scale * problem.regs[problem.depth - 1] * problem.classes)
        first, features, *middle = _balanced(parts, regs[:-1], s)
        return [first, *middle, _ridge(s * last, problem), features]
    first, features, *later = _balanced([*parts, weight(direction, last)], regs, scale)
    return [first, *later, features]


def _balanced(factors: Sequence[Array], regs: Sequence[float], scale: float) -> list[Array]:
    """The factors times numbers whose product is the scale, so that regularisation times squared norm is the same."""
    if scale == 0:
        return [0.0 * factor for factor in factors]
    costs = [reg * float(np.sum(factor**2)) for reg, factor in zip(regs, factors, strict=True)]
    log_cost = (2 * math.log(scale) + math.fsum(map(math.log, costs))) / len(costs)
    return [math.exp((log_cost - math.log(c)) / 2) * factor for c, factor in zip(costs, factors, strict=True)]


def _ridge(last: Array, problem: DeepUFM) -> Array:
    """The best W_L for the last hidden layer, shape (k, d)."""
    reg = problem.regs[problem.depth - 1] * problem.classes
    U, s, V = np.linalg.svd(last, full_matrices=False)
    return np.asarray((V.T * (s / (s**2 + reg))) @ U.T)


def at_scales(problem: DeepUFM, network: NamedNetwork, scales: Sequence[float]) -> ClassNetwork:
    """A named network at the scales of its blocks; its loss there is that of :func:`optima.best_scales`.

    Raises ValueError below the least depth, and for a model that is narrower than the network.
    """
    if problem.width is not None and network.width > problem.width:
        raise ValueError(
            f"width {problem.width} cannot carry a layer of {network.width} neurons; pass a width of at least that"
        )
    chains, scales = network.chains(problem.depth), network.chain_scales(scales)
    directions: Sequence[Array | None] = network.directions()
    if problem.loss == "mse" and all(block.ridge is not None for block in network.blocks()):
        directions = [None] * len(chains)
    blocks = [
        network_factors(problem, chain, scale, direction)
        for chain, scale, direction in zip(chains, scales, directions, strict=True)
    ]
    return ClassNetwork(problem, tuple(direct_sum(parts) for parts in zip(*blocks, strict=True)))

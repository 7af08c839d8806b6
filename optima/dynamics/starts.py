"""Starts of flows: values in characters, and Gaussian logits."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from optima.dynamics.collapse_chance import basis
from optima.limits import check_flow
from optima.model import Array, DeepUFM
from optima.model.inputs import positive_integer, positive_number
from optima.structures.group import Group


def character_start(
    problem: DeepUFM, values: ArrayLike, group: tuple[int, ...] | None = None, spread: float = 0.0, seed: int = 0
) -> tuple[Array, tuple[int, ...]]:
    r"""Singular values zeta_b exp(sigma N(0, 1)) of class-mean logits for each block b of characters, and the group.

    Parameters
    ----------
    values
        zeta: one number for all blocks, or one for each.
    group
        Orders of cyclic groups; by default (2, 2, ...) for K = 2^k, else (K,).
    spread, seed
        sigma, and the seed of the normal numbers.

    Raises ValueError for another number of values, for a group of another order than K, and for too many classes.
    """
    check_flow(problem, "characters")
    orders = group or basis(problem.classes)
    blocks = Group.of(orders, problem.classes).multiplicity.size
    given = np.atleast_1d(np.asarray(values, dtype=float))
    if given.size not in (1, blocks):
        named = " x ".join(f"Z_{order}" for order in orders)
        raise ValueError(
            f"start has {given.size} values; pass {blocks}, or one for all blocks of characters of {named}"
        )
    sigma = positive_number("spread", spread, zero=True)
    normal = np.random.default_rng(positive_integer("seed", seed, minimum=0)).standard_normal(blocks)
    return given * np.exp(sigma * normal), orders


def gaussian_logits(problem: DeepUFM, scale: float, seed: int = 0) -> Array:
    """Class-mean logits (K, K) with independent entries N(0, scale^2), cut to the rank that the width carries.

    Raises ValueError for more classes than a flow can follow.
    """
    check_flow(problem, "balanced")
    size = positive_number("scale", scale)
    rng = np.random.default_rng(positive_integer("seed", seed, minimum=0))
    U, s, V = np.linalg.svd(size * rng.standard_normal((problem.classes,) * 2))
    r = problem.max_rank
    return np.asarray((U[:, :r] * s[:r]) @ V[:r])

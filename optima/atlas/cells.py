"""Grids of problems: every combination of classes, depth, lambda, class sizes, width, loss and activation."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import product

import numpy as np

from optima.limits import check_cells, check_classes
from optima.model import DeepUFM
from optima.model.inputs import one_of, positive_integer, positive_number

IMBALANCES = ("long-tailed", "step")
# Samples per class: one number for all classes, or one for each.
Sizes = int | tuple[int, ...]


def imbalanced(classes: int, samples: int, ratio: float, kind: str = "long-tailed") -> Sizes:
    r"""Sizes of K classes of which the largest has n samples and the smallest n / R.

    .. math::
        \text{long-tailed:} \quad n_k = n R^{-k/(K-1)}, \qquad
        \text{step:} \quad n_k = n \text{ for } k < K/2, \quad n / R \text{ for the others}

    for k = 0, ..., K - 1, each rounded to the nearest integer; one number where that makes all equal. With an odd
    number of classes the middle one is small.

    Raises ValueError unless 1 <= R <= n, so that no class is empty. Source: the imbalance ratio of Buda et al.
    (step) and Cui et al. (long-tailed).
    """
    K = positive_integer("classes", classes, minimum=2)
    n = positive_integer("samples", samples)
    one_of("kind", kind, IMBALANCES)
    R = positive_number("imbalance", ratio)
    if not 1 <= R <= n:
        raise ValueError(
            f"the imbalance ratio is {R:g} but the largest class has {n} samples; pass a ratio from 1 to {n}, or more "
            "samples"
        )
    k = np.arange(K)
    powers = k / (K - 1) if kind == "long-tailed" else (k >= K // 2).astype(float)
    sizes = tuple(int(size) for size in np.maximum(np.rint(n * R**-powers), 1))
    return sizes[0] if len(set(sizes)) == 1 else sizes


def grid(
    classes: Sequence[int],
    depths: Sequence[int],
    regs: Sequence[float],
    samples: Iterable[Sizes] = (1,),
    widths: Sequence[int | None] = (None,),
    losses: Sequence[str] = ("ce",),
    imbalances: Sequence[float] = (1.0,),
    kind: str = "long-tailed",
    activations: Sequence[str] = ("linear",),
) -> list[DeepUFM]:
    """Every combination as a problem, without repeats; at depth one relu models are linear ones.

    ``samples`` are numbers of samples of the largest class, of which every one of ``imbalances`` (ratios R, see
    :func:`imbalanced`) makes class sizes, or class sizes themselves.

    Raises ValueError for class sizes of another number of classes, class sizes with a ratio, more cells than are
    listed at once, and more classes than can be searched.
    """
    every = list(samples)
    if any(isinstance(each, tuple) for each in every) and list(imbalances) != [1.0]:
        raise ValueError("class sizes are given together with an imbalance ratio; pass one of the two")
    axes = classes, depths, regs, every, imbalances, widths, losses, activations
    check_cells(math.prod(map(len, axes)))
    for K in classes:
        check_classes(positive_integer("classes", K, minimum=2))
    found: dict[DeepUFM, None] = {}
    for K, L, reg, n, R, width, loss, activation in product(*axes):
        sizes = n if isinstance(n, tuple) else imbalanced(K, n, R, kind)
        found[DeepUFM(K, L, reg, sizes, width, loss, activation if L > 1 else "linear")] = None
    return list(found)

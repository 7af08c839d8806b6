"""Networks at collapse, with hidden bases drawn at random."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np

from optima.claims.evidence import Ints, Reals
from optima.model import Array, DeepUFM
from optima.reduction import Reduction, mean_reg
from optima.scales import stationary_scales
from optima.spectra.point import Point
from optima.structures import named

TOLERANCE = 1e-9
# lam_H over the lambda of the weights.
RATIO = 3.0
SHARES = (1e-6, 1e-2, 0.5, 0.99)


def squared_error(classes: int, depth: int, samples: int, share: float, one: bool = False) -> DeepUFM:
    """The model at a share of the largest lam_W^L lam_H K^(L+1) n at which its equation has a root.

    That is (L-1)^(L-1) (L+1)^(L+1) / (2L)^(2L), and lam_H = 3 lam_W, or lam_W with ``one``.
    """
    K, L, n = classes, depth, samples
    fold = (L - 1) ** (L - 1) * (L + 1) ** (L + 1) / (2 * L) ** (2 * L)
    ratio = 1.0 if one else RATIO
    reg = (share * fold / (ratio * K ** (L + 1) * n)) ** (1 / (L + 1))
    return DeepUFM(K, L, reg if one else (reg,) * L + (ratio * reg,), samples=n, width=K + 1, loss="mse")


def problems(classes: Ints, depths: Ints, samples: Ints, shares: Reals) -> Iterator[tuple[DeepUFM, dict[str, Any]]]:
    """The squared-error models of a grid, and where each is."""
    for K, L, n, share in product(classes, depths, samples, shares):
        yield squared_error(K, L, n, share), {"classes": K, "depths": L, "samples": n, "shares": share}


def scale_of(problem: DeepUFM, structure: str, kind: str = "minimum") -> float:
    """A nonzero stationary scale of a structure: the larger root is the minimum, the smaller one the maximum."""
    n = int(problem.class_sizes[0])
    found = stationary_scales(named(structure, problem.classes), problem.depth, mean_reg(problem), n, problem.loss)
    return next(point.scales[0] for point in found if point.kind == kind and point.scales[0] > 0)


def lifted(problem: DeepUFM, structure: str, kind: str = "minimum") -> Point:
    """Balanced factors of a structure at a stationary scale, with random orthonormal hidden bases."""
    means = np.asarray(named(structure, problem.classes).shape([scale_of(problem, structure, kind)]), dtype=float)
    rng = np.random.default_rng([problem.classes, problem.depth, problem.size])
    return Point(problem, Reduction(problem).lift(means, rng=rng))


def off(found: Array, wanted: Array) -> float:
    """Largest difference of two lists of eigenvalues relative to the largest of them; one where they differ in length.

    Values of at most 1e-12 times the largest are not listed.
    """
    kept = lambda values: np.sort(values[np.abs(values) > 1e-12 * np.abs(values).max(initial=0.0)])[::-1]
    first, second = kept(np.asarray(found)), kept(np.asarray(wanted))
    if first.size != second.size:
        return 1.0
    return float(np.max(np.abs(first - second), initial=0.0) / np.abs(second).max(initial=1e-300))

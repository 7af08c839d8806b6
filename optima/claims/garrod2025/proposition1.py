"""Proposition 1: a simplex with balanced factors is deep neural collapse."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np

from optima.claims.claim import Control, claim
from optima.claims.derivation import step
from optima.claims.evidence import Cases, Evidence, Ints, agreement
from optima.model import Array, DeepUFM
from optima.reduction import Reduction
from optima.structures import named

TOLERANCE = 1e-10


@claim(
    "garrod2025.proposition1",
    statement="A simplex Z with balanced factors satisfies DNC1 (no variation within classes), DNC2 (class means of "
    "every layer form a simplex equiangular tight frame, with zero global mean) and DNC3 (weights aligned with means).",
    latex=r"Z=aSR\ \Rightarrow\ h^l_{ci}=\bar h^l_c,\quad\bar H_l^\top\bar H_l\propto S,\quad\bar H_l\mathbf 1=0,\quad "
    r"W_l\propto\bar H_{l+1}\bar H_l^\top,\quad W_L^\top\propto\bar H_L",
    source="garrod2025, Proposition 1; derivations/collapse.py",
    how="symbolic proof; exhaustive on a grid of lifted simplices with random hidden bases",
    axes={"classes": range(2, 13), "depths": range(1, 7), "samples": (1, 5)},
    deep={"classes": range(2, 41), "depths": range(1, 13), "samples": (1, 2, 5)},
    control=Control("pairs instead of the simplex", {"structure": "pairs"}, {"classes": (4,)}),
    proves=True,
)
def proposition1(classes: Ints, depths: Ints, samples: Ints, *, structure: str = "simplex") -> Iterator[Evidence]:
    """Distances from the three properties, each relative to the size of its terms."""
    basis = "BASIS" if structure == "simplex" else "PAIR_BASIS"
    yield step("collapse", "check_collapse", "DNC1-3 by telescoping products", basis=lambda names: names[basis])
    for K in classes:
        shape = named(structure, K)
        for L, n in product(depths, samples):
            problem = DeepUFM(K, L, 1e-3, samples=n, width=K + 2)
            rng = np.random.default_rng([K, L, n])
            factors = Reduction(problem).lift(3.0 * shape.shape(), rng=rng)
            for name, error in zip(("DNC1", "DNC2", "DNC3"), _distances(problem, factors), strict=True):
                yield Cases(agreement(error, TOLERANCE), classes=K, depths=L, samples=n, property=name)


def _distances(problem: DeepUFM, factors: Sequence[Array]) -> tuple[float, float, float]:
    """Largest relative violation of DNC1, DNC2 and DNC3 over the layers."""
    K, n = problem.classes, int(problem.class_sizes[0])
    layers = [factors[-1]]
    for weight in factors[:-2]:
        layers.append(weight @ layers[-1])
    blocks = [layer.reshape(-1, K, n) for layer in layers]
    means = [block.mean(axis=2) for block in blocks]
    spread = max(
        float(np.linalg.norm(block - mean[:, :, None]) / np.linalg.norm(block))
        for block, mean in zip(blocks, means, strict=True)
    )
    S = np.eye(K) - 1 / K
    frame = max(_angle(mean.T @ mean, S) for mean in means)
    aligned = [_angle(weight, high @ low.T) for weight, low, high in zip(factors, means, means[1:], strict=False)]
    return spread, frame, max([*aligned, _angle(factors[-2], means[-1].T)])


def _angle(A: Array, B: Array) -> float:
    """Distance of two matrices scaled to unit norm."""
    return float(np.linalg.norm(A / np.linalg.norm(A) - B / np.linalg.norm(B)))

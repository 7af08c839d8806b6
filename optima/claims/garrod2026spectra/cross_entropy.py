"""What becomes of the K^2 equal outliers under cross-entropy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np

from optima.claims.claim import Control, claim
from optima.claims.derivation import step, whole
from optima.claims.evidence import Cases, Evidence, Ints, Reals, Table, agreement
from optima.claims.garrod2026spectra.optimum import TOLERANCE, lifted, off, scale_of
from optima.model import Array, DeepUFM
from optima.spectra.alignment import align
from optima.spectra.layer_blocks import LayerBlocks


def three_values(classes: int, alpha: float) -> Array:
    """alpha P, alpha ((K-1) - K (K-2) q) / K (K-1 times), alpha / K (K^2 - 3 K + 1 times), over lambda_l."""
    K, q = classes, 1 / (np.exp(alpha) + classes - 1)
    several = (K - 1 - K * (K - 2) * q) / K
    first, second, third = [1 - (K - 1) * q], [several] * (K - 1), [1 / K] * (K * K - 3 * K + 1)
    return alpha * np.array([*first, *second, *third] if K > 2 else first)


@claim(
    "garrod2026spectra.cross_entropy",
    statement="At the simplex of cross-entropy the Hessian of every weight matrix has rank (K-1)^2 and three values, "
    "lambda_l alpha P once, lambda_l alpha ((K-1) - K(K-2)q)/K, K-1 times, and lambda_l alpha/K, K^2-3K+1 times; the "
    "gradient is the eigenvector of the first.",
    latex=r"\lambda_l\alpha P\ (1),\quad\lambda_l\alpha\tfrac{(K-1)-K(K-2)q}{K}\ (K-1),\quad"
    r"\tfrac{\lambda_l\alpha}{K}\ (K^2-3K+1),\qquad q=\tfrac1{e^\alpha+K-1},\;P=1-(K-1)q",
    source="ours, beside garrod2026spectra, Theorem 4.1; derivations/spectra_cross_entropy.py",
    how="symbolic proof; matrices of the lifted factors, with random hidden bases, on a grid",
    axes={"classes": (2, 3, 4, 6), "depths": (1, 2, 4), "samples": (1, 3), "regs": (1e-6, 1e-3)},
    deep={"classes": range(2, 11), "depths": range(1, 8), "regs": (1e-9, 1e-6, 1e-3)},
    control=Control(
        "all (K-1)^2 values equal their mean",
        {"values": lambda classes, alpha: np.full((classes - 1) ** 2, three_values(classes, alpha).mean())},
        {"classes": (3,), "depths": (2,), "samples": (1,), "regs": (1e-3,)},
    ),
    proves=True,
)
def cross_entropy(
    classes: Ints,
    depths: Ints,
    samples: Ints,
    regs: Reals,
    *,
    values: Callable[[int, float], Array] = three_values,
) -> Iterator[Evidence]:
    """Margin: agreement of all nonzero eigenvalues in each layer; the gradient within the first eigenvector."""
    yield whole("spectra_cross_entropy")
    yield step("spectra_cross_entropy", "check_simplex", "the three values and their multiplicities")
    rows = []
    for K, L, n, reg in product(classes, depths, samples, regs):
        problem = DeepUFM(K, L, (reg,) * L + (2 * reg,), samples=n, width=K)
        alpha, point = scale_of(problem, "simplex"), lifted(problem, "simplex")
        at: dict[str, Any] = {"classes": K, "depths": L, "samples": n, "regs": reg}
        for layer in range(1, L + 1):
            blocks = LayerBlocks(point, layer)
            vectors = blocks.vectors()
            error = off(vectors.values, reg * values(K, alpha))
            yield Cases(agreement(error, TOLERANCE), what=f"values, layer {layer}", **at)
            missing = 1 - align(point, blocks, vectors, 1).in_outliers
            yield Cases(agreement(missing, TOLERANCE), what=f"gradient, layer {layer}", **at)
        if n == 1 and max(depths) == L:
            rows.append([K, reg, *(f"{value:.6g}" for value in np.unique(three_values(K, alpha))[::-1])])
    rows = [[*row, *[""] * (5 - len(row))] for row in rows]
    yield Table(f"Values over lambda at L = {max(depths)}, n = 1", ["K", "lambda", "first", "second", "third"], rows)

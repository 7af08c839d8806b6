"""Any balanced critical point: blocks of the order of the rank, except in the last layer."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np

from optima.claims.claim import Control, claim
from optima.claims.derivation import step, whole
from optima.claims.evidence import Cases, Evidence, Ints, Reals, Undecided, agreement
from optima.claims.garrod2026spectra.optimum import TOLERANCE, lifted, off
from optima.model import Array, DeepUFM
from optima.spectra.layer_blocks import LayerBlocks
from optima.spectra.point import Point

STRUCTURES = ("simplex", "pairs", "polygon")


@claim(
    "garrod2026spectra.last_layer",
    statement="At balanced critical logits of rank r the Hessian of W_l, l < L, is a matrix of order r^2 in the "
    "singular bases of the logits, and zero otherwise; that of the last layer is one of order K r, because no later "
    "layer projects the curvature S_j of the loss.",
    latex=r"\mathrm{Hess}_l\simeq\tfrac1N\sum_j(D_aU^\top S_jUD_a)\otimes(D_xv_jv_j^\top D_x)\ (l<L),\qquad"
    r"\mathrm{Hess}_L\simeq\tfrac1N\sum_jS_j\otimes(D_xv_jv_j^\top D_x)",
    source="ours, beside garrod2026spectra, Theorem 4.1; derivations/spectra_cross_entropy.py",
    how="symbolic proof for pairs; matrices of the lifted factors against both forms at simplex, pairs and polygon",
    axes={"classes": (4, 6, 8), "depths": (2, 3, 5), "samples": (1, 2), "regs": (1e-4, 1e-3)},
    deep={"classes": range(4, 13, 2), "depths": range(1, 8), "samples": (1, 2, 5)},
    control=Control(
        "the last layer projected too: a matrix of order r^2",
        {"projected": True},
        {"classes": (6,), "depths": (2,), "samples": (1,), "regs": (1e-3,)},
    ),
)
def last_layer(
    classes: Ints, depths: Ints, samples: Ints, regs: Reals, *, projected: bool = False
) -> Iterator[Evidence]:
    """Margin: agreement of all nonzero eigenvalues in each layer."""
    yield whole("spectra_cross_entropy")
    yield step("spectra_cross_entropy", "check_pairs", "the last layer of pairs at K = 10", classes=10)
    for K, L, n, reg, name in product(classes, depths, samples, regs, STRUCTURES):
        problem = DeepUFM(K, L, reg, samples=n, width=K)
        at: dict[str, Any] = {"classes": K, "depths": L, "samples": n, "regs": reg, "structure": name}
        try:
            point = lifted(problem, name)
        except StopIteration:
            yield Undecided("it has no stationary scale but zero there", at)
            continue
        for layer in range(1, L + 1):
            wanted = np.asarray(np.linalg.eigvalsh(block(point, layer, projected)))
            error = off(LayerBlocks(point, layer).values(), wanted)
            yield Cases(agreement(error, TOLERANCE), what=f"layer {layer}", **at)


def block(point: Point, layer: int, projected: bool) -> Array:
    """The matrix of the statement, from the singular value decomposition of the logits."""
    problem = point.problem
    L, N = problem.depth, problem.size
    U, s, V = np.linalg.svd(point.logits, full_matrices=False)
    rank = int(np.sum(s > 1e-10 * s[0]))
    U, s, V = U[:, :rank], s[:rank], V[:rank]
    after = U * s ** ((L - layer) / (L + 1)) if layer < L or projected else np.eye(problem.classes)
    before = s[:, None] ** (layer / (L + 1)) * V
    shares = np.exp(point.logits - point.logits.max(axis=0))
    shares /= shares.sum(axis=0)
    total = np.zeros((after.shape[1] * rank,) * 2)
    for p, x in zip(shares.T, before.T, strict=True):
        total += np.kron(after.T @ (np.diag(p) - np.outer(p, p)) @ after, np.outer(x, x)) / N
    return total

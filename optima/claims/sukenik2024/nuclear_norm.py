"""Whether the relu can raise the nuclear norm of a matrix."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from optima.claims.claim import Control, claim
from optima.claims.derivation import step, whole
from optima.claims.evidence import Cases, Evidence, Ints, Remark, Table
from optima.model import Array

# The matrix of three columns with the largest ratio that a search found, in hundredths: 1.0498.
THREE = np.array([[100, 0, 66], [78, 100, 0], [0, 66, -34]])


def path(classes: int) -> Array:
    """A cycle of 2 K nodes as a bipartite incidence, with one edge turned negative: relu leaves a path."""
    M = np.eye(classes) + np.roll(np.eye(classes), 1, axis=0)
    M[0, -1] = -1.0
    return M


def cosine(classes: int) -> Array:
    """M_ij = cos(2 pi (i - j) / K)."""
    shift = np.subtract.outer(np.arange(classes), np.arange(classes))
    return np.cos(2 * np.pi * shift / classes)


def ratio(M: Array) -> float:
    """||max(M, 0)||_* / ||M||_*."""
    norm = lambda matrix: float(np.sum(np.linalg.svd(matrix, compute_uv=False)))
    return norm(np.maximum(M, 0)) / norm(M)


@claim(
    "sukenik2024.nuclear_norm",
    statement="The relu does not raise the nuclear norm of a matrix: the assumption under which collapse was said to "
    "be optimal at L = 2, as we restate it.",
    latex=r"\|\max(M,0)\|_*\le\|M\|_*",
    source="the assumption as restated in this project's theory; its refutation: derivations/network_nuclear_norm.py, "
    "derivations/network_price.py, section 5",
    how="three matrices with exact counterexamples, and their ratios",
    axes={"classes": (2, 3, 4, 6, 8, 12)},
    deep={"classes": range(2, 41)},
    control=Control("it lowers the nuclear norm of every matrix to at most nine tenths", {"share": 0.9}),
    recorded="counterexample",
)
def nuclear_norm(classes: Ints, *, share: float = 1.0) -> Iterator[Evidence]:
    """Margin: what the rectified norm is below the norm, relative."""
    yield whole("network_nuclear_norm")
    yield step("network_price", "check_cosine", "more than 13 per cent with many columns", N=200, ratio=1.13)
    rows = []
    for K in classes:
        matrices = {"path": path(K), "cosine": cosine(K), **({"found by search": THREE / 100} if K == 3 else {})}
        for name, M in matrices.items():
            yield Cases(share - ratio(M), {"matrix": M}, classes=K, matrix=name)
            rows.append([K, name, f"{ratio(M):.6f}"])
    yield Table("Rectified nuclear norm over nuclear norm", ["columns", "matrix", "ratio"], rows)
    yield Remark(
        "refuted by [[1, 0, 1], [1, 1, 0], [0, 1, -1]]: the norm 2 sqrt(3) rises to 1 / sin(pi/14) - 1, by 0.86 per "
        "cent; the cosine on many classes by up to 13.66 per cent; with two columns the assumption holds",
        sharper=True,
    )

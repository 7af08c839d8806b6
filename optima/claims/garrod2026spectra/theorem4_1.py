"""Theorem 4.1: the Hessian of each layer has rank K^2, equal values, and class means as eigenvectors."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np

from optima.claims.claim import Control, claim
from optima.claims.derivation import step, whole
from optima.claims.evidence import Cases, Evidence, Ints, Reals, Table, agreement
from optima.claims.garrod2026spectra.optimum import SHARES, TOLERANCE, lifted, off, problems, scale_of
from optima.model import DeepUFM
from optima.spectra import spectrum
from optima.spectra.layer_blocks import LayerBlocks
from optima.spectra.point import Point


@claim(
    "garrod2026spectra.theorem4_1",
    statement="At the optimum of squared error the Hessian of the loss in every weight matrix has rank K^2, its "
    "nonzero eigenvalues all equal lambda_l kappa, kappa = gamma / (1 - gamma), and the products of class means of its "
    "output and its input are eigenvectors.",
    latex=r"\mathrm{Hess}_l\,(\mu_c^{(l+1)}\otimes\mu_{c'}^{(l)})=\lambda_l\tfrac{\gamma}{1-\gamma}\,"
    r"\mu_c^{(l+1)}\otimes\mu_{c'}^{(l)},\qquad\operatorname{rank}\mathrm{Hess}_l=K^2",
    source="garrod2026spectra, Theorem 4.1 (as far as its abstract and figures tell); "
    "derivations/spectra_squared_error.py",
    how="symbolic proof with the value; matrices of the lifted factors, with random hidden bases, on a grid",
    axes={"classes": (2, 3, 5), "depths": (2, 3, 5), "samples": (1, 4), "shares": SHARES},
    deep={"classes": range(2, 11), "depths": range(2, 11), "samples": (1, 4, 40)},
    control=Control(
        "the same under cross-entropy: rank (K-1)^2, all values equal",
        {"loss": "ce"},
        {"classes": (3,), "depths": (2,), "samples": (1,), "shares": (1e-2,)},
    ),
    proves=True,
)
def theorem4_1(classes: Ints, depths: Ints, samples: Ints, shares: Reals, *, loss: str = "mse") -> Iterator[Evidence]:
    """Margin: agreement of all nonzero eigenvalues, and of the matrix times each product of class means."""
    yield whole("spectra_squared_error")
    yield step("spectra_squared_error", "check_layer", "the value is lambda_l kappa in every layer")
    if loss == "ce":
        yield from _entropy(classes, depths)
        return
    for problem, at in problems(classes, depths, samples, shares):
        gamma = scale_of(problem, "frame")
        point = lifted(problem, "frame")
        for layer in range(1, problem.depth + 1):
            value = problem.regs[layer - 1] * gamma / (1 - gamma)
            error = off(LayerBlocks(point, layer).values(), np.full(problem.classes**2, value))
            yield Cases(agreement(error, TOLERANCE), what=f"values, layer {layer}", **at)
            error = _eigenvector_error(point, layer, value)
            yield Cases(agreement(error, TOLERANCE), what=f"class means, layer {layer}", **at)
    yield from _public()


def _entropy(classes: Ints, depths: Ints) -> Iterator[Evidence]:
    for K, L in product(classes, depths):
        values = LayerBlocks(lifted(DeepUFM(K, L, 1e-3, width=K), "simplex"), 1).values()
        yield Cases(agreement(off(values, np.full((K - 1) ** 2, values[0])), TOLERANCE), classes=K, depths=L)


def _eigenvector_error(point: Point, layer: int, value: float) -> float:
    """|Hess_l V - value V| / (value |V|), the largest over V = mu_c mu_c'^T, with Hess_l V = (1/N) A^T A V X X^T."""
    A, X = point.maps(layer).maps[0], point.features[layer - 1]
    worst = 0.0
    for after, before in product(point.means(layer + 1).T, point.means(layer).T):
        V = np.outer(after, before)
        image = A.T @ (A @ V @ X) @ X.T / point.problem.size
        worst = max(worst, float(np.linalg.norm(image - value * V) / (value * np.linalg.norm(V))))
    return worst


def _public() -> Iterator[Evidence]:
    """The numbers of a public reproduction of the figures."""
    problem = DeepUFM(3, 5, 1e-2, samples=40, width=60, loss="mse")
    rows = []
    for layer in range(1, 6):
        hessian, weights = spectrum(problem, layer=layer), spectrum(problem, layer=layer, of="weights")
        yield Cases(agreement(abs(hessian.top / 0.1632425698 - 1), 1e-8), what=f"public value, layer {layer}")
        rows.append([layer, hessian.rank, f"{hessian.top:.12g}", f"{weights.top:.12g}"])
    yield Table("K = 3, L = 5, n = 40, d = 60, lambda = 0.01", ["l", "rank", "Hess_l", "W_l^T W_l"], rows)

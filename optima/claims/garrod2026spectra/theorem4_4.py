"""Theorem 4.4: W_l^T W_l has rank K and equal values, and so has the Gram matrix of the features."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from optima.claims.claim import Control, claim
from optima.claims.derivation import step, whole
from optima.claims.evidence import Cases, Evidence, Ints, Reals, agreement
from optima.claims.garrod2026spectra.optimum import SHARES, TOLERANCE, lifted, off, problems, scale_of


@claim(
    "garrod2026spectra.theorem4_4",
    statement="At the optimum of squared error W_l^T W_l has rank K and the equal values (lambda_H / lambda_l) n "
    "|mu|^2 = gamma (1 - gamma) / (K lambda_l), mu a class mean of the features H, and X_l X_l^T / N the values "
    "|mu^(l)|^2 / K.",
    latex=r"W_l^\top W_l:\;\tfrac{\lambda_H}{\lambda_l}n|\mu^{(1)}|^2=\tfrac{\gamma(1-\gamma)}{K\lambda_l}\ (K),\qquad"
    r"\tfrac1NX_lX_l^\top:\;\tfrac1K|\mu^{(l)}|^2\ (K)",
    source="garrod2026spectra, Theorem 4.4 (as far as its abstract tells); derivations/spectra_squared_error.py",
    how="symbolic proof; singular values of the lifted factors on a grid",
    axes={"classes": (2, 3, 5), "depths": (2, 3, 5), "samples": (1, 4), "shares": SHARES},
    deep={"classes": range(2, 11), "depths": range(2, 11), "samples": (1, 4, 40)},
    control=Control(
        "the values without the factor n",
        {"counted": False},
        {"classes": (3,), "depths": (2,), "samples": (4,), "shares": (1e-2,)},
    ),
    proves=True,
)
def theorem4_4(
    classes: Ints, depths: Ints, samples: Ints, shares: Reals, *, counted: bool = True
) -> Iterator[Evidence]:
    """Margin: agreement of all nonzero values with both expressions."""
    yield whole("spectra_squared_error")
    yield step("spectra_squared_error", "check_layer", "the product of all factors gives the equation of gamma")
    for problem, at in problems(classes, depths, samples, shares):
        K, gamma, point = problem.classes, scale_of(problem, "frame"), lifted(problem, "frame")
        n = problem.size // K if counted else 1
        mean = float(np.sum(point.means(1)[:, 0] ** 2))
        for layer, weight in enumerate(point.factors[:-1], start=1):
            reg = problem.regs[layer - 1]
            values = np.asarray(np.linalg.eigvalsh(weight.T @ weight))
            for words, value in (
                ("means", problem.regs[-1] / reg * n * mean),
                ("gamma", gamma * (1 - gamma) / (K * reg)),
            ):
                error = off(values, np.full(K, value))
                yield Cases(agreement(error, TOLERANCE), what=f"W^T W by {words}, layer {layer}", **at)
            features = point.features[layer - 1]
            size = float(np.sum(point.means(layer)[:, 0] ** 2))
            found = np.asarray(np.linalg.eigvalsh(features @ features.T / problem.size))
            error = off(found, np.full(K, size / K))
            yield Cases(agreement(error, TOLERANCE), what=f"features, layer {layer}", **at)

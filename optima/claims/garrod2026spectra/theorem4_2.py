"""Theorem 4.2: the Hessian of a layer is a class and a cross-class part, with nothing within classes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from optima.claims.claim import Control, claim
from optima.claims.derivation import step, whole
from optima.claims.evidence import Cases, Evidence, Ints, Reals, agreement
from optima.claims.garrod2026spectra.optimum import SHARES, TOLERANCE, lifted, off, problems, scale_of
from optima.spectra.eigenvalues import repeated
from optima.spectra.split import split_layer


@claim(
    "garrod2026spectra.theorem4_2",
    statement="At the optimum of squared error the Hessian of each layer is G_class + G_cross, of ranks K and K(K-1), "
    "all values lambda_l kappa; G_within is zero, and a share 1/K of the squared gradient is in the range of G_class.",
    latex=r"\mathrm{Hess}_l=G_{\rm class}+G_{\rm cross},\quad\operatorname{rank}=K,\;K(K-1),\quad G_{\rm within}=0",
    source="garrod2026spectra, Theorem 4.2 (as far as its abstract tells); derivations/spectra_squared_error.py",
    how="symbolic proof; parts of the lifted factors on a grid",
    axes={"classes": (2, 3, 5), "depths": (2, 4), "samples": (1, 4), "shares": SHARES},
    deep={"classes": range(2, 11), "depths": range(2, 8)},
    control=Control(
        "the whole gradient lies in the range of G_class",
        {"share": lambda classes: 1.0},
        {"classes": (3,), "depths": (2,), "samples": (1,), "shares": (1e-2,)},
    ),
    proves=True,
)
def theorem4_2(
    classes: Ints,
    depths: Ints,
    samples: Ints,
    shares: Reals,
    *,
    share: Callable[[int], float] = lambda classes: 1 / classes,
) -> Iterator[Evidence]:
    """Margin: agreement of the eigenvalues of the three parts, and of the share of the gradient."""
    yield whole("spectra_squared_error")
    yield step("spectra_squared_error", "check_split", "ranks and shares at K = 5", classes=5)
    for problem, at in problems(classes, depths, samples, shares):
        K, gamma, point = problem.classes, scale_of(problem, "frame"), lifted(problem, "frame")
        for layer in range(1, problem.depth + 1):
            value = problem.regs[layer - 1] * gamma / (1 - gamma)
            parts = split_layer(point, layer)
            for name, part, rank in (("class", parts.classes, K), ("cross", parts.cross, K * (K - 1))):
                error = off(repeated(part), np.full(rank, value))
                yield Cases(agreement(error, TOLERANCE), what=f"G_{name}, layer {layer}", **at)
            within = float(np.abs(repeated(parts.within)).max(initial=0.0)) / value
            yield Cases(agreement(within, TOLERANCE), what=f"G_within, layer {layer}", **at)
            error = abs(parts.gradient_in_classes - share(K))
            yield Cases(agreement(error, TOLERANCE), what=f"gradient, layer {layer}", **at)

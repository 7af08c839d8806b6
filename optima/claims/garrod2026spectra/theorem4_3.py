"""Theorem 4.3: the gradient of each layer lies in the outlier space, along the products of equal classes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from optima.claims.claim import Control, claim
from optima.claims.derivation import step, whole
from optima.claims.evidence import Cases, Evidence, Ints, Reals, agreement
from optima.claims.garrod2026spectra.optimum import SHARES, TOLERANCE, lifted, off, problems, scale_of
from optima.model import Array
from optima.spectra import moments
from optima.spectra.alignment import align
from optima.spectra.layer_blocks import LayerBlocks


@claim(
    "garrod2026spectra.theorem4_3",
    statement="At the optimum of squared error the gradient of the loss in each weight matrix is an eigenvector of its "
    "Hessian, with squared cosine 1/K with each product of the class means of one class, and 0 with the others; the "
    "gradients of the samples have K equal second moments, and K-1 in their covariance.",
    latex=r"\cos^2(\nabla_{W_l}g,\mu_c^{(l+1)}\otimes\mu_{c'}^{(l)})=\tfrac1K\delta_{cc'},\qquad"
    r"\tfrac1N\sum_jg_jg_j^\top:\;\lambda_l\gamma(1-\gamma)\ (K)",
    source="garrod2026spectra, Theorem 4.3 (as far as its abstract and Figure 2 tell); "
    "derivations/spectra_squared_error.py",
    how="symbolic proof; gradients by backpropagation at the lifted factors on a grid",
    axes={"classes": (2, 3, 5), "depths": (2, 4), "samples": (1, 4), "shares": SHARES},
    deep={"classes": range(2, 11), "depths": range(2, 8)},
    control=Control(
        "the squared cosine is 1/K^2 with every one of the K^2 products",
        {"cosines": lambda classes: np.full((classes, classes), 1 / classes**2)},
        {"classes": (3,), "depths": (2,), "samples": (1,), "shares": (1e-2,)},
    ),
    proves=True,
)
def theorem4_3(
    classes: Ints,
    depths: Ints,
    samples: Ints,
    shares: Reals,
    *,
    cosines: Callable[[int], Array] = lambda classes: np.eye(classes) / classes,
) -> Iterator[Evidence]:
    """Margin: agreement of the squared cosines and of the moments."""
    yield whole("spectra_squared_error")
    yield step("spectra_squared_error", "check_split", "squared cosines at K = 5", classes=5)
    for problem, at in problems(classes, depths, samples, shares):
        K, gamma, point = problem.classes, scale_of(problem, "frame"), lifted(problem, "frame")
        for layer in range(1, problem.depth + 1):
            blocks = LayerBlocks(point, layer)
            aligned = align(point, blocks, blocks.vectors(), K * K)
            error = float(np.abs(aligned.means - cosines(K)).max())
            yield Cases(agreement(error, TOLERANCE), what=f"class means, layer {layer}", **at)
            yield Cases(agreement(1 - aligned.eigenvector, TOLERANCE), what=f"eigenvector, layer {layer}", **at)
            value = problem.regs[layer - 1] * gamma * (1 - gamma)
            for centred, count in ((False, K), (True, K - 1)):
                error = off(moments.gradient_values(point, layer, centred), np.full(count, value))
                words = "covariance" if centred else "second moment"
                yield Cases(agreement(error, TOLERANCE), what=f"{words}, layer {layer}", **at)

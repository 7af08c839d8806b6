"""ReLU networks at collapse: the derivative of relu at zero decides how many outliers there are."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

from optima.claims.claim import Control, claim
from optima.claims.derivation import step, whole
from optima.claims.evidence import Cases, Evidence, Ints, Reals, Remark, Table, agreement
from optima.claims.garrod2026spectra.optimum import TOLERANCE, off
from optima.model import DeepUFM
from optima.spectra import spectrum
from optima.spectra.layer_blocks import LayerBlocks


@claim(
    "garrod2026spectra.relu",
    statement="At deep neural collapse of a relu network the pre-activations of foreign classes are exactly zero; "
    "where the derivative of relu there is taken to be 0, the Hessian of squared error in W_l has the value lambda_l "
    "kappa, K times for l < L and K^2 times for l = L, and that of cross-entropy lambda_l alpha P, K times, for l < L.",
    latex=r"s'(0)=0:\quad\lambda_l\kappa\ (K,\;l<L;\;K^2,\;l=L),\qquad s'(0)=1:\quad\lambda_l\kappa\ (K^2)",
    source="ours, beside the relu figures of garrod2026spectra; derivations/spectra_relu.py",
    how="symbolic proof for any pattern; matrices of the factors of the networks on a grid",
    axes={"classes": (2, 3, 5), "depths": (2, 3, 5), "samples": (1, 3), "regs": (1e-5, 1e-3)},
    deep={"classes": range(2, 11), "depths": range(2, 8), "regs": (1e-6, 1e-5, 1e-4, 1e-3)},
    control=Control(
        "the same with the derivative 1 at zero",
        {"kink": 1},
        {"classes": (3,), "depths": (3,), "samples": (1,), "regs": (1e-3,)},
    ),
    proves=True,
)
def relu(classes: Ints, depths: Ints, samples: Ints, regs: Reals, *, kink: int = 0) -> Iterator[Evidence]:
    """Margin: agreement of all nonzero eigenvalues of the matrices with the closed forms for s'(0) = 0."""
    yield whole("spectra_relu")
    yield step("spectra_relu", "check_pattern", "a pattern with parts of the neurons on", neurons=4, on=(1, 3, 2, 4))
    yield step("spectra_relu", "check_entropy", "the values of cross-entropy")
    rows = []
    for K, L, n, reg, loss in product(classes, depths, samples, regs, ("mse", "ce")):
        problem = DeepUFM(K, L, reg, samples=n, loss=loss, activation="relu")
        at: dict[str, Any] = {"classes": K, "depths": L, "samples": n, "regs": reg, "loss": loss}
        for layer in range(1, L + 1):
            stated = spectrum(problem, layer=layer, kink=0)
            point = spectrum(problem, layer=layer, kink=kink).point
            error = off(LayerBlocks(point, layer).values(), stated.values)
            yield Cases(agreement(error, TOLERANCE), what=f"layer {layer}", **at)
            if (K, n, reg) == (max(classes), min(samples), max(regs)) and max(depths) == L:
                other = spectrum(problem, layer=layer, kink=1)
                rows.append([loss, layer, f"{stated.top:.6g} x{stated.rank}", f"{other.top:.6g}, rank {other.rank}"])
    yield Table(f"K = {max(classes)}, L = {max(depths)}", ["loss", "layer", "s'(0) = 0", "s'(0) = 1"], rows)
    yield Remark(
        "trained networks lie between: neurons of foreign classes are on for a part of the samples, and a pattern has "
        "the values lambda_l kappa rho prod rho^2 of the derivation",
        sharper=True,
    )

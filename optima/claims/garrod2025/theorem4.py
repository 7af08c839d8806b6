"""Theorem 4: deep neural collapse is a critical point with positive semidefinite Hessian for small lambda."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise, product

import numpy as np

from optima.claims.claim import Control, claim
from optima.claims.derivation import step, whole
from optima.claims.evidence import Cases, Evidence, Ints, Lines, Reals, Remark, agreement
from optima.claims.garrod2025.simplex_rivals import simplex_of
from optima.model import DeepUFM
from optima.model.log_grid import log_grid
from optima.scales import stationary_scales
from optima.spectra import Spectrum, lifted_spectrum, simplex_spectrum

# Eigenvalues above minus this, in units of lambda, count as nonnegative.
ROUNDING = 1e-8
# Depths with lambda, and sizes, of the experiments of garrod2025.
PAPER_REGS = ((2, 2**-10), (3, 2**-9), (4, 2**-9), (5, 2**-9))
PAPER = {"classes": 10, "samples": 5, "width": 70}


def least_scale(classes: int, depth: int) -> float:
    """K (L-1) / (L+1), from which on the Hessian at the simplex is positive semidefinite (K >= 4)."""
    return classes * (depth - 1) / (depth + 1)


def largest_reg(classes: int, depth: int) -> float:
    """lam_eff at the least scale: up to here the larger root has a positive semidefinite Hessian."""
    a = least_scale(classes, depth)
    return float(a ** ((depth - 1) / (depth + 1)) / (np.exp(a) + classes - 1))


@claim(
    "garrod2025.theorem4",
    statement="For small lambda there is a simplex critical point whose scale diverges as lambda -> 0, and the Hessian "
    "of all parameters there is positive semidefinite.",
    latex=r"\lambda_{\rm eff}=\frac{a^{(L-1)/(L+1)}}{e^a+K-1},\quad a\sim\log\tfrac1\lambda,\quad"
    r"\nabla^2F\succeq0\iff a\ge\tfrac{L-1}{L+1}K\ (K\ge4)",
    source="garrod2025, Theorem 4; derivations/simplex_hessian.py",
    how="symbolic proof with the exact condition; the whole spectrum on a grid of lambda, in closed form and from the "
    "lifted factors at the paper's sizes (K = 10, n = 5, d = 70)",
    axes={"classes": range(4, 21), "depths": range(2, 11), "regs": tuple(log_grid(1e-300, 0.999, 13))},
    deep={"classes": range(4, 61), "depths": range(2, 31), "regs": tuple(log_grid(1e-300, 0.999, 61))},
    control=Control(
        "the smaller root instead of the larger one",
        {"kind": "maximum"},
        {"classes": (10,), "depths": (2,), "regs": (1e-3,)},
    ),
    proves=True,
)
def theorem4(classes: Ints, depths: Ints, regs: Reals, *, kind: str = "minimum") -> Iterator[Evidence]:
    """Margin: smallest nonzero eigenvalue over lambda, at shares ``regs`` of the largest lambda."""
    yield whole("simplex_hessian")
    yield step("simplex_hessian", "check_semidefinite", "semidefinite exactly from a = K (L-1)/(L+1) on")
    for K, L in product(classes, depths):
        yield from _spectra(K, L, regs, kind)
    yield from _paper(kind)
    if len(classes) > 1:
        yield from _sharper(classes, depths)


def _scale(K: int, L: int, reg: float, samples: int, kind: str) -> float | None:
    """The larger root (a minimum along the scale) or the smaller one (a maximum)."""
    found = stationary_scales(simplex_of(K), L, reg, samples)
    return next((point.scales[0] for point in found if point.kind == kind and point.scales[0] > 0), None)


def _spectra(K: int, L: int, regs: Reals, kind: str) -> Iterator[Evidence]:
    scales = []
    for share in regs:
        reg = share * largest_reg(K, L)
        a = _scale(K, L, reg, 1, kind)
        if reg > 0 and a is not None:
            # The orbit of the symmetries has exact zeros; the others decide.
            values = simplex_spectrum(K, L, a).values
            yield Cases(
                values[values != 0].min(), classes=K, depths=L, regs=reg, what="smallest nonzero eigenvalue / lambda"
            )
            scales.append((reg, a))
    for (low, larger), (_, smaller) in pairwise(scales):
        yield Cases(larger - smaller, classes=K, depths=L, regs=low, what="growth of the scale")


def _paper(kind: str) -> Iterator[Evidence]:
    """All eigenvalues at the sizes of the paper, from the factors."""
    K, n, d = PAPER["classes"], PAPER["samples"], PAPER["width"]
    for L, reg in PAPER_REGS:
        a = _scale(K, L, reg, n, kind)
        if a is None:
            continue
        problem = DeepUFM(K, L, reg, samples=n, width=d)
        spectrum = lifted_spectrum(problem, simplex_of(K).shape([a]))
        yield Cases(
            agreement(-spectrum.least / reg, ROUNDING), classes=K, depths=L, regs=reg, what="paper's size, from factors"
        )
        error = distance(simplex_spectrum(K, L, a, n, d), spectrum, reg)
        yield Cases(agreement(error, 1e-9), classes=K, depths=L, regs=reg, what="closed form against factors")


def distance(closed: Spectrum, found: Spectrum, reg: float) -> float:
    """Largest difference of eigenvalues in units of lambda, relative to the largest of them."""
    return float(np.max(np.abs(closed.all() - found.all() / reg)) / closed.spectral)


def _sharper(classes: Ints, depths: Ints) -> Iterator[Evidence]:
    yield Remark(
        "exact threshold for K >= 4: the Hessian is positive semidefinite iff a >= K (L-1)/(L+1); at K = 10, L = 2 up "
        f"to lambda_eff = {largest_reg(10, 2):.6g}, at L = 5 up to {largest_reg(10, 5):.6g}; above, up to the fold, "
        "the simplex is a minimum along its scale but a saddle",
        sharper=True,
    )
    curves = {f"L = {L}": (list(classes), [largest_reg(K, L) for K in classes]) for L in depths if L in (2, 3, 5, 10)}
    yield Lines("Largest lambda_eff with a semidefinite Hessian at the simplex", "classes K", "lambda_eff", curves, "y")

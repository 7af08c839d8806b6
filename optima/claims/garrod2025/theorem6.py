"""Theorem 6: the ratio of the Hessians' norms at the simplex and at pairs tends to a constant."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import product

import numpy as np
from scipy.optimize import brentq

from optima.claims.claim import Control, claim
from optima.claims.derivation import step, whole
from optima.claims.evidence import Cases, Evidence, Ints, Lines, Remark, Table, agreement
from optima.claims.garrod2025.theorem4 import PAPER_REGS, distance
from optima.model import DeepUFM
from optima.scales import best_scales
from optima.spectra import lifted_spectrum, pairs_spectrum, simplex_spectrum
from optima.structures import named

NORMS = ("frobenius", "spectral", "trace_norm")
# Scale of the simplex at which the limit is compared, and how close it has to be there.
FAR, CLOSE = 1e8, 2e-4
WIDTH = 70


def limits(classes: int, depth: int, samples: int) -> tuple[float, float, float]:
    r"""Limits of the ratio for the Frobenius, spectral and trace norms (K >= 4 even, L >= 2).

    .. math::
        \frac{K-2}{2K}\sqrt{F_S/F_P},\qquad 1,\qquad
        \frac{2(K-1)[(L+1)(K-1)+1+(n-1)K]}{K^2[L+1+2n]}

    with F_S, F_P as in derivations/hessian_norms.py.
    """
    K, L, n, h = classes, depth, samples, classes / 2
    trace = 2 * (K - 1) * ((L + 1) * (K - 1) + 1 + (n - 1) * K) / (K**2 * (L + 1 + 2 * n))
    F_S = (L + 1) ** 2 * (K**3 - K**2) + (K - 1) * (2 * (L + 1) * (K - 2) + 4) + (n - 1) * K * (K - 1) * (K + 2)
    F_P = h * (h - 1) * ((L + 1) ** 2 * h + 2 * (2 * h + 1) + 2 * h * (n - 1))
    return (K - 2) / (2 * K) * math.sqrt(F_S / F_P), 1.0, trace


@claim(
    "garrod2025.theorem6",
    statement="For even K the norm (Frobenius, spectral or trace) of the Hessian of all parameters at the simplex over "
    "that at pairs tends to a constant as lambda -> 0; both scales grow like log(1/lambda).",
    latex=r"\lim_{\lambda\to0}\frac{\|\nabla^2F\|_{\rm simplex}}{\|\nabla^2F\|_{\rm pairs}}="
    r"\tfrac{K-2}{2K}\sqrt{\tfrac{F_S}{F_P}},\quad1,\quad\tfrac{2(K-1)[(L+1)(K-1)+1+(n-1)K]}{K^2[L+1+2n]}",
    source="garrod2025, Theorem 6; derivations/hessian_norms.py",
    how="symbolic proof with the constants in closed form; the spectra in closed form at scales up to 1e8, and against "
    "lifted factors at the paper's sizes",
    axes={"classes": range(4, 21, 2), "depths": range(2, 9), "samples": (1, 5)},
    deep={"classes": range(4, 101, 2), "depths": range(2, 31), "samples": (1, 2, 5, 100)},
    control=Control(
        "the constants without the factor (K-2)/(2K) of the two curvature units",
        {"unit": lambda classes: 2 * classes / (classes - 2)},
        {"classes": (6,), "depths": (2,), "samples": (1,)},
    ),
    proves=True,
)
def theorem6(
    classes: Ints, depths: Ints, samples: Ints, *, unit: Callable[[int], float] = lambda classes: 1.0
) -> Iterator[Evidence]:
    """Margin: tolerance minus the relative distance of the ratio at scale 1e8 from the constant."""
    yield whole("hessian_norms")
    yield step("hessian_norms", "check_constants", "the constants from the moments of both spectra")
    for K in (K for K in classes if K % 2 == 0 and K >= 4):
        for L, n in product(depths, samples):
            for norm, ratio, limit in zip(NORMS, ratios(K, L, n, FAR), limits(K, L, n), strict=True):
                error = abs(ratio / (limit * unit(K)) - 1)
                yield Cases(agreement(error, CLOSE), classes=K, depths=L, samples=n, norm=norm)
    yield from _paper()
    yield from _exhibits()


def ratios(classes: int, depth: int, samples: int, scale: float) -> list[float]:
    """The three ratios at the lambda at which the simplex has a given scale."""
    first = simplex_spectrum(classes, depth, scale, samples, max(WIDTH, classes))
    second = pairs_spectrum(classes, depth, pairs_scale(classes, depth, scale), samples, max(WIDTH, classes))
    return [getattr(first, norm) / getattr(second, norm) for norm in NORMS]


def pairs_scale(classes: int, depth: int, scale: float) -> float:
    """The larger stationary scale of pairs at the lambda at which the simplex has a given one.

    log lam_eff = (1-p) log a - log(e^a + K - 1) for the simplex and, for pairs,
    (1-p) log a + log((K-2) + 2 e^-a) - log(e^a + K - 2 + e^-a) - log((K/2) 2^p).
    """
    K, p = classes, 2 / (depth + 1)
    flat = lambda a: (1 - p) * math.log(a) - a
    target = flat(scale) - math.log1p((K - 1) * math.exp(-scale))

    def excess(a: float) -> float:
        e = math.exp(-a)
        fit = math.log(K - 2 + 2 * e) - math.log1p((K - 2) * e + e * e)
        return flat(a) + fit - math.log(K / 2) - p * math.log(2) - target

    return float(brentq(excess, scale - 3, scale + 3, xtol=1e-12))


def _paper() -> Iterator[Evidence]:
    """The closed forms against the spectrum of the lifted factors at K = 10, n = 5, d = 70."""
    for L, reg in PAPER_REGS:
        for name, closed in (("simplex", simplex_spectrum), ("pairs", pairs_spectrum)):
            structure = named(name, 10)
            a = float(best_scales(structure, L, reg, 5).scales[0])
            found = lifted_spectrum(DeepUFM(10, L, reg, samples=5, width=WIDTH), structure.shape([a]))
            error = distance(closed(10, L, a, 5, WIDTH), found, reg)
            words = f"all eigenvalues at {name}, lambda = {reg:g}"
            yield Cases(agreement(error, 1e-9), classes=10, depths=L, samples=5, norm=words)


def _exhibits() -> Iterator[Evidence]:
    rows = [[K, L, n, *limits(K, L, n)] for K, L, n in ((4, 2, 1), (10, 2, 1), (10, 2, 5), (10, 5, 5), (100, 3, 100))]
    yield Table("Limits of the ratio simplex / pairs", ["K", "L", "n", "Frobenius", "spectral", "trace"], rows)
    scales = np.geomspace(8, 1e6, 21).tolist()
    values = np.array([ratios(10, 2, 5, a) for a in scales])
    curves = {name: (scales, values[:, i].tolist()) for i, name in enumerate(("Frobenius", "spectral", "trace"))}
    yield Lines("Ratio at K = 10, L = 2, n = 5, d = 70", "scale of the simplex", "ratio", curves, "x")
    yield Remark("the constants in closed form; for the spectral norm the constant is 1", sharper=True)

"""Repulsion of singular values, and the Hessian of the regularised simplex."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

import numpy as np

from optima.claims.claim import Control, claim
from optima.claims.derivation import step, whole
from optima.claims.evidence import Cases, Evidence, Ints, Lines, Remark, agreement
from optima.claims.garrod2025.theorem4 import largest_reg
from optima.claims.garrod2025.theorem4 import least_scale as semidefinite_from
from optima.dynamics.characters import Characters
from optima.dynamics.collapse_chance import basis
from optima.dynamics.repulsion import critical_scale, deviation_growth
from optima.model import Array, DeepUFM
from optima.scales import best_scales
from optima.spectra import simplex_spectrum
from optima.structures.simplex import Simplex

# Size of a small deviation, relative scales around rho* and how far from it a sign must be right.
SMALL, BESIDE = 1e-7, (0.2, 0.6, 0.98, 1.02, 1.5, 3.0)


@claim(
    "garrod2026depth.repulsion",
    statement="With three or more factors nearly equal singular values repel each other early in training; they do so "
    "until rho* = K (L-1)/(L+1), and attract each other afterwards.",
    latex=r"r(\rho)=r(\rho_0)\,(\rho/\rho_0)^{1-2/m}e^{-(\rho-\rho_0)/K},\qquad\rho^*=\tfrac{L-1}{L+1}K",
    source="garrod2026depth, abstract (early-time repulsion among singular values); the law and rho* are ours: "
    "derivations/repulsion.py",
    how="symbolic proof; the growth of small deviations in the exact flow on both sides of rho*",
    axes={"classes": (4, 5, 6, 8, 9, 16), "depths": (2, 3, 5, 10)},
    deep={"classes": range(4, 33), "depths": range(2, 21)},
    control=Control("two factors: they only attract", {}, {"classes": (4,), "depths": (1,)}),
    proves=True,
)
def repulsion(
    classes: Ints, depths: Ints, *, threshold: Callable[[int, int], float] = critical_scale
) -> Iterator[Evidence]:
    """Margin: growth of small deviations, with the sign that the statement gives it."""
    yield whole("repulsion")
    yield step("repulsion", "check_law", "the law, and where it is largest")
    for K, L in product(classes, depths):
        top = threshold(K, L) or K / 2
        for share in BESIDE:
            growth = deviation_rates(K, L, share * top)
            repels = share < 1
            yield Cases(growth if repels else -growth, classes=K, depths=L, scale=share * top, what="sign")
            wanted = (1 - 2 / (L + 1)) - share * top / K
            yield Cases(
                agreement(np.abs(growth - wanted).max(), 1e-5), classes=K, depths=L, scale=share * top, what="law"
            )
    yield _curves()


def deviation_rates(classes: int, depth: int, scale: float) -> Array:
    """d log r_b / d log rho of a small deviation of every block b in turn, the others moved against it."""
    equations = Characters(DeepUFM(classes, depth, 0), basis(classes))
    weights = equations.multiplicity / equations.multiplicity.sum()
    found = []
    for b in range(equations.blocks):
        r = -SMALL * weights[b] * np.ones(equations.blocks)
        r[b] += SMALL
        rates = equations.rates(np.log(scale) + np.log1p(r), 0.0)
        mean = float(weights @ rates)
        found.append((rates[b] - mean) / (mean * r[b]))
    return np.array(found)


def _curves() -> Lines:
    scales = np.linspace(0.1, 20, 100)
    curves = {f"L = {L}": (scales.tolist(), deviation_growth(scales, 0.1, 8, L).tolist()) for L in (1, 2, 3, 5)}
    return Lines("Growth of a small deviation, K = 8, from rho_0 = 0.1", "mean singular value rho", "r / r_0", curves)


@claim(
    "garrod2026depth.bridge",
    statement="The scale at which the singular values of unregularised training stop repelling each other is the one "
    "from which on the Hessian of the regularised simplex is positive semidefinite.",
    latex=r"\frac{d\log\zeta_k}{dt}=m\,h_k,\qquad\frac{\partial F}{\partial\log\zeta_k}=\zeta_k^{2/m}(\lambda-h_k),"
    r"\qquad h_k=\tfrac1K\zeta_k^{1-2/m}\sum_x\pi(x)(1-\chi_k(x))",
    source="ours: derivations/repulsion.py and derivations/simplex_hessian.py",
    how="symbolic proof; the least nonzero eigenvalue of the Hessian of all parameters, and the growth of deviations, "
    "change sign at the same scale",
    axes={"classes": (4, 6, 9, 16), "depths": (2, 3, 6)},
    deep={"classes": range(4, 33), "depths": range(2, 21)},
    control=Control(
        "the fold of lambda(a), where the simplex stops being a minimum along its scale",
        {"threshold": lambda classes, depth: (depth - 1) / (depth + 1)},
        {"classes": (6,), "depths": (3,)},
    ),
    proves=True,
)
def bridge(
    classes: Ints, depths: Ints, *, threshold: Callable[[int, int], float] = critical_scale
) -> Iterator[Evidence]:
    """Margin: eigenvalue over lambda, and minus the growth of deviations, above rho*; their negatives below."""
    yield whole("repulsion")
    yield step("repulsion", "check_bridge", "one function h, whose slope changes sign at rho*")
    yield step("simplex_hessian", "check_semidefinite", "the Hessian is semidefinite exactly from rho* on")
    for K, L in product(classes, depths):
        for share in (0.9, 0.999, 1.001, 1.1):
            a = share * threshold(K, L)
            values = simplex_spectrum(K, L, a).values
            sign = 1.0 if share > 1 else -1.0
            least = float(values[values != 0].min())
            growth = float(deviation_rates(K, L, a).max())
            yield Cases(sign * least, classes=K, depths=L, scale=a, what="least eigenvalue / lambda")
            yield Cases(-sign * growth, classes=K, depths=L, scale=a, what="attraction")
    reg = largest_reg(10, 2)
    scale = float(best_scales(Simplex(10), 2, 0.999 * reg).scales[0])
    yield Remark(
        f"at K = 10, L = 2 both thresholds are {semidefinite_from(10, 2):.6g}: lambda_eff = {reg:.6g}, at 0.999 of "
        f"which the simplex has the scale {scale:.6g}"
    )

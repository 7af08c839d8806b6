"""Theorem 3: the limit of infinite depth."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np

from optima.claims.claim import Control, claim
from optima.claims.derivation import step, whole
from optima.claims.evidence import Cases, Evidence, Ints, Lines, Remark, agreement
from optima.claims.garrod2025.depth_limit import least_rank, separates, tail_bound, zero_reg
from optima.model import DeepUFM
from optima.search.ladder import search

# Sequences of regularisations with lam_L = o(1/L).
SEQUENCES = {
    "L^-2": lambda L: float(L) ** -2,
    "e^-L": lambda L: float(np.exp(-L)),
    "1/(L log^2 L)": lambda L: 1 / (L * np.log(L + 2) ** 2),
}
# Bound on (s_{q+1}/s_1)^p below which the decay is exponential: s_{q+1}/s_1 <= DECAY^{(L+1)/2}.
DECAY = 0.9
# Smaller lambda are left out: losses would underflow.
SMALLEST = 1e-290
# Depths up to which the minima themselves are searched.
SEARCHED = 40


@claim(
    "garrod2025.theorem3",
    statement="(i) If 1/lam_L = o(L), all singular values of Z*_L vanish faster than exponentially. (ii) If lam_L = "
    "o(1/L), Z*_L is diagonally superior for large L, and all but at most q_K singular values of Z*_L/||Z*_L|| are "
    "zero or decay at least exponentially.",
    latex=r"\lambda_LL\to\infty\Rightarrow s_i(Z_L^*)\le\bigl(\tfrac{2\log K}{(L+1)\lambda_L}\bigr)^{\frac{L+1}2};"
    r"\qquad\lambda_LL\to0\Rightarrow\bigl(\tfrac{s_{q+1}}{s_1}\bigr)^{\frac2{L+1}}\le"
    r"\tfrac1q\Bigl(\tfrac{V}{c\,s_1^p}-1\Bigr)",
    source="garrod2025, Theorem 3; derivations/depth_limit.py, derivations/minimal_rank.py",
    how="symbolic proof of the bounds; the bounds evaluated along three sequences up to L = 10^6; the minima searched "
    "where the bounds apply and L <= 40",
    axes={"classes": range(2, 8), "depths": (5, 10, 20, 40, 100, 1000, 10**4, 10**5, 10**6)},
    deep={"classes": range(2, 21), "depths": (5, 10, 15, 20, 30, 40, 100, 1000, 10**4, 10**5, 10**6, 10**7)},
    control=Control("all but one singular value decay", {"kept": 1}, {"classes": (4,), "depths": (20, 40)}),
)
def theorem3(classes: Ints, depths: Ints, *, kept: int | None = None) -> Iterator[Evidence]:
    """Margins: distance of the searched loss from log K in (i); of the bounds from their limits in (ii)."""
    yield whole("depth_limit")
    yield step("minimal_rank", "check_rank_one", "q_K = 2 for K >= 3", classes=3)
    for K, L in product(classes, depths):
        yield from zero_cases((1,) * K, L)
    for K in classes:
        yield from deep_cases((1,) * K, depths, kept)
    yield Remark(
        "(i) more than vanishing: Z*_L is exactly zero as soon as (L+1) lam_L >= 2 log K, for all class sizes",
        sharper=True,
    )
    if len(classes) > 1:
        yield _decay(classes)


def zero_cases(sizes: tuple[int, ...], L: int) -> Iterator[Evidence]:
    """From lam = 2 log K / (L + 1) on the search finds nothing below the zero logits."""
    K = len(sizes)
    if L > SEARCHED:
        return
    for factor in (1.0, 1.5):
        problem = DeepUFM(K, L, factor * zero_reg(K, L), samples=sizes)
        loss = search(problem, effort="quick", many=True).loss
        yield Cases(agreement(1 - loss / np.log(K), 1e-12), classes=K, depths=L, what="(i) loss above zero logits")


def deep_cases(sizes: tuple[int, ...], depths: Ints, kept: int | None) -> Iterator[Evidence]:
    """Diagonal superiority and decay by the bounds; the searched minimum where they apply."""
    K = len(sizes)
    for name, sequence in SEQUENCES.items():
        reached = False
        for L in depths:
            reg = sequence(L)
            if reg < SMALLEST:
                continue
            value, bound = tail_bound(sizes, L, reg)
            superior = separates(sizes, value)
            # "For large L": from the first depth at which both bounds hold on.
            reached = reached or (bound < DECAY and superior > 0)
            if not reached:
                continue
            yield Cases(superior, classes=K, depths=L, sequence=name, what="(ii) diagonally superior")
            yield Cases(1 - bound / DECAY, classes=K, depths=L, sequence=name, what="(ii) bound of the tail")
            if L <= SEARCHED:
                yield _searched(sizes, L, reg, name, kept or least_rank(K))


def _searched(sizes: tuple[int, ...], L: int, reg: float, name: str, kept: int) -> Cases:
    """Decay of the singular values beyond ``kept`` at the best minimum that the search finds."""
    solution = search(DeepUFM(len(sizes), L, reg, samples=sizes), effort="quick", many=True)
    s = solution.singular_values
    tail = (s[kept] / s[0]) ** (2 / (L + 1)) if s.size > kept else 0.0
    witness = {"means": solution.means}
    return Cases(1 - tail / DECAY, witness, classes=len(sizes), depths=L, sequence=name, what="(ii) searched minimum")


def _decay(classes: Ints) -> Lines:
    depths = np.unique(np.geomspace(3, 1e5, 25).astype(int))
    K = max(classes)
    curves = {}
    for name, sequence in SEQUENCES.items():
        bounds = {int(L): tail_bound((1,) * K, int(L), sequence(int(L)))[1] for L in depths if sequence(L) > SMALLEST}
        shown = {L: bound for L, bound in bounds.items() if np.isfinite(bound)}
        curves[f"lambda = {name}"] = (list(shown), list(shown.values()))
    title = f"Certified bound of (s_3/s_1)^p at K = {K}; below one the decay is exponential"
    return Lines(title, "depth L", "bound", curves, "xy")

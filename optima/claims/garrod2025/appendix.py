"""Theorems A1 to A3: the same under step imbalance."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np

from optima.claims.claim import Control, claim
from optima.claims.derivation import step
from optima.claims.evidence import Cases, Evidence, Ints, Reals, Remark, Table
from optima.claims.garrod2025.scaled_matrix import Line, comparison_depth, gains, step_sizes
from optima.claims.garrod2025.theorem2 import compare, matrix_pairs
from optima.claims.garrod2025.theorem3 import deep_cases, zero_cases
from optima.model.log_grid import log_grid
from optima.structures import named

IMBALANCE = {"ratios": (2, 10, 100), "shares": (0.25, 0.5, 0.75)}


@claim(
    "garrod2025.theoremA1",
    statement="Theorem 2 under step imbalance: for M diagonally superior of smaller rank than X there is a depth "
    "beyond which min_beta f(beta M) <= min_alpha f(alpha X) for every lambda.",
    latex=r"n_c\in\{Rn_{\min},n_{\min}\}:\ \operatorname{rank}M<\operatorname{rank}X\Rightarrow\exists L_0\ "
    r"\forall L\ge L_0:\ \min_\beta f(\beta M)\le\min_\alpha f(\alpha X)",
    source="garrod2025, Theorem A1; derivations/depth_limit.py (any class sizes)",
    how="symbolic proof given C; C and the losses from the explicit L_0 on, computed",
    axes={"classes": (4, 6, 8), **IMBALANCE, "multiples": (1, 3), "regs": tuple(log_grid(1e-12, 1, 13))},
    deep={"classes": range(4, 11), "multiples": (1, 2, 5, 20), "regs": tuple(log_grid(1e-30, 1, 61))},
    control=Control("the same with the ranks the other way round", {"swapped": True}, {"classes": (6,)}),
)
def theoremA1(
    classes: Ints, ratios: Ints, shares: Reals, multiples: Ints, regs: Reals, *, swapped: bool = False
) -> Iterator[Evidence]:
    """Margin: relative gain of M over X."""
    yield step("depth_limit", "check_comparison", "smaller penalty from the explicit depth on, any class sizes")
    for K, R, rho in product(classes, ratios, shares):
        for name, X, other, M in matrix_pairs(K, step_sizes(K, R, rho)):
            high, low = (M, X) if swapped else (X, M)
            at: dict[str, Any] = {"classes": K, "ratios": R, "shares": rho, "X": name, "M": other}
            yield from compare(high, low, multiples, np.array(regs), at, swapped)


@claim(
    "garrod2025.theoremA2",
    statement="Theorem 3 under step imbalance: (i) all singular values vanish faster than exponentially when 1/lam_L = "
    "o(L); (ii) when lam_L = o(1/L), Z*_L is diagonally superior for large L and all but q_K singular values decay.",
    latex=r"n_c\in\{Rn_{\min},n_{\min}\}:\ V<\tfrac{n_{\min}}N\log2\Rightarrow Z^*\ \text{diagonally superior}",
    source="garrod2025, Theorem A2; derivations/depth_limit.py (any class sizes)",
    how="symbolic proof of the bounds; the bounds along three sequences up to L = 10^6; minima searched at L <= 40",
    axes={"classes": (3, 4, 6), "ratios": (2, 10), "shares": (0.5,), "depths": (10, 40, 1000, 10**6)},
    deep={"classes": range(3, 9), "ratios": (2, 10, 100), "depths": (5, 10, 20, 40, 1000, 10**6, 10**8)},
    control=Control(
        "all but one singular value decay", {"kept": 1}, {"classes": (4,), "ratios": (2,), "depths": (40,)}
    ),
)
def theoremA2(
    classes: Ints, ratios: Ints, shares: Reals, depths: Ints, *, kept: int | None = None
) -> Iterator[Evidence]:
    """Margins as in Theorem 3."""
    yield step("depth_limit", "check_zero", "zero is the global minimum from (L+1) lambda = 2 log K on")
    for K, R, rho in product(classes, ratios, shares):
        sizes = step_sizes(K, R, rho)
        for L in depths:
            yield from zero_cases(sizes, L)
        yield from deep_cases(sizes, depths, kept)


@claim(
    "garrod2025.theoremA3",
    statement="Theorem 1 under step imbalance: for K >= 4 and large depth the SEL structure (columns of the simplex "
    "repeated for every sample of a class) is not a global minimum.",
    latex=r"K\ge4:\ \exists L_0(K,R,\rho)\ \forall L\ge L_0:\ \min_\alpha f(\alpha S)>"
    r"\min_\beta f(\beta\,\text{pairs})",
    source="garrod2025, Theorem A3; derivations/depth_limit.py",
    how="symbolic proof of the comparison at equal scale; L_0 and the losses computed on a grid",
    axes={"classes": range(4, 13), **IMBALANCE, "multiples": (1, 2, 10), "regs": tuple(log_grid(1e-12, 1, 13))},
    deep={"classes": range(4, 31), "ratios": (2, 10, 100, 1000), "multiples": (1, 2, 5, 20)},
    control=Control("the same at K = 3", {"least": 3}, {"classes": (3,)}),
)
def theoremA3(
    classes: Ints, ratios: Ints, shares: Reals, multiples: Ints, regs: Reals, *, least: int = 4
) -> Iterator[Evidence]:
    """Margin: relative gain of pairs over SEL, where the scale of SEL is positive."""
    yield step("depth_limit", "check_sel", "rank of pairs below K - 1 exactly for K >= 4", classes=least)
    rows = []
    for K in (K for K in classes if least <= K):
        for R, rho in product(ratios, shares):
            first = sel_depth(K, R, rho)
            rows.append([K, R, rho, first])
            for multiple in multiples:
                gain, here = gains(*sel_lines(K, R, rho), first * multiple, np.array(regs))
                yield Cases(gain, classes=K, ratios=R, shares=rho, depths=first * multiple, regs=here)
    yield Table(
        "Depth from which pairs cost less than SEL at equal scale",
        ["K", "R", "rho", "L_0"],
        [r for r in rows if r[0] in (4, 5, 8, 12)],
    )
    yield Remark(
        "no small lambda is needed: the comparison is at equal scale, for every lambda at which SEL is not zero",
        sharper=True,
    )


def sel_lines(K: int, R: int, rho: float) -> tuple[Line, Line]:
    """SEL and pairs with the class sizes of step imbalance."""
    sizes = step_sizes(K, R, rho)
    pairs = named("pairs", K)
    return Line(np.eye(K) - 1 / K, sizes), Line(np.asarray(pairs.shape(), dtype=float), sizes)


def sel_depth(K: int, R: int, rho: float, most: int = 400) -> int:
    """First depth from which on pairs cost less than SEL at equal scale (for all larger ones by the explicit bound)."""
    sel, pairs = sel_lines(K, R, rho)
    if pairs.singular.size >= sel.singular.size:
        return 2
    last = min(comparison_depth(pairs, sel, 1.0), most)
    losing = [L for L in range(1, last + 1) if pairs.penalty(L) >= sel.penalty(L)]
    return (losing[-1] if losing else 0) + 1

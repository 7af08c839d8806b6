"""Theorem 2: at large depth every diagonally superior matrix of lower rank wins."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from optima.claims.claim import Control, claim
from optima.claims.derivation import step, whole
from optima.claims.evidence import Cases, Evidence, Ints, Reals, Remark, Table
from optima.claims.garrod2025.scaled_matrix import Line, comparison_depth, gains, scale_ratio
from optima.model import Array
from optima.model.log_grid import log_grid
from optima.structures import catalogue

# Largest number of low-rank matrices that are compared with one X.
RIVALS = 3
# A relative gain below this is no strict gain.
STRICT = 1e-12


@claim(
    "garrod2025.theorem2",
    statement="Let X have rank p and M be diagonally superior of rank q < p. There is a depth L_0 beyond which "
    "min_beta f(beta M) <= min_alpha f(alpha X) for every lambda, with equality only where both are zero.",
    latex=r"q<p\ \Rightarrow\ \exists L_0\ \forall L\ge L_0,\lambda:\ \min_\beta f(\beta M)\le\min_\alpha f(\alpha X)",
    source="garrod2025, Theorem 2; derivations/depth_limit.py",
    how="symbolic proof given the constant C = sup beta(alpha)/alpha; C, and the losses from the explicit L_0 on, "
    "computed for named and random matrices",
    axes={"classes": range(4, 11), "multiples": (1, 2, 10), "regs": tuple(log_grid(1e-12, 1, 13))},
    deep={"classes": range(4, 17), "multiples": (1, 2, 3, 5, 10, 100), "regs": tuple(log_grid(1e-30, 1, 91))},
    control=Control("the same with the ranks the other way round", {"swapped": True}, {"classes": (6,)}),
)
def theorem2(classes: Ints, multiples: Ints, regs: Reals, *, swapped: bool = False) -> Iterator[Evidence]:
    """Margin: relative gain of M over X, at ``multiples`` of L_0, where the scale of X is positive."""
    yield whole("depth_limit")
    yield step("depth_limit", "check_comparison", "smaller penalty from the explicit depth on")
    rows: list[list[Any]] = []
    for K in classes:
        for name, X, other, M in matrix_pairs(K, (1,) * K):
            high, low = (M, X) if swapped else (X, M)
            yield from compare(high, low, multiples, np.array(regs), {"classes": K, "X": name, "M": other}, swapped)
            if not swapped and len(rows) < 12:
                rows.append([K, name, other, *depths_of(X, M, np.array(regs))])
    if rows:
        yield Table("First depths", ["K", "X", "M", "L_0 (explicit)", "from which M wins on the grid"], rows)
        yield Remark("L_0 does not depend on lambda and is explicit: p < log(rank X / rank M) / log(C m_max / x_min)")


def matrix_pairs(K: int, sizes: tuple[int, ...]) -> Iterator[tuple[str, Line, str, Line]]:
    """X of high rank (simplex, a random matrix) with diagonally superior M of lower rank."""
    rng = np.random.default_rng(K)
    random = rng.standard_normal((K, K))
    tops: list[tuple[str, Array]] = [("simplex", np.eye(K) - 1 / K), ("random", random - random.mean(axis=0))]
    for name, X in tops:
        high = Line(X, sizes)
        found = 0
        for structure in catalogue(K):
            if not structure.blocks() or structure.rank >= high.singular.size or found == RIVALS:
                continue
            low = Line(np.asarray(structure.shape(), dtype=float), sizes)
            if low.diagonally_superior and low.singular.size < high.singular.size:
                found += 1
                yield name, high, structure.name, low


def compare(
    high: Line, low: Line, multiples: Ints, regs: Array, at: dict[str, Any], swapped: bool = False
) -> Iterator[Evidence]:
    """Gain of ``low`` over ``high`` from the explicit depth on, where the scale of ``high`` is positive."""
    first = 2 if swapped else comparison_depth(low, high, scale_ratio(low, high))
    for multiple in multiples:
        L = first * multiple
        gain, here = gains(high, low, L, regs)
        yield Cases(gain - STRICT, depths=L, regs=here, **at)


def depths_of(high: Line, low: Line, regs: Array) -> tuple[int, int]:
    """The explicit L_0, and the first depth from which on M wins at every lambda of the grid, up to L_0."""
    explicit = comparison_depth(low, high, scale_ratio(low, high))
    wins = []
    for L in range(1, min(explicit, 60) + 1):
        here = regs * 2 * np.log(len(low.matrix)) / (L + 1)
        wins.append(bool(np.all(low.minimum(L, here)[0] <= high.minimum(L, here)[0] * (1 + 1e-12))))
    losing = [L for L, won in enumerate(wins, start=1) if not won]
    return explicit, (losing[-1] + 1 if losing else 1)

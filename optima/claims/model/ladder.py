"""The ladder of ranks: minima of a rung are minima."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np

from optima.claims.claim import Control, claim
from optima.claims.evidence import Cases, Evidence, Ints, Reals
from optima.model import Array, DeepUFM
from optima.reduction import Reduction
from optima.search.ladder import search

# Random directions tried around a minimum.
DIRECTIONS = 30


@claim(
    "model.ladder",
    statement="For L >= 2 a local minimum among the logits of its own rank is a local minimum of f; in particular zero "
    "always is one.",
    latex=r"L\ge2:\ f(M+E)\ge f(M)\ \text{ for }\ \|E\|\le(c/b)^{1/(1-p)},\quad\|\nabla g\|_2\le b",
    source="theory section 2; derivations/schatten_reduction.py, section 9; derivations/structure_losses.py, section 0",
    how="random directions of every rank within the explicit radius, around zero and around the minima that the search "
    "finds on every rung",
    axes={"classes": (3, 4, 5, 6), "depths": (2, 3, 5), "regs": (1e-3, 1e-2)},
    deep={"classes": range(3, 11), "depths": range(2, 9), "regs": (1e-4, 1e-3, 1e-2, 5e-2)},
    control=Control("the same at depth one", {}, {"classes": (4,), "depths": (1,), "regs": (1e-2,)}),
)
def ladder(classes: Ints, depths: Ints, regs: Reals) -> Iterator[Evidence]:
    """Margin: least relative rise of f over random directions within the radius."""
    for K, L, reg in product(classes, depths, regs):
        problem = DeepUFM(K, L, reg)
        at: dict[str, Any] = {"classes": K, "depths": L, "regs": reg}
        yield Cases(least_rise(problem, np.zeros((K, K))), minimum="zero", **at)
        for rung in search(problem, effort="quick", many=True).ladder:
            for found in rung.minima:
                if found.verdict == "minimum":
                    rise = least_rise(problem, found.means)
                    yield Cases(rise, {"means": found.means}, minimum=f"rank {rung.rank}", **at)


def least_rise(problem: DeepUFM, means: Array) -> float:
    """min over random directions E within the radius of (f(M + E) - f(M)) / f(M)."""
    reduced = Reduction(problem)
    p, c = reduced.exponent, reduced.strength
    slope = np.linalg.norm(reduced.fit_gradient(means), 2)
    radius = 0.5 * (c / slope) ** (1 / (1 - p)) if p < 1 else 1e-3
    # Where the penalty is strong the bound exceeds the minimum itself; nearby is then meant by its own size.
    s = reduced.singular_values(means)
    if s.size:
        radius = min(radius, 1e-3 * s[-1])
    rng = np.random.default_rng([problem.classes, problem.depth])
    before = reduced.value(means)
    rises = []
    for _ in range(DIRECTIONS):
        E = rng.standard_normal((problem.classes, problem.classes))
        E -= E.mean(axis=0)
        rank = int(rng.integers(1, problem.classes))
        U, t, V = np.linalg.svd(E)
        E = (U[:, :rank] * t[:rank]) @ V[:rank]
        rises.append(_value(reduced, means + radius * E / np.linalg.norm(E), s.size + rank) / before - 1)
    return float(min(rises))


def _value(reduced: Reduction, means: Array, rank: int) -> float:
    """f with every singular value up to a rank, however small; those beyond are rounding."""
    s = np.linalg.svd(means, compute_uv=False)[: min(rank, reduced.problem.classes - 1)]
    return reduced.fit(means) + reduced.strength * float(np.sum(s**reduced.exponent))

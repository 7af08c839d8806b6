"""How depth shrinks the basin of neural collapse."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise, product
from typing import Any

import numpy as np

from optima.claims.claim import Control, claim
from optima.claims.derivation import step, whole
from optima.claims.evidence import Cases, Evidence, Ints, Lines, Reals, Remark, agreement
from optima.dynamics.basin import basin
from optima.dynamics.characters import Characters
from optima.dynamics.collapse_chance import fates
from optima.dynamics.separatrix import groups
from optima.model import DeepUFM

# Starts on both sides of a separatrix, relative to it.
BESIDE = np.array([0.85, 0.98, 1.02, 1.1])


@claim(
    "garrod2026depth.basin",
    statement="Depth shrinks the basin of neural collapse: starts with two different singular values collapse exactly "
    "above a separatrix r*, which rises with depth and with ever smaller starts; with two factors all collapse.",
    latex=r"\frac{dz}{d\rho}=\Bigl(\frac z\rho\Bigr)^{2-2/m}\frac{K}{K-q+q\,e^{-(\rho-z)/q}},\qquad "
    r"r^*\to\bigl(1-\tfrac qK\bigr)^{m/(m-2)}\ (\rho_0\to\infty)",
    source="garrod2026depth, abstract (how depth shrinks the basin of attraction); the equation is ours: "
    "derivations/basin_of_collapse.py",
    how="symbolic proof of equation and limit; flows in characters on both sides of the separatrix; its growth over a "
    "grid of depths and starts",
    axes={"classes": (4, 6, 8, 12), "depths": (3, 4, 6), "starts": (0.01, 0.1, 1.0)},
    deep={"classes": range(4, 25, 2), "depths": range(3, 13), "starts": (1e-4, 1e-2, 0.1, 1.0, 4.0)},
    control=Control(
        "the late limit instead of the separatrix, from small starts",
        {"separatrix": lambda found: found.late_limit},
        {"classes": (4,), "depths": (4,), "starts": (0.1,)},
    ),
    proves=True,
)
def shrinking_basin(
    classes: Ints, depths: Ints, starts: Reals, *, separatrix: Callable[..., float] = lambda found: found.separatrix
) -> Iterator[Evidence]:
    """Margin: 1 where a flow has the fate that its side says, -1 where it has the other one; growth of r*."""
    yield whole("basin_of_collapse")
    yield step("basin_of_collapse", "check_rivals", "two kinds of rivals")
    yield step("basin_of_collapse", "check_separatrix", "the separatrix and its limit")
    yield step("basin_of_collapse", "check_primes", "primes without a plane")
    for K in (K for K in classes if K % 2 == 0):
        for L, start in product(depths, starts):
            where: dict[str, Any] = {"classes": K, "depths": L, "starts": start}
            yield Cases(_fates(K, L, start, separatrix(basin(K, L, start))), **where, what="fate")
            yield Cases(basin(K, L + 1, start).separatrix - basin(K, L, start).separatrix, **where, what="depth")
        for L, (small, large) in product(depths, pairwise(sorted(starts))):
            rise = basin(K, L, small).separatrix - basin(K, L, large).separatrix
            yield Cases(rise, classes=K, depths=L, starts=small, what="smaller start")
        for L in depths:
            error = abs(basin(K, L, 1e4).separatrix - (1 - 2 / K) ** ((L + 1) / (L - 1)))
            yield Cases(agreement(error, 1e-9), classes=K, depths=L, what="late limit")
        yield Cases(agreement(basin(K, 1, 0.01).separatrix, 1e-12), classes=K, depths=1, what="two factors")
    yield Remark("P(collapse) of random starts, with intervals: optima basin --spread")
    yield _curves()


def _fates(classes: int, depth: int, start: float, r: float) -> np.ndarray:
    """Odd characters of a cyclic group tell the members of pairs apart: they lead."""
    equations = Characters(DeepUFM(classes, depth, 0), (classes,))
    leads = np.array([k[0] % 2 == 1 for k in equations.group.blocks])
    zeta = np.where(leads, start, start * r * BESIDE[:, None])
    fate = fates(equations, zeta[(r * BESIDE < 1), :])
    wanted = np.where(BESIDE > 1, 1, -1)[r * BESIDE < 1]
    # A start whose fate is not seen at a mean of 1e6 has no margin.
    return np.asarray(fate * wanted, dtype=float)


def _curves() -> Lines:
    starts = np.geomspace(1e-3, 10, 30)
    pairs = groups(4, 2)
    curves = {f"L = {L}": (starts.tolist(), (1 - pairs.separatrix(L, starts)).tolist()) for L in (2, 3, 5, 7)}
    return Lines("Separatrix r* of four classes", "rho_0", "r*", curves, log="x")

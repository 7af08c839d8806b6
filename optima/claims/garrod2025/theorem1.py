"""Theorem 1: deep neural collapse is never a global minimum."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

import numpy as np

from optima.claims.claim import Control, claim
from optima.claims.derivation import step, whole
from optima.claims.evidence import Cases, Evidence, Grid, Ints, Reals, Remark, Table
from optima.claims.garrod2025.simplex_rivals import Region, named_gap, region, searched_gap, simplex_of
from optima.model.log_grid import log_grid
from optima.scales import zero_boundary
from optima.structures import named


def published_domain(classes: int, depth: int) -> bool:
    """K >= 4 and L >= 3, or K >= 6 and L = 2."""
    return (classes >= 4 and depth >= 3) or (classes >= 6 and depth == 2)


@claim(
    "garrod2025.theorem1",
    statement="For K >= 4 and L >= 3, or K >= 6 and L = 2, the simplex is never a global minimum (cross-entropy, "
    "linear, any lambda at which its scale is positive).",
    latex=r"(K\ge4\wedge L\ge3)\ \vee\ (K\ge6\wedge L=2)\ \Rightarrow\ \min_af(aS)>\min_Mf(M)",
    source="garrod2025, Theorem 1; derivations/pairs_beat_simplex.py",
    how="symbolic proof for all K, L and lambda; relative gain of pairs over the simplex on a grid; the region in "
    "which the simplex does win from exact ties with named structures and, where none wins, the search",
    axes={"classes": range(2, 21), "depths": range(1, 11), "regs": tuple(log_grid(1e-12, 0.1, 56))},
    deep={"classes": range(2, 101), "depths": range(1, 51), "regs": tuple(log_grid(1e-100, 0.1, 200))},
    control=Control(
        "the same at K = 4, L = 2",
        {"domain": lambda classes, depth: True, "mapped": False},
        {"classes": (4,), "depths": (2,), "regs": (1e-3,)},
    ),
    proves=True,
)
def theorem1(
    classes: Ints,
    depths: Ints,
    regs: Reals,
    *,
    domain: Callable[[int, int], bool] = published_domain,
    mapped: bool = True,
) -> Iterator[Evidence]:
    """Margin: relative gain of the best rival over the simplex."""
    yield whole("pairs_beat_simplex")
    yield step("pairs_beat_simplex", "check_corner", "the inequality at the corner K = 4, L = 3", pairs=2, depth=3)
    yield step("pairs_beat_simplex", "check_corner", "the inequality at the corner K = 6, L = 2", pairs=3, depth=2)
    for K, L in product(classes, depths):
        if domain(K, L):
            yield _gains(K, L, np.array(regs))
    if mapped:
        yield from _map(classes, depths)


def _gains(K: int, L: int, regs: np.ndarray) -> Cases:
    """Gain of pairs; of the best minimum that the search finds where pairs do not win."""
    pairs = named("pairs", K)
    gain = named_gap(pairs, L, regs)
    alive = ~np.isnan(gain)
    gain, regs = gain[alive], regs[alive]
    for i in np.flatnonzero(gain <= 0):
        gain[i] = searched_gap(K, L, float(regs[i])).gap
    return Cases(gain, classes=K, depths=L, regs=regs)


def _map(classes: Ints, depths: Ints) -> Iterator[Evidence]:
    """The region of (K, L, lambda) in which the simplex is the best minimum known."""
    found = {(K, L): region(K, L) for K in classes for L in depths}
    kinds = ["nowhere best", "best below lam*", "mixed", "best everywhere"]
    used = [kind for kind in kinds if any(entry.kind == kind for entry in found.values())]
    values = np.array([[used.index(found[K, L].kind) for K in classes] for L in depths])
    text = [[", ".join(f"{tie:.2g}" for tie in found[K, L].boundary) for K in classes] for L in depths]
    words = {
        "nowhere best": "simplex is the global minimum for no lambda",
        "best below lam*": "best known only below the lambda in the cell",
        "mixed": "best known for some lambda",
        "best everywhere": "no better minimum known at any lambda",
    }
    title, labels = "Where the simplex is the best minimum known", [words[kind] for kind in used]
    yield Grid(title, "classes K", "depth L", list(classes), list(depths), values, labels, text)
    yield _table(found)
    yield from _sharper(found)


def _table(found: dict[tuple[int, int], Region]) -> Table:
    rows = []
    for (K, L), entry in found.items():
        if L > 1 and not (published_domain(K, L) and entry.kind == "nowhere best"):
            ties, zero = ", ".join(f"{tie:.10g}" for tie in entry.boundary), zero_boundary(simplex_of(K), L)
            rows.append([K, L, entry.kind, ties, entry.rival, f"{zero:.6g}", entry.known_by])
    head = ["K", "L", "the simplex is", "lam* (n = 1)", "rival", "loses to zero from", "known by"]
    return Table("Outside the published domain (L >= 2; at L = 1 the simplex is the global minimum)", head, rows)


def _sharper(found: dict[tuple[int, int], Region]) -> Iterator[Remark]:
    """One sentence for each K on what happens outside the published domain."""
    beaten = {at: entry for at, entry in found.items() if not published_domain(*at) and entry.kind != "best everywhere"}
    for K in dict.fromkeys(K for K, _ in beaten):
        rows = {L: entry for (k, L), entry in beaten.items() if k == K}
        above = {
            L: f"lambda > {entry.boundary[0]:.6g}" if entry.boundary else "every lambda" for L, entry in rows.items()
        }
        parts = [f"L = {L}: {above[L]} to {entry.rival}" for L, entry in rows.items()]
        yield Remark(
            f"at K = {K} the simplex loses too ({'; '.join(parts)}); the table says how it is known", sharper=True
        )

"""Networks of the edges of a complete graph that cost less than keeping the disjoint edges."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np

from optima.claims.claim import Control, claim
from optima.claims.derivation import step, whole
from optima.claims.evidence import Cases, Evidence, Ints, Lines, Reals, agreement
from optima.claims.relu_gain import built, gain_cases, relu_network
from optima.model.log_grid import log_grid
from optima.scales import best_scales
from optima.structures.networks import chain_price
from optima.structures.networks.in_sets import InSets
from optima.structures.networks.threshold import limit_price

TOLERANCE = 1e-10
# A relative difference of two prices that is no difference.
SAME = 1e-9


@claim(
    "networks.in_sets",
    statement="For r >= 6 points and every L >= 3 the edges of the complete graph, K = r(r-1)/2, told apart by the "
    "sets of t points that contain them, at the best t, cost less than srg: at L = 3 .932, .873 and .815 of it for r = "
    "6, 7 and 8.",
    latex=r"r\ge6:\quad\min_tG_{\rm in-sets(r,2,t)}<G_{\rm srg}",
    source="derivations/network_in_sets.py",
    how="symbolic proof of the closed form for all r and t, exact prices for r <= 40; prices and losses on a grid, and "
    "the layers themselves",
    axes={"points": (6, 7, 8, 10), "depths": (3, 4, 7), "regs": (1e-6, 1e-4, 1e-3)},
    deep={"points": range(6, 21), "depths": range(3, 13), "regs": tuple(log_grid(1e-12, 1e-2, 11))},
    control=Control("the same with five points", {}, {"points": (5,), "depths": (3,)}),
    proves=True,
)
def in_sets(points: Ints, depths: Ints, regs: Reals) -> Iterator[Evidence]:
    """Margins: 1 less the ratio of prices, and of losses where srg is not zero; agreement with the layers."""
    yield whole("network_in_sets")
    for r in points:
        yield step("network_in_sets", "check_between", f"a t between the ends at {r} points", points=r)
    curves = {}
    for r, L in product(points, depths):
        srg, best = relu_network("srg", r * (r - 1) // 2), _best(r)
        yield Cases(1 - SAME - limit_price(best, L) / limit_price(srg, L), points=r, depths=L, what="price")
        ours, theirs = (best_scales(network, L, np.array(regs), 1, "mse") for network in (best, srg))
        alive = theirs.scales[0] > 0
        gain = (1 - ours.loss / theirs.loss)[alive]
        yield Cases(gain, points=r, depths=L, regs=np.array(regs)[alive], what=best.name)
        if min(depths) == L:
            exact = chain_price(best.preactivations(L), np.eye(best.classes)).price
            yield Cases(agreement(abs(limit_price(best, L) / exact - 1), TOLERANCE), points=r, depths=L, what="layers")
            inside = range(2, r - 1)
            curves[f"r = {r}"] = (inside, [limit_price(InSets(r, 2, t), L) / limit_price(srg, L) for t in inside])
    yield Lines(f"Sets of t points, L = {min(depths)}", "t", "price over that of srg", curves)


def _best(points: int) -> InSets:
    return min((InSets(points, 2, t) for t in range(2, points - 1)), key=lambda network: network.price_of_targets(3))


@claim(
    "networks.pointed_edges",
    statement="Seven classes as the edges of four points and one of the points cost .98497, .88335 and .82149 of "
    "collapse at L = 3, 4 and 5: below collapse at every L >= 3 and every lambda at which it is not zero.",
    latex=r"K=7:\quad G/7=.98497,\ .88335,\ .82149\quad(L=3,4,5)",
    source="derivations/network_pointed_edges.py",
    how="symbolic proof of the closed form and of G < 7; losses on a grid, the layers and the factors themselves",
    axes={"depths": range(3, 9), "regs": (1e-6, 1e-4, 1e-3)},
    deep={"depths": range(3, 41), "regs": tuple(log_grid(1e-12, 1e-2, 11))},
    control=Control("the edges alone, and the point as a class that collapses", {"name": "srg(6)+collapse(1)"}),
    proves=True,
)
def pointed_edges(depths: Ints, regs: Reals, *, name: str = "pointed-edges") -> Iterator[Evidence]:
    """Margins: 1 - G/7, gain in the loss; agreement with the layers and of the factors with the formula."""
    network = relu_network(name, 7)
    yield whole("network_pointed_edges")
    yield step("network_pointed_edges", "check_wins", "G < 7 at seven classes and L = 3", depth=3, classes=7)
    for L in depths:
        price = limit_price(network, L)
        yield Cases(1 - SAME - price / 7, depths=L, what="price")
        yield gain_cases(network, L, np.array(regs))
        if name == "pointed-edges":
            exact = chain_price(network.preactivations(L), np.eye(7)).price
            yield Cases(agreement(abs(price / exact - 1), TOLERANCE), depths=L, what="layers")
        value, objective = built(network, L, max(regs))
        yield Cases(agreement(abs(objective / value - 1), TOLERANCE), depths=L, what="factors")

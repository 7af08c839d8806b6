"""Networks of three-subsets, and fans of rank two."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
import sympy as sp

from optima.claims.claim import Control, claim
from optima.claims.derivation import step, whole
from optima.claims.evidence import Cases, Evidence, Ints, Lines, Reals
from optima.claims.relu_gain import gain_cases, relu_network
from optima.claims.sukenik2024.thresholds import network_of
from optima.model.log_grid import log_grid
from optima.structures.networks import NamedNetwork
from optima.structures.networks.threshold import limit_price

# Curves that a figure can tell apart.
CURVES = 4


@claim(
    "networks.three_subsets",
    statement="At L = 3 the network of all 3-subsets of 7 and of 8 points (K = 35, 56) costs .8403 and .7963 of "
    "collapse; edges against points, with collapse on the classes left over, cost more than .94 there.",
    latex=r"G_{\rm 3-subsets}/K=.8403,\ .7963\quad(K=35,56,\ L=3)",
    source="derivations/network_subsets.py, derivations/network_thresholds.py, section 5",
    how="exact eigenvalues of the Kneser graph; prices and losses on a grid",
    axes={"points": (7, 8, 9, 10), "depths": (3, 4, 5), "regs": (1e-6, 1e-4)},
    deep={"points": range(7, 17), "depths": range(3, 11), "regs": tuple(log_grid(1e-12, 1e-4, 9))},
    control=Control("the same with 6 points", {}, {"points": (6,), "depths": (3,)}),
    proves=True,
)
def three_subsets(points: Ints, depths: Ints, regs: Reals) -> Iterator[Evidence]:
    """Margins: relative gain over collapse, and of the price over that of edges against points."""
    yield whole("network_subsets")
    for r, value in ((7, "0.8403"), (8, "0.7963")):
        words = f"the price of 3-subsets of {r} points"
        yield step("network_thresholds", "check_three_subsets", words, points=r, value=sp.Rational(value))
    for r, L in product(points, depths):
        K = r * (r - 1) * (r - 2) // 6
        network = relu_network(f"subsets({r},3)", K) if r > 6 else _six()
        yield gain_cases(network, L, np.array(regs))
        ratio = limit_price(network, L) / limit_price(network_of(K), L)
        yield Cases(1 - ratio, points=r, depths=L, what="against edges")


def _six() -> NamedNetwork:
    """All 3-subsets of six points: a 3-subset is disjoint from its complement only."""
    from optima.structures.networks.subsets import Subsets

    return Subsets(6, 3, 1)


@claim(
    "networks.fans",
    statement="K classes as a fan in the plane, told apart by hinges of the last hidden layer, have a price that tends "
    "to 2 with depth: for every K >= 3 there is a depth from which they cost less than collapse.",
    latex=r"G_{\rm fan}^{L+1}=C_K\,2^{L-3}\ \Rightarrow\ G_{\rm fan}\to2",
    source="derivations/network_fan.py",
    how="symbolic proof; prices of the best fans at multiples of the depth from which they win",
    axes={"classes": (3, 4, 6, 9, 12), "multiples": (1, 2, 10)},
    deep={"classes": range(3, 25), "multiples": (1, 2, 5, 10, 100)},
    control=Control("the same at L = 3", {"shallow": True}),
    proves=True,
)
def fans(classes: Ints, multiples: Ints, *, shallow: bool = False) -> Iterator[Evidence]:
    """Margins: 1 - G/K from the first winning depth on, and the distance to 2 that the formula leaves."""
    yield whole("network_fan")
    curves = {}
    for K in classes:
        fan = relu_network("fan", K)
        constant = limit_price(fan, 3) ** 4
        first = 3 if shallow else max(3, int(np.ceil(np.log(constant / 16) / np.log(K / 2))))
        for multiple in multiples:
            L = first * multiple
            G = limit_price(fan, L)
            yield Cases(1 - G / K, classes=K, depths=L, what="against collapse")
            yield Cases(np.log(constant / 16) / (L + 1) - np.log(G / 2) + 1e-9, classes=K, depths=L, what="limit")
        depths = list(range(3, 41))
        curves[f"K = {K}"] = (depths, [limit_price(fan, L) for L in depths])
    shown = dict(list(curves.items())[-CURVES:])
    yield Lines("Price of fans", "depth L", "price G of the targets", shown)

"""From how many classes on the network of edges against points is below deep neural collapse."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

import numpy as np

from optima.claims.claim import Control, claim
from optima.claims.derivation import step, whole
from optima.claims.evidence import Cases, Evidence, Grid, Ints, Reals, Remark, agreement
from optima.claims.relu_gain import built, gain_cases, relu_network
from optima.model.log_grid import log_grid
from optima.structures.networks import NamedNetwork
from optima.structures.networks.strongly_regular import points_of
from optima.structures.networks.threshold import limit_price

# Largest relative difference between the objective of the factors and the formula.
TOLERANCE = 1e-10
# Classes on the map, whose cells hold their numbers.
SHOWN = 10


def published_domain(classes: int, depth: int) -> bool:
    """K >= 10 and L = 3, or K >= 6 and L >= 4."""
    return (classes >= 10 and depth >= 3) or (classes >= 6 and depth >= 4)


def network_of(classes: int) -> NamedNetwork:
    """The network on the most classes it exists for, with collapse on those that are left."""
    own = max(k for k in range(6, classes + 1) if points_of(k))
    return relu_network("srg" if own == classes else f"srg({own})+collapse({classes - own})", classes)


@claim(
    "sukenik2024.beats_collapse",
    statement="For K >= 6 and L >= 4, or K >= 10 and L = 3, deep neural collapse is not globally optimal in the relu "
    "model with squared error: the network of edges against points, with collapse on the classes left over, is below "
    "it.",
    latex=r"(K\ge6\wedge L\ge4)\vee(K\ge10\wedge L=3)\ \Rightarrow\ f_{\rm SRG}<f_{\rm DNC}",
    source="sukenik2024; derivations/network_thresholds.py, derivations/network_subsets.py",
    how="symbolic proof for all K, L, n and lambda; relative gain on a grid, and the factors themselves",
    axes={"classes": range(6, 31), "depths": range(3, 9), "regs": (1e-6, 1e-4, 1e-3), "samples": (1, 5)},
    deep={
        "classes": range(6, 121),
        "depths": range(3, 21),
        "regs": tuple(log_grid(1e-12, 1e-2, 11)),
        "samples": (1, 5, 100),
    },
    control=Control(
        "the same at K = 6, L = 3, below the threshold",
        {"domain": lambda classes, depth: True, "mapped": False},
        {"classes": (6,), "depths": (3,), "regs": (1e-3,)},
    ),
    proves=True,
)
def beats_collapse(
    classes: Ints,
    depths: Ints,
    regs: Reals,
    samples: Ints,
    *,
    domain: Callable[[int, int], bool] = published_domain,
    mapped: bool = True,
) -> Iterator[Evidence]:
    """Margin: relative gain over collapse at the best scales, where collapse is not zero."""
    yield whole("network_subsets")
    yield whole("network_thresholds")
    yield step("network_thresholds", "check_published", "the corner K = 10, L = 3", points=5, depth=3)
    yield step("network_thresholds", "check_published", "the corner K = 6, L = 4", points=4, depth=4)
    for K, L in product((K for K in classes if K >= 6), depths):
        if domain(K, L):
            for n in samples:
                yield gain_cases(network_of(K), L, np.array(regs), n)
    for K, L in ((6, 4), (10, 3)):
        if K in classes and L in depths:
            value, objective = built(network_of(K), L, 1e-3)
            yield Cases(agreement(abs(objective / value - 1), TOLERANCE), classes=K, depths=L, what="factors")
    if mapped:
        yield from _map([K for K in classes if K >= 6], depths)


def _map(classes: Ints, depths: Ints) -> Iterator[Evidence]:
    classes = list(classes)[:SHOWN]
    ratios = np.array([[limit_price(network_of(K), L) / K for K in classes] for L in depths])
    published = np.array([[published_domain(K, L) for K in classes] for L in depths])
    labels = ["costs more than collapse", "costs less, published"]
    text = [[f"{ratio:.3f}" for ratio in row] for row in ratios]
    title = "Price of edges against points over that of collapse"
    yield Grid(title, "classes K", "depth L", list(classes), list(depths), (ratios < 1).astype(int), labels, text)
    if np.all((ratios < 1) == published):
        yield Remark("the construction wins exactly on the published domain; other networks win beyond it (networks.*)")


@claim(
    "sukenik2024.sign",
    statement="At L = 3 the sign in the last hidden layer decides: with M_L = J - V^T V, whose relu leaves the "
    "disjoint edges, the network is below collapse from r = 5 points on, with M_L = V^T V - J, which leaves the edge "
    "itself, above.",
    latex=r"r\ge5:\quad G_{J-V^\top V}<K<G_{V^\top V-J}\quad(L=3)",
    source="sukenik2024; the second sign and its proof: derivations/network_thresholds.py",
    how="symbolic proof for the second sign at all r, prices and losses of both on a grid",
    axes={"points": range(5, 13), "regs": (1e-6, 1e-4, 1e-3)},
    deep={"points": range(5, 41), "regs": tuple(log_grid(1e-12, 1e-3, 10))},
    control=Control("the other sign is below collapse too", {"sign": -1}),
)
def sign(points: Ints, regs: Reals, *, sign: int = 1) -> Iterator[Evidence]:
    """Margins: gain of the first sign; loss of the second one, or with ``sign`` -1 its gain."""
    yield step("network_thresholds", "check_other_sign", "the excess of the other sign", cross=2)
    for r in points:
        K = r * (r - 1) // 2
        yield gain_cases(relu_network("srg", K), 3, np.array(regs))
        other = relu_network("srg-own", K)
        yield Cases(sign * (limit_price(other, 3) / K - 1), points=r, what="price of the other sign")

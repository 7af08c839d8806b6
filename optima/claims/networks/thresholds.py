"""From how many classes on deep neural collapse is not optimal in relu networks, beyond what was published."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np

from optima.claims.claim import Control, claim
from optima.claims.derivation import step, whole
from optima.claims.evidence import Cases, Evidence, Ints, Reals, Remark, Table
from optima.claims.relu_gain import gain_cases
from optima.model import DeepUFM
from optima.model.log_grid import log_grid
from optima.relu import search_networks
from optima.scales import best_scales
from optima.structures import named
from optima.structures.networks.collapse import Collapse
from optima.structures.networks.sums import Sum
from optima.structures.networks.threshold import cheapest, collapse_threshold
from optima.structures.networks.transversal import Transversal

REGS = (1e-6, 1e-4, 1e-3)
MANY_REGS = tuple(log_grid(1e-12, 1e-2, 11))
# A relative difference of two losses that is no difference.
SAME = 1e-9


def _gains(classes: Ints, depths: Ints, regs: Reals, samples: int = 1) -> Iterator[Evidence]:
    """Relative gain of the cheapest named network, where collapse is not zero."""
    for K, L in product(classes, depths):
        network, ratio = cheapest(K, L)
        # Where nothing is cheaper it is collapse itself, which is no gain.
        yield Cases(1 - SAME - ratio, classes=K, depths=L, what="price")
        yield gain_cases(network, L, np.array(regs), samples)


@claim(
    "networks.depth_two",
    statement="For K >= 138 and L = 2 deep neural collapse is not globally optimal in the relu model with squared "
    "error, at any lambda at which it is not zero.",
    latex=r"L=2,\ K\ge138:\quad\min f<f_{\rm DNC}",
    source="derivations/network_transversal.py, derivations/network_thresholds.py",
    how="symbolic proof with an orthogonal array of strength two; gain of the network on a grid",
    axes={"classes": (138, 139, 140, 150, 180), "regs": REGS},
    deep={"classes": (*range(138, 149), 180, 240), "regs": MANY_REGS},
    control=Control("the same at K = 135", {}, {"classes": (135,)}),
    proves=True,
)
def depth_two(classes: Ints, regs: Reals) -> Iterator[Evidence]:
    """Margin: relative gain over collapse."""
    yield whole("network_transversal")
    yield step("network_thresholds", "check_sum", "prices of blocks add, so that every larger K follows", shares=(1, 1))
    for K in classes:
        whole_groups = Transversal(K - K % 3)
        network = Sum([whole_groups, Collapse(K % 3)]) if K % 3 else whole_groups
        yield gain_cases(network, 2, np.array(regs))


@claim(
    "networks.depth_three",
    statement="For K >= 7 and L = 3 deep neural collapse is not globally optimal in the relu model with squared error, "
    "at any lambda at which it is not zero; published was K >= 10.",
    latex=r"L=3,\ K\ge7:\quad\min f<f_{\rm DNC}",
    source="derivations/network_pointed_edges.py, derivations/network_thresholds.py; sharpens sukenik2024",
    how="symbolic proof with the network of four points and one of them marked; gain of the best named network on a "
    "grid",
    axes={"classes": range(7, 21), "regs": REGS, "samples": (1, 5)},
    deep={"classes": range(7, 61), "regs": MANY_REGS, "samples": (1, 5, 100)},
    control=Control("the same at K = 6", {}, {"classes": (6,)}),
    proves=True,
)
def depth_three(classes: Ints, regs: Reals, samples: Ints) -> Iterator[Evidence]:
    """Margin: relative gain over collapse."""
    yield whole("network_pointed_edges")
    yield step("network_pointed_edges", "check_wins", "G < 7 at seven classes", depth=3, classes=7)
    yield whole("network_thresholds")
    for n in samples:
        yield from _gains(classes, (3,), regs, n)


@claim(
    "networks.depth_four",
    statement="For K >= 3 and L >= 4 deep neural collapse is not globally optimal in the relu model with squared "
    "error, at any lambda at which it is not zero; published was K >= 6.",
    latex=r"L\ge4,\ K\ge3:\quad\min f<f_{\rm DNC}",
    source="derivations/network_triangle.py, derivations/network_thresholds.py; sharpens sukenik2024",
    how="symbolic proof with three classes in the plane; gain of the best named network on a grid; the table of "
    "thresholds",
    axes={"classes": range(3, 13), "depths": range(4, 13), "regs": REGS},
    deep={"classes": range(3, 31), "depths": range(4, 41), "regs": MANY_REGS},
    control=Control("the same at K = 2", {}, {"classes": (2,)}),
    proves=True,
)
def depth_four(classes: Ints, depths: Ints, regs: Reals) -> Iterator[Evidence]:
    """Margins: relative gain over collapse, and of the price."""
    yield whole("network_triangle")
    yield step("network_thresholds", "check_triangle", "G < 3 at three classes and L = 4", depth=4)
    yield from _gains(classes, depths, regs)
    yield from _table([2, 3, *depths])


def _table(depths: Ints) -> Iterator[Evidence]:
    """The thresholds of both losses beside the published ones."""
    rows = []
    for loss, L in product(("mse", "ce"), sorted({L for L in depths if L <= 12})):
        found = collapse_threshold(L, loss)
        published = found.published or "none"
        rows.append([{"mse": "squared error", "ce": "cross-entropy"}[loss], L, found.classes, found.network])
        rows[-1] += [f"{found.ratio:.6f}", published]
    head = ["loss", "L", "from K", "network", "price over that of collapse", "published from K"]
    yield Table("Where collapse is known to lose as lambda -> 0", head, rows)
    yield Remark(
        "optima thresholds prints from how many classes on collapse loses at each depth, beside what was published"
    )


@claim(
    "networks.depth_three_small",
    statement="For L = 3 and K <= 6 no relu network with squared error is below deep neural collapse, as far as a "
    "search tells.",
    latex=r"L=3,\ 3\le K\le6:\quad\min f=f_{\rm DNC}\ (?)",
    source="open; derivations/network_rank_two.py and derivations/network_gram_chain.py have what is proved",
    how="by search: named networks, then descents from many starts",
    axes={"classes": (3, 4), "regs": (1e-3,)},
    deep={"classes": (3, 4, 5, 6), "regs": (1e-4, 1e-3, 4e-3)},
    control=Control("the same at K = 7", {}, {"classes": (7,)}),
)
def depth_three_small(classes: Ints, regs: Reals) -> Iterator[Evidence]:
    """Margin: relative excess of the best network found over collapse, from -1e-9 on."""
    for K, reg in product(classes, regs):
        collapse = float(best_scales(named("collapse", K, "relu"), 3, reg, 1, "mse").loss)
        best = float(best_scales(cheapest(K, 3)[0], 3, reg, 1, "mse").loss)
        if best > collapse * (1 - SAME):
            problem = DeepUFM(K, 3, reg, loss="mse", activation="relu")
            best = search_networks(problem, effort="quick").loss
        yield Cases(best / collapse - 1 + SAME, classes=K, depths=3, regs=reg)

"""Tight codes lifted to nonnegative features, with cross-entropy."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np

from optima.claims.claim import Control, claim
from optima.claims.derivation import step, whole
from optima.claims.evidence import Cases, Evidence, Ints, Reals, agreement
from optima.claims.relu_gain import built, relu_network
from optima.model.log_grid import log_grid
from optima.scales import best_scales
from optima.structures.networks import network_catalogue
from optima.structures.networks.lifted_codes import LiftedCode

TOLERANCE = 1e-10


@claim(
    "networks.lifted_pairs",
    statement="With cross-entropy and even K antipodal pairs lifted to nonnegative features cost ((1 + sqrt(2/K))/2)^p "
    "of the network of Theorem 7 of garrod2025, p = 2/(L+1), at the same logits: less at every L and lambda.",
    latex=r"\rho_{\rm lifted}=\Bigl(\frac{1+\sqrt{2/K}}2\Bigr)^p\rho_{\rm Theorem\,7}",
    source="derivations/network_lifted_codes.py; improves on garrod2025, Theorem 7",
    how="symbolic proof for all K and L; prices and losses on a grid, and the factors themselves",
    axes={"classes": range(4, 25, 2), "depths": range(2, 9), "regs": (1e-6, 1e-4, 1e-3)},
    deep={"classes": range(4, 61, 2), "depths": range(2, 21), "regs": tuple(log_grid(1e-12, 1e-2, 11))},
    control=Control("the ratio of prices has half that power", {"power": 0.5}),
    proves=True,
)
def lifted_pairs(classes: Ints, depths: Ints, regs: Reals, *, power: float = 1.0) -> Iterator[Evidence]:
    """Margins: agreement of the ratio; relative gain in the loss where the published network is not zero."""
    yield whole("network_lifted_codes")
    yield whole("relu_pairs")
    square = lambda names: ((1 + names["sp"].sqrt(2 / names["K"])) / 2) ** 2
    yield step("network_lifted_codes", "check_theorem7", "the ratio of prices", ratio=square)
    for K, L in product((K for K in classes if K % 2 == 0), depths):
        ours, published = relu_network("lifted(pairs)", K), relu_network("garrod-pairs", K)
        p = 2 / (L + 1)
        ratio = float(ours.blocks()[0].price(p)) / float(published.blocks()[0].price(p))
        claimed = ((1 + np.sqrt(2 / K)) / 2) ** (p * power)
        yield Cases(agreement(abs(ratio / claimed - 1), TOLERANCE), classes=K, depths=L, what="ratio")
        low, high = (best_scales(network, L, np.array(regs)) for network in (ours, published))
        alive = high.scales[0] > 0
        gain = (high.loss - low.loss) / high.loss
        yield Cases(gain[alive], classes=K, depths=L, regs=np.array(regs)[alive], what="gain")
    for K in classes[:2]:
        value, objective = built(relu_network("lifted(pairs)", K), 3, 1e-3, loss="ce")
        yield Cases(agreement(abs(objective / value - 1), TOLERANCE), classes=K, depths=3, what="factors")


@claim(
    "networks.lifted_codes",
    statement="A tight code of K unit vectors in R^r with inradius rho is the Gram matrix of nonnegative features less "
    "c^2 J only for c^2 >= r rho^2; at equality its network has the price rho_p^(L+1) = K^2 r (1 + rho)^2 (r+1)^(L-2).",
    latex=r"\rho_p^{L+1}=K^2\,r\,(1+\rho)^2\,(r+1)^{L-2}",
    source="derivations/network_lifted_codes.py",
    how="symbolic proof; every lifted code of the catalogue: V >= 0, V^T V, and the price of its layers",
    axes={"classes": (4, 5, 6, 8, 9, 10, 12, 15), "depths": (2, 3, 5)},
    deep={"classes": range(4, 31), "depths": range(2, 11)},
    control=Control("the inradius taken off", {"sign": -1}),
    proves=True,
)
def lifted_codes(classes: Ints, depths: Ints, *, sign: int = 1) -> Iterator[Evidence]:
    """Margins: agreement of V^T V and of the price, and the least entry of V."""
    yield whole("network_lifted_codes")
    for K in classes:
        for network in network_catalogue(K, "ce"):
            if not isinstance(network, LiftedCode):
                continue
            r, square, V = network.code.rank, float(network.lift.square(False)), network.stem()
            error = np.max(np.abs(V.T @ V - network.lift.gram() - r * square))
            at: dict[str, Any] = {"classes": K, "code": network.code.name}
            yield Cases(agreement(error, 1e-9), what="lift", **at)
            yield Cases(float(V.min()), what="nonnegative", **at)
            for L in depths:
                claimed = K**2 * r * (1 + sign * np.sqrt(square)) ** 2 * (r + 1) ** (L - 2)
                found = float(network.blocks()[0].price(2 / (L + 1))) ** (L + 1)
                yield Cases(agreement(abs(found / claimed - 1), 1e-9), depths=L, what="price", **at)

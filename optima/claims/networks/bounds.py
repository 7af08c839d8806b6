"""What no relu network can undercut."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np

from optima.claims.claim import Control, claim
from optima.claims.derivation import step, whole
from optima.claims.evidence import Cases, Evidence, Ints, Lines, Reals, Remark, agreement
from optima.claims.relu_gain import relu_network
from optima.model import Array, DeepUFM
from optima.model.log_grid import log_grid
from optima.proofs.entropy_directions import entropy_bound
from optima.proofs.one_direction import bounding_structures
from optima.scales import best_scales
from optima.structures.networks import network_catalogue
from optima.structures.networks.threshold import cheapest, limit_price

# Rounding, relative.
SLACK = 1e-9


def two_directions(Z: Array, depth: int, base: float = 2.0) -> float:
    """2^((L-1)/(L+1)) h(Z)^p, a lower bound of the price of logits in relu networks of any width."""
    first, *others = np.linalg.svd(Z, compute_uv=False)
    rest = float(np.sum(others))
    h = first + rest if first <= rest else 2 * np.sqrt(first * rest)
    return float(base ** ((depth - 1) / (depth + 1)) * h ** (2 / (depth + 1)))


@claim(
    "networks.nuclear_bound",
    statement="The price of logits in a relu network is at least the p-th power of their nuclear norm, so that with "
    "squared error no network is below min over t of (1-t)^2/2 + c n^(1/(L+1)) (K t)^p.",
    latex=r"\rho(Z)\ge\|Z\|_*^p,\qquad f\ge\min_t\tfrac{(1-t)^2}2+c\,n^{1/(L+1)}(Kt)^p",
    source="derivations/network_price.py, section 4",
    how="symbolic proof; random networks, and every named network on a grid",
    axes={"classes": (3, 6, 10), "depths": (2, 3, 5), "regs": (1e-6, 1e-3)},
    deep={"classes": range(2, 31), "depths": range(2, 13), "regs": tuple(log_grid(1e-12, 1e-1, 12))},
    control=Control("no network is below the minimum of the linear model", {"linear": True}),
    proves=True,
)
def nuclear_bound(classes: Ints, depths: Ints, regs: Reals, *, linear: bool = False) -> Iterator[Evidence]:
    """Margins: relative excess of products of norms and of losses over the bounds."""
    yield whole("network_price")
    yield step("network_price", "check_product", "the nuclear norm of the logits of random networks", factor=1.0)
    for K, L in product(classes, depths):
        bounding = bounding_structures(K, "mse", None, "linear" if linear else "relu")
        bound = np.min([best_scales(each, L, np.array(regs), 1, "mse").loss for each in bounding], axis=0)
        for network in network_catalogue(K, "mse", L):
            loss = best_scales(network, L, np.array(regs), 1, "mse").loss
            margin = loss / np.minimum(bound, 0.5) - 1 + SLACK
            yield Cases(margin, classes=K, depths=L, regs=np.array(regs), network=network.name)


@claim(
    "networks.two_directions",
    statement="The price of logits with largest singular value z_1 and sum T of the others in a relu network is at "
    "least 2^((L-1)/(L+1)) h^p, h = z_1 + T, or 2 sqrt(z_1 T) where z_1 > T: for the targets G^(L+1) >= 2^(L-1) K^2.",
    latex=r"\rho(Z)^{L+1}\ge2^{L-1}h(Z)^2,\qquad G^{L+1}\ge2^{L-1}K^2",
    source="derivations/network_rank_two.py",
    how="symbolic proof; random networks of every depth and rank, and every named network",
    axes={"classes": (2, 3, 4, 6, 10), "depths": (2, 3, 4, 6, 10), "seeds": range(5)},
    deep={"classes": range(2, 21), "depths": range(2, 21), "seeds": range(50)},
    control=Control("2.1^(L-1) in place of 2^(L-1)", {"base": 2.1}),
    proves=True,
)
def two_directions_bound(classes: Ints, depths: Ints, seeds: Ints, *, base: float = 2.0) -> Iterator[Evidence]:
    """Margin: relative excess of the price over the bound."""
    yield whole("network_rank_two")
    for words, check in (("the first layer", "check_first"), ("later layers", "check_later")):
        yield step("network_rank_two", check, words, factor=1.0)
    for K, L in product(classes, depths):
        for seed in seeds:
            rng = np.random.default_rng([seed, K, L])
            features, widths = rng.normal(size=(int(rng.integers(1, K + 1)), K)), rng.integers(1, 2 * K + 1, L - 1)
            factors, X = [features], features
            for width in widths:
                factors.append(rng.normal(size=(width, len(X))) + rng.normal())
                X = np.maximum(factors[-1] @ X, 0)
            factors.append(rng.normal(size=(K, len(X))))
            price = float(np.mean([np.sum(F**2) for F in factors]))
            bound = two_directions(factors[-1] @ X, L, base)
            yield Cases(price / max(bound, 1e-300) - 1 + SLACK, classes=K, depths=L, what=f"random {seed}")
        for network in network_catalogue(K, "mse", L):
            bound = two_directions(np.eye(K), L, base)
            yield Cases(limit_price(network, L) / bound - 1 + SLACK, classes=K, depths=L, what=network.name)


@claim(
    "networks.cross_entropy_bound",
    statement="With cross-entropy and K >= 3 classes of one size no relu network is below min over y of y + c max(S^p, "
    "2^(1-p) h(S, T)^p), S = (K-1) log((K-1)/(e^y-1)), T = (K-2)/sqrt(K-1) log(1/(e^(Ky/(K-2))-1)), h = S, or 2 "
    "sqrt(T(S-T)) where 2T < S.",
    latex=r"f\ge\min_y\,y+c\max\bigl(S_y^p,\,2^{1-p}h(S_y,T_y)^p\bigr)",
    source="derivations/network_rank_two.py, section 6",
    how="symbolic proof; random logits, and every named network at its best scales",
    axes={"classes": (3, 4, 6, 10), "depths": (2, 3, 5), "regs": (1e-5, 1e-3, 1e-2)},
    deep={"classes": range(3, 21), "depths": range(2, 13), "regs": tuple(log_grid(1e-9, 1e-1, 9))},
    control=Control("the same with twice the price", {"factor": 2.0}),
    proves=True,
)
def cross_entropy_bound(classes: Ints, depths: Ints, regs: Reals, *, factor: float = 1.0) -> Iterator[Evidence]:
    """Margin: relative excess of losses over the bound."""
    yield whole("network_rank_two")
    yield step("network_rank_two", "check_rest", "what logits have beside one direction", norm=None)
    for K, L in product(classes, depths):
        bound = np.array([entropy_bound(DeepUFM(K, L, factor * reg, activation="relu")) for reg in regs])
        for network in network_catalogue(K, "ce", L):
            loss = best_scales(network, L, np.array(regs), 1, "ce").loss
            yield Cases(loss / bound - 1, classes=K, depths=L, regs=np.array(regs), network=network.name)


@claim(
    "networks.two_classes",
    statement="With two classes no relu network of any depth has the targets as outputs at a lower price than "
    "collapse, G = 2; a nonnegative X with two columns has no M of lower nuclear norm with max(M, 0) = X.",
    latex=r"K=2:\quad G=2\ \ \forall L\ge2",
    source="derivations/network_rank_two.py, derivations/network_nuclear_norm.py; optimality is known from 2305.13165",
    how="symbolic proof; price of collapse against the bound, and the polar factor as a dual point",
    axes={"depths": (2, 3, 5, 10, 100)},
    deep={"depths": range(2, 1001)},
    control=Control("the same with three classes", {"classes": 3}),
    proves=True,
)
def two_classes(depths: Ints, *, classes: int = 2) -> Iterator[Evidence]:
    """Margin: agreement of the price of collapse with the bound."""
    yield whole("network_rank_two")
    yield step("network_nuclear_norm", "check_polar", "the polar factor is a dual point", columns=2)
    for L in depths:
        ratio = limit_price(relu_network("collapse", classes), L) / two_directions(np.eye(classes), L)
        yield Cases(agreement(abs(ratio - 1), 1e-9), classes=classes, depths=L)


@claim(
    "networks.depth_limit",
    statement="For every K >= 2 the least price of the targets in relu networks tends to 2 as L grows: in the middle "
    "of a deep network two directions are needed, and enough.",
    latex=r"\lim_{L\to\infty}\min G=2",
    source="derivations/network_rank_two.py, derivations/network_fan.py",
    how="symbolic proof by a bound and by fans; both at depths up to 10^5",
    axes={"classes": (3, 5, 10), "depths": (10, 100, 1000, 100000)},
    deep={"classes": range(3, 25), "depths": (10, 30, 100, 300, 1000, 10**4, 10**5, 10**6)},
    control=Control("it tends to 1, the limit of the bound by the nuclear norm", {"limit": 1.0}),
    proves=True,
)
def depth_limit(classes: Ints, depths: Ints, *, limit: float = 2.0) -> Iterator[Evidence]:
    """Margins: the bound is below the cheapest named network, and both are within C_K / L of the limit."""
    yield whole("network_rank_two")
    yield whole("network_fan")
    curves = {}
    for K in classes:
        for L in depths:
            low, high = two_directions(np.eye(K), L), limit_price(relu_network("fan", K), L)
            yield Cases(high / low - 1, classes=K, depths=L, what="bound below fans")
            far = 2 * np.log(max(limit_price(relu_network("fan", K), 3) ** 4 / 16, K**2 / 4.0)) / (L + 1)
            for what, value in (("bound", low), ("fans", high)):
                yield Cases(far * np.exp(far) - abs(value - limit), classes=K, depths=L, what=what)
        if K not in (min(classes), max(classes)):
            continue
        shown = list(range(2, 41))
        curves[f"K = {K}, cheapest named"] = (shown, [cheapest(K, L)[1] * K for L in shown])
        curves[f"K = {K}, bound"] = (shown, [two_directions(np.eye(K), L) for L in shown])
    yield Lines("Price of the targets", "depth L", "G", curves)
    yield Remark("the best price and the bound by two directions both tend to 2; that by the nuclear norm tends to 1")

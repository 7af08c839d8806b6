"""Theorem 7: deep neural collapse is not optimal in ReLU networks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

import numpy as np

from optima.claims.claim import Control, claim
from optima.claims.derivation import step, whole
from optima.claims.evidence import Cases, Evidence, Grid, Ints, Reals, Remark, agreement
from optima.model import DeepUFM
from optima.model.log_grid import log_grid
from optima.reduction import Reduction
from optima.scales import best_scales
from optima.structures import named
from optima.structures.networks import NamedNetwork, at_scales

# Largest relative difference between the network's objective and the formula.
TOLERANCE = 1e-10


def published_domain(classes: int, depth: int) -> bool:
    """K >= 10 and L >= 5, or K >= 16 and L = 4."""
    return (classes >= 10 and depth >= 5) or (classes >= 16 and depth == 4)


@claim(
    "garrod2025.theorem7",
    statement="For K >= 10 and L >= 5, or K >= 16 and L = 4, no solution with deep neural collapse is globally optimal "
    "in the ReLU model, when such a solution pays at least the linear penalty of the simplex (the assumption on global "
    "means).",
    latex=r"2K+4<(K-1)\,2^{2(L-1)/(L+1)}\bigl(\tfrac{K+2}K\bigr)^{3/(L+1)}\ \Rightarrow\ "
    r"f_{\rm ReLU}(\text{pairs})<f(aS)",
    source="garrod2025, Theorem 7; derivations/relu_pairs.py",
    how="symbolic proof for all even and odd K and all L; the network itself built and evaluated on a grid",
    axes={"classes": range(4, 25), "depths": range(4, 9), "regs": (1e-6, 1e-4, 1e-3)},
    deep={"classes": range(4, 61), "depths": range(4, 21), "regs": tuple(log_grid(1e-12, 1e-2, 11))},
    control=Control(
        "the same at K = 8, L = 4",
        {"domain": lambda classes, depth: True, "mapped": False},
        {"classes": (8,), "depths": (4,), "regs": (1e-4,)},
    ),
    proves=True,
)
def theorem7(
    classes: Ints,
    depths: Ints,
    regs: Reals,
    *,
    domain: Callable[[int, int], bool] = published_domain,
    mapped: bool = True,
) -> Iterator[Evidence]:
    """Margin: relative gain of the ReLU network over the best linear simplex, with n = 2 samples."""
    yield whole("relu_pairs")
    yield step("relu_pairs", "check_corner", "the inequality for all even K >= 14, L >= 4", classes=14, depth=4)
    yield step("relu_pairs", "check_corner", "the inequality for all even K >= 10, L >= 5", classes=10, depth=5)
    for K, L in product(classes, depths):
        if domain(K, L):
            for reg in regs:
                yield from _gain(K, L, reg)
    if mapped:
        yield from _map(classes, depths)


def _gain(K: int, L: int, reg: float) -> Iterator[Evidence]:
    simplex = named("simplex", K)
    problem = DeepUFM(K, L, reg, samples=2, width=K + 1, activation="relu")
    best = best_scales(simplex, L, reg, 2)
    a = float(best.scales[0])
    if a == 0:
        return
    factors = at_scales(problem, _network(K), [a]).repeated()
    objective = problem.objective(factors)
    pairs = named("pairs", K)
    linear = Reduction(DeepUFM(K, L, reg, samples=2))
    formula = linear.fit(a * pairs.shape()) + (L + 1) / 2 * reg * relu_cost(K, L) * (np.sqrt(2) * a) ** (2 / (L + 1))
    witness = {f"factor_{i}": factor for i, factor in enumerate(factors, start=1)}
    yield Cases((best.loss - objective) / best.loss, witness, classes=K, depths=L, regs=reg, what="gain")
    yield Cases(agreement(abs(objective / formula - 1), TOLERANCE), classes=K, depths=L, regs=reg, what="cost formula")


def relu_cost(classes: int, depth: int) -> float:
    """rho: the regulariser of the ReLU network in units of ((L+1)/2) lam (sqrt(n) a)^(2/(L+1))."""
    return float(_network(classes).blocks()[0].price(2 / (depth + 1)))


def _network(classes: int) -> NamedNetwork:
    network = named("garrod-pairs", classes, activation="relu")
    assert isinstance(network, NamedNetwork)
    return network


def _map(classes: Ints, depths: Ints) -> Iterator[Evidence]:
    wins = np.array([[relu_cost(K, L) < K - 1 for K in classes] for L in depths])
    published = np.array([[published_domain(K, L) for K in classes] for L in depths])
    labels = ["construction does not win", "wins, beyond the published domain", "wins, published"]
    values = np.where(wins, np.where(published, 2, 1), 0)
    yield Grid(
        "Where the ReLU construction beats the linear simplex", "classes K", "depth L", classes, depths, values, labels
    )
    better = {
        L: [K for K, won, known in zip(classes, wins[i], published[i], strict=True) if won and not known]
        for i, L in enumerate(depths)
    }
    parts = [f"at L = {L} for K = {', '.join(map(str, Ks))}" for L, Ks in better.items() if Ks]
    if parts:
        yield Remark(f"the construction wins beyond the published domain {'; '.join(parts)}", sharper=True)

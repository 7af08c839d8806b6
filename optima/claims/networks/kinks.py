"""What holds at minima with pre-activations that are exactly zero."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np

from optima.claims.claim import Control, claim
from optima.claims.derivation import whole
from optima.claims.evidence import Cases, Evidence, Ints, Reals
from optima.model import Array, DeepUFM
from optima.model.class_network import ClassNetwork
from optima.relu import search_networks

# Step of one-sided derivatives, relative to the factors, and what rounding and curvature leave of them.
STEP, NOISE = 1e-6, 1e-4
DIRECTIONS = 50


@claim(
    "networks.kinks",
    statement="At a local minimum of a relu network every pre-activation that is zero has a multiplier between zero "
    "and the slope behind it, so that no direction goes down to first order, on either side of a kink.",
    latex=r"\nabla_xf+\nu\,\nabla m=0,\quad0\le\nu\le b",
    source="derivations/relu_kinks.py",
    how="symbolic proof; minima found by the search: one-sided derivatives of the objective along random directions",
    axes={"classes": (3, 4), "depths": (3, 4), "regs": (1e-3,)},
    deep={"classes": (3, 4, 5, 6), "depths": (2, 3, 4), "regs": (1e-4, 1e-3)},
    control=Control("the same where all factors are a hundredth larger", {"stretch": 1.01}, {"classes": (3,)}),
    proves=True,
)
def kinks(classes: Ints, depths: Ints, regs: Reals, *, stretch: float = 1.0) -> Iterator[Evidence]:
    """Margin: the least one-sided derivative, relative to the objective, from -1e-4 on."""
    yield whole("relu_kinks")
    for K, L, reg in product(classes, depths, regs):
        problem = DeepUFM(K, L, reg, loss="mse", activation="relu")
        network = search_networks(problem, effort="quick").network
        if network is None:
            continue
        rng = np.random.default_rng([K, L])
        slopes = [_slope(problem, network, rng, stretch) for _ in range(DIRECTIONS)]
        # Straight back to zero: the direction in which factors that are too large can only gain.
        slopes.append(_slope(problem, network, None, stretch))
        yield Cases(min(slopes) + NOISE, classes=K, depths=L, regs=reg)


def _slope(problem: DeepUFM, network: ClassNetwork, rng: np.random.Generator | None, stretch: float) -> float:
    """(f(x + t d) - f(x)) / (t f(x)), t small and d of the length of x."""
    factors = [stretch * F for F in network.repeated()]
    direction: list[Array] = [-F if rng is None else rng.normal(size=F.shape) for F in factors]
    length = np.sqrt(sum(np.sum(F**2) for F in factors) / sum(np.sum(d**2) for d in direction))
    start = problem.objective(factors)
    moved = problem.objective([F + STEP * length * d for F, d in zip(factors, direction, strict=True)])
    return float((moved - start) / (STEP * start))

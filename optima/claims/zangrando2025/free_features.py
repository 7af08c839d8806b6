"""With free features some global minimum is collapsed, for any activation and loss."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np

from optima.claims.claim import Control, claim
from optima.claims.derivation import step, whole
from optima.claims.evidence import Cases, Evidence, Ints
from optima.measures.moments import Labels
from optima.model import Array
from optima.model.fit import Fit

ROUNDING = 1e-12
REG = 1e-2
MAPS: dict[str, Callable[[Any], Any]] = {
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0.0),
    "residual": lambda x: x + np.tanh(x),
    "sine": np.sin,
}


@claim(
    "zangrando2025.free_features",
    statement="With free features, any network after them, any loss and class sizes, giving all samples of a class the "
    "feature of the one that costs least does not raise the objective: some global minimum is collapsed (DNC1).",
    latex=r"F(h_{1},\dots,h_{n})\ge F(h_{j^*},\dots,h_{j^*}),\qquad j^*=\arg\min_j\tfrac1Ng_c(\phi(h_j))"
    r"+\tfrac{\lambda_H}2|h_j|^2",
    source="zangrando2025, abstract; derivations/free_features.py",
    how="symbolic proof; random networks with four activations, both losses and unequal classes",
    axes={"classes": (2, 4), "depths": (1, 3), "seeds": range(3)},
    deep={"classes": range(2, 7), "depths": range(1, 6), "seeds": range(20)},
    control=Control("the feature of the first sample instead of the best one", {"best": False}),
    proves=True,
)
def free_features(classes: Ints, depths: Ints, seeds: Ints, *, best: bool = True) -> Iterator[Evidence]:
    """Margin: what the objective falls by, relative to it."""
    yield whole("free_features")
    yield step("free_features", "check_copy", "n times the least is at most the sum")
    for K, L, seed in product(classes, depths, seeds):
        rng = np.random.default_rng([K, L, seed])
        owner = np.repeat(np.arange(K), rng.integers(1, 8, K))
        weights = [rng.standard_normal((5, 5)) for _ in range(L - 1)] + [rng.standard_normal((K, 5))]
        features = rng.standard_normal((5, owner.size))
        for name, loss in product(MAPS, ("ce", "mse")):
            costs = _costs(weights, features, owner, name, loss)
            chosen = [_chosen(np.flatnonzero(owner == c), costs, best) for c in range(K)]
            copied = _costs(weights, features[:, chosen][:, owner], owner, name, loss)
            margin = 1 - copied.sum() / costs.sum() + ROUNDING
            yield Cases(margin, classes=K, depths=L, seeds=seed, point=f"{name}, {loss}")


def _chosen(own: Labels, costs: Array, best: bool) -> int:
    return int(own[np.argmin(costs[own])] if best else own[0])


def _costs(weights: list[Array], features: Array, owner: Labels, name: str, loss: str) -> Array:
    """What each column costs."""
    outputs = features
    for W in weights[:-1]:
        outputs = MAPS[name](W @ outputs)
    outputs = weights[-1] @ outputs
    N = owner.size
    fits = [Fit(loss, len(outputs), owner, each).value(outputs) for each in np.eye(N)]
    return np.array(fits) / N + REG / 2 * np.sum(features**2, axis=0)

"""Within-class variation bounds the distance of weights from rank K."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np

from optima.claims.claim import Control, claim
from optima.claims.derivation import step, whole
from optima.claims.evidence import Cases, Evidence, Ints
from optima.measures import LayerStream, RankBound
from optima.measures.moments import Labels
from optima.model import Array
from optima.model.forward_backward import backpropagated, layers

REG = 5e-3
STEPS, RATE = 400, 0.2
# What rounding may add, relative to the weights.
ROUNDING = 1e-12
SLOPES: dict[str, Callable[[Any], Any]] = {"tanh": lambda x: 1 - x**2, "relu": lambda x: x > 0}
ACTIVATIONS: dict[str, Callable[[Any], Any]] = {"tanh": np.tanh, "relu": lambda x: np.maximum(x, 0.0)}


@claim(
    "zangrando2025.rank_bound",
    statement="At every point the distance of a weight matrix from rank K is at most |sum_j delta_j xi_j^T|/(lam N) + "
    "|grad|/lam, and so at most sqrt(TCV(delta) TCV(x))/lam + |grad|/lam; at a stationary point |grad| = 0. The "
    "constants are ours.",
    latex=r"\operatorname{dist}_F(W_l,\operatorname{rank}K)\le\frac{\sqrt{\mathrm{TCV}(\delta)\,\mathrm{TCV}(x)}}\lambda"
    r"+\frac{\|\nabla_{W_l}f\|_F}\lambda",
    source="zangrando2025, abstract; derivations/rank_bound.py",
    how="symbolic proof; relu and tanh networks before and after gradient descent on data with noise, and matrices "
    "stationary by construction",
    axes={"classes": (2, 3), "depths": (2, 4), "seeds": range(2)},
    deep={"classes": range(2, 6), "depths": range(2, 7), "seeds": range(5)},
    control=Control("the same with rank K - 1", {"fewer": 1}),
    proves=True,
)
def rank_bound(classes: Ints, depths: Ints, seeds: Ints, *, fewer: int = 0) -> Iterator[Evidence]:
    """Margins: least difference of two neighbours in the chain, relative to the weights."""
    yield whole("rank_bound")
    yield step("rank_bound", "check_split", "what is left of the gradient has rank K")
    yield step("rank_bound", "check_chain", "the chain at 50 digits")
    for K, L, seed in product(classes, depths, seeds):
        rng = np.random.default_rng([K, L, seed])
        for activation in ACTIVATIONS:
            for when, margin in _network(K, L, activation, rng, fewer):
                yield Cases(margin, classes=K, depths=L, seeds=seed, point=f"{activation}, {when}")
        yield Cases(_still(K, rng, fewer), classes=K, depths=L, seeds=seed, point="one sample a class, stationary")


def _network(K: int, L: int, activation: str, rng: np.random.Generator, fewer: int) -> Iterator[tuple[str, float]]:
    owner = np.arange(6 * K) % K
    data = rng.standard_normal((5, K))[:, owner] + 0.4 * rng.standard_normal((5, owner.size))
    shapes = [(7, 5), *[(7, 7)] * (L - 2), (K, 7)]
    weights = [rng.standard_normal(shape) / np.sqrt(shape[1]) for shape in shapes]
    for when in ("at the start", "after training"):
        slopes, inputs, pulls = _backward(weights, data, owner, activation)
        chains = [_bound(W, x, pull, owner, K) for W, x, pull in zip(weights, inputs, pulls, strict=True)]
        yield when, min(_margin(bound, W, K - fewer) for bound, W in zip(chains, weights, strict=True))
        for _ in range(STEPS):
            slopes, *_ = _backward(weights, data, owner, activation)
            weights = [W - RATE * (slope + REG * W) for W, slope in zip(weights, slopes, strict=True)]


def _backward(
    weights: list[Array], data: Array, owner: Labels, activation: str
) -> tuple[list[Array], list[Array], list[Array]]:
    """Gradients of the mean squared error in the weights, inputs of the layers, and gradients at their outputs."""
    *inputs, outputs = layers([*weights, data], ACTIVATIONS[activation])
    pull = outputs - np.eye(len(outputs))[:, owner]
    N = owner.size
    gradients = list(backpropagated([*weights, data], [*inputs, outputs], pull / N, SLOPES[activation]))
    pulls = [pull]
    for W, x in zip(weights[:0:-1], inputs[:0:-1], strict=True):
        pulls.append((W.T @ pulls[-1]) * SLOPES[activation](x))
    return gradients[:-1], inputs, pulls[::-1]


def _bound(W: Array, inputs: Array, pulls: Array, owner: Labels, K: int) -> RankBound:
    stream = LayerStream("W", K, len(inputs), W)
    stream.add(inputs.T, owner, pulls.T)
    bound = stream.finished(REG).bound
    assert bound is not None
    return bound


def _margin(bound: RankBound, W: Array, rank: int) -> float:
    distance = float(np.linalg.norm(np.linalg.svd(W, compute_uv=False)[rank:]))
    chain = np.array([distance, *bound.chain[1:]])
    return float(np.diff(chain).min() / np.linalg.norm(W)) + ROUNDING


def _still(K: int, rng: np.random.Generator, fewer: int) -> float:
    inputs, pulls = rng.standard_normal((8, K)), rng.standard_normal((9, K))
    W = -pulls @ inputs.T / (REG * K)
    return _margin(_bound(W, inputs, pulls, np.arange(K), K), W, K - fewer)

"""Prices of the best networks known of six and ten classes, depths 4 to 8, from the networks themselves.

``deep_networks.json`` has M_2 and W_2, ..., W_{L-1}, to seven digits, of networks without a name that quick searches
found at lambda = 1e-6, squared error; at ten classes and depths 7 and 8 they are the one of depth 6 with idle layers,
after a descent at 1e-4. Nothing is searched for here.
"""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from optima import DeepUFM, best_scales, named
from optima.proofs.one_direction import bounding_structures
from optima.structures.networks import at_scales, chain_price

PARTS = json.loads(Path(__file__).with_name("deep_networks.json").read_text(encoding="utf-8"))

# G / K as found by other means; the searches of this package ended lower where the second number differs.
RATIOS = {
    (6, 4): (0.9030, 0.9030),
    (6, 5): (0.8182, 0.8182),
    (6, 6): (0.7626, 0.7626),
    (6, 7): (0.7234, 0.7234),
    (6, 8): (0.6710, 0.6685),
    (10, 5): (0.7348, 0.7348),
    (10, 6): (0.6593, 0.6592),
    (10, 7): (0.5979, 0.5974),
    (10, 8): (0.5538, 0.5534),
}


def chain(K, L):
    """M_2, ..., M_L."""
    first, *weights = (np.array(part) for part in PARTS[f"{K} {L}"])
    layers = [first]
    for weight in weights:
        layers.append(weight @ np.maximum(layers[-1], 0.0))
    return layers


def ratio(K, L):
    return chain_price(chain(K, L), np.eye(K)).price / K


@pytest.mark.parametrize(("K", "L"), RATIOS)
def test_the_price_beside_that_of_collapse(K, L):
    published, ours = RATIOS[K, L]
    assert ratio(K, L) == pytest.approx(ours, abs=6e-5)
    assert ratio(K, L) < published + 6e-5
    assert len(chain(K, L)) == L - 1


@pytest.mark.parametrize("K", sorted({K for K, _ in RATIOS}))
def test_depth_lowers_the_ratio_and_the_first_rank(K):
    depths = sorted(L for each, L in RATIOS if each == K)
    assert all(before > after for before, after in pairwise(ratio(K, L) for L in depths))
    ranks = [int(np.linalg.matrix_rank(chain(K, L)[0], tol=1e-6)) for L in depths]
    assert all(before >= after for before, after in pairwise(ranks))
    assert ranks[-1] in (2, 3)


@pytest.mark.parametrize(("K", "L"), RATIOS)
def test_the_price_is_above_the_bound_and_below_the_named_networks(K, L):
    (bound,) = bounding_structures(K, "mse", None, "relu")
    least = float(bound.blocks()[0].price(2 / (L + 1)))
    assert least < K * ratio(K, L)
    for name in ("collapse", "hinged-pairs"):
        assert K * ratio(K, L) < named(name, K, activation="relu").price_of_targets(L)


def test_ranks_rise_late_and_in_stages():
    ranks = [int(np.linalg.matrix_rank(layer, tol=1e-6 * np.abs(layer).max())) for layer in chain(10, 8)]
    assert ranks == [3, 3, 3, 3, 3, 3, 7]
    assert np.linalg.matrix_rank(np.maximum(chain(10, 8)[-1], 0.0)) == 10


def test_kinks_of_the_strongly_regular_network():
    """At ten classes and depth three 90 pre-activations are zero, of 125 numbers that H, W_1 and W_2 have."""
    problem, srg = DeepUFM(10, 3, 1e-3, loss="mse", activation="relu"), named("srg", 10, activation="relu")
    network = at_scales(problem, srg, best_scales(srg, 3, 1e-3, loss="mse").scales.ravel().tolist())
    *weights, _, features = network.factors
    assert sum(part.size for part in (features, *weights)) == 125
    layers = network.layers[:-1]
    assert sum(int(np.sum(np.abs(layer) < 1e-9 * np.abs(layer).max())) for layer in layers) == 90


@pytest.mark.parametrize(("name", "K", "L"), [("triangle", 3, 4), ("hinged-pairs", 4, 4), ("hinged-pairs", 6, 4)])
def test_what_the_best_last_layer_takes_off(name, K, L):
    """min_y (1 - y)^2 / 2 + c G y^p, the loss with logits y I, is about 2e-4 above the one with a ridge regression."""
    shape, reg = named(name, K, activation="relu"), 1e-3
    y = np.linspace(0.9, 1, 200_001)
    whole = (1 - y) ** 2 / 2 + (L + 1) / 2 * reg * shape.price_of_targets(L) * y ** (2 / (L + 1))
    above = whole.min() / float(best_scales(shape, L, reg, loss="mse").loss) - 1
    assert 1e-4 < above < 4e-4

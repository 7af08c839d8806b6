"""Thresholds of collapse: prices against layers by another way, known corners, and what is refused."""

import numpy as np
import pytest

from optima import DeepUFM, best_scales, collapse_threshold, named
from optima.structures.networks import at_scales, chain_price, network_catalogue
from optima.structures.networks.threshold import cheapest, limit_price


def net(name, K):
    return named(name, K, activation="relu")


@pytest.mark.parametrize("K", [3, 6, 7, 10, 35])
@pytest.mark.parametrize("L", [3, 5])
def test_limit_prices_of_targets_are_those_of_the_layers(K, L):
    for network in network_catalogue(K, "mse", L):
        parts = [chain_price(chain, np.eye(chain[0].shape[1])).price for chain in network.chains(L)]
        assert limit_price(network, L) == pytest.approx(sum(parts), rel=1e-11)


@pytest.mark.parametrize(("loss", "reg"), [("mse", 1e-12), ("ce", 1e-200)])
def test_limit_prices_order_the_losses_at_vanishing_lambda(loss, reg):
    K, L = 8, 4
    networks = network_catalogue(K, loss, L)
    prices = np.array([limit_price(network, L, loss) for network in networks])
    losses = np.array([float(best_scales(network, L, reg, 1, loss).loss) for network in networks])
    first, second = np.argsort(prices), np.argsort(losses)
    np.testing.assert_allclose(prices[second], prices[first], rtol=1e-2)
    np.testing.assert_allclose(losses / losses.min(), prices / prices.min(), rtol=2e-2)


@pytest.mark.parametrize(
    ("loss", "depth", "classes", "network", "published"),
    [
        ("mse", 3, 7, "pointed-edges", 10),
        ("mse", 4, 3, "triangle", 6),
        ("mse", 40, 3, "triangle", 6),
        ("ce", 4, 6, "lifted(pairs)", 16),
        ("ce", 5, 3, "triangle", 10),
    ],
)
def test_thresholds(loss, depth, classes, network, published):
    found = collapse_threshold(depth, loss)
    assert (found.classes, found.network, found.published) == (classes, network, published)
    assert found.ratio < 1
    assert all(cheapest(K, depth, loss)[1] >= 1 - 1e-9 for K in range(3, classes))


@pytest.mark.slow
def test_the_threshold_of_depth_two_is_that_of_the_orthogonal_array():
    found = collapse_threshold(2)
    assert (found.classes, found.network, found.published) == (138, "transversal", None)
    assert found.ratio == pytest.approx(0.99996809, abs=5e-9)


def test_thresholds_that_do_not_exist():
    with pytest.raises(ValueError, match="depth is 1; pass an integer of at least 2"):
        collapse_threshold(1)
    with pytest.raises(ValueError, match="loss"):
        collapse_threshold(3, "hinge")


def test_seven_classes_at_depth_three():
    network = net("pointed-edges", 7)
    # The best network a search finds, with its own last layer, is no more than this below it.
    loss = float(best_scales(network, 3, 1e-3, 1, "mse").loss)
    assert 0.0137545082 < loss < 0.01375451
    problem = DeepUFM(7, 3, 1e-3, loss="mse", activation="relu")
    scales = best_scales(network, 3, 1e-3, 1, "mse").scales.ravel().tolist()
    assert at_scales(problem, network, scales).loss == pytest.approx(loss, rel=1e-12)
    assert limit_price(network, 3) / 7 == pytest.approx(0.98496910, abs=1e-8)


def test_larger_classes_follow():
    for K in (8, 9, 139, 140):
        L = 2 if K > 100 else 3
        assert limit_price(net(f"transversal(138)+collapse({K - 138})", K) if L == 2 else cheapest(K, L)[0], L) < K

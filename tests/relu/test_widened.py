"""Minima of their own width that are none among wider networks: a neuron pays, and leads further down."""

from dataclasses import replace

import numpy as np
import pytest

from optima import DeepUFM, named
from optima.model.class_network import ClassNetwork
from optima.relu.finish import finish_network
from optima.relu.solve import search_networks
from optima.relu.widened import _with_dead_neurons, widened
from optima.scales import best_scales
from optima.structures.networks import at_scales

PROBLEM = DeepUFM(3, 4, 1e-3, loss="mse", activation="relu")


@pytest.fixture(scope="module")
def triangle():
    shape = named("triangle", 3, activation="relu")
    return at_scales(PROBLEM, shape, best_scales(shape, 4, 1e-3, loss="mse").scales.ravel().tolist())


def without_last_neuron(network):
    *weights, last, ridge, features = network.factors
    return ClassNetwork(network.problem, (*weights, last[:-1], ridge[:, :-1], features))


def test_a_neuron_that_was_taken_away_comes_back(triangle):
    whole, cut = finish_network(triangle), finish_network(without_last_neuron(triangle))
    assert cut.verdict == "minimum"
    assert cut.network.loss > whole.network.loss * (1 + 1e-6)
    found = widened(cut)
    assert found.verdict == "minimum"
    assert found.network.loss == pytest.approx(whole.network.loss, rel=1e-10)
    assert widened(whole) is whole


def test_no_neuron_is_added_beyond_the_width(triangle):
    narrow = replace(PROBLEM, width=3)
    cut = finish_network(ClassNetwork(narrow, without_last_neuron(triangle).factors))
    assert len(cut.network.layers[-2]) == 3
    assert max(map(len, widened(cut).network.layers)) <= 3


def test_dead_neurons_change_nothing(triangle):
    wide = _with_dead_neurons(triangle)
    assert [len(layer) for layer in wide.layers[:-1]] == [len(layer) + 1 for layer in triangle.layers[:-1]]
    np.testing.assert_array_equal(wide.logits, triangle.logits)
    assert wide.loss == triangle.loss


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_gains_below_what_smoothing_costs_are_found(seed):
    """Two neurons of the third hidden layer, of 8e-6 and 1.5e-5 of the loss."""
    found = search_networks(DeepUFM(4, 5, 1e-3, activation="relu"), seed, "quick")
    assert found.loss == pytest.approx(0.0222405999095, rel=1e-11)

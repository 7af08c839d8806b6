"""The map of relu networks, and what runs of the figures of sukenik2024 were heading for."""

from dataclasses import replace

import numpy as np
import pytest

from optima import DeepUFM, named, solve
from optima.model.class_network import ClassNetwork
from optima.plot.network_map import Lines
from optima.relu.continuation import _smaller, search_grid, through
from optima.reproduce.relu_map import PUBLISHED, Grid, _named, least_classes
from optima.reproduce.sukenik2024 import end_row, model
from optima.scales import best_scales
from optima.structures.networks import at_scales
from optima.training import train


def problem(classes, depth, reg=1e-3):
    return DeepUFM(classes, depth, reg, loss="mse", activation="relu")


def test_a_grid_is_searched_from_its_neighbours_whatever_their_order():
    wanted = [problem(3, 3), problem(3, 4), problem(3, 3, 2e-3)]
    found = search_grid(reversed(wanted))
    assert set(found) == set(wanted)
    assert found[problem(3, 4)].loss == pytest.approx(0.0073324059935, rel=1e-9)
    assert search_grid(wanted)[problem(3, 4)].loss == found[problem(3, 4)].loss


def test_neighbours_are_grown_to_a_problem():
    found = {each: solve(each, effort="quick") for each in (problem(3, 3), problem(3, 4, 2e-3))}
    beside = [[layer.shape for layer in chain] for chain in _smaller(problem(3, 4), found)]
    # An idle layer in each of two places; what other values of lambda have is passed on after the search.
    assert [len(chain) for chain in beside] == [3, 3]
    (grown,) = _smaller(problem(4, 3), found)
    assert [layer.shape[1] for layer in grown] == [4, 4]
    assert not list(_smaller(problem(5, 3), found))


def test_a_network_is_rebuilt_from_its_layers():
    triangle = named("triangle", 3, activation="relu")
    scales = best_scales(triangle, 4, 1e-3, loss="mse").scales
    network = at_scales(problem(3, 4), triangle, np.ravel(scales).tolist())
    again = through(problem(3, 4), network.layers[:-1])
    # Up to the best scale of a grid.
    assert again.loss == pytest.approx(network.loss, rel=0.2)
    for before, after in zip(network.layers[:-1], again.layers[:-1], strict=True):
        assert after / np.linalg.norm(after) == pytest.approx(before / np.linalg.norm(before), abs=1e-9)


@pytest.mark.parametrize(("classes", "depth", "best"), [(10, 3, "srg"), (10, 2, "collapse"), (6, 4, "hinged-pairs")])
def test_rows_of_named_networks_are_closed_forms(classes, depth, best):
    row = _named(problem(classes, depth))
    assert row["best_known"] == row["best_named"] == best
    closed = best_scales(named(best, classes, activation="relu"), depth, 1e-3, loss="mse").loss
    assert row["loss"] == pytest.approx(float(closed), rel=1e-12)
    assert (row["below_collapse_percent"] > 0) == (best != "collapse")


def test_thresholds_come_from_the_map_and_at_depth_two_from_prices():
    rows = [
        {"map": "classes", "classes": K, "depth": L, "below_collapse_percent": float(least <= K)}
        for L, least in ((2, 99), (3, 7), (4, 3))
        for K in (3, 6, 7, 10)
    ]
    assert least_classes(rows, (2, 3, 4)) == {2: 138, 3: 7, 4: 3}
    # With nothing below collapse at a depth there is no threshold.
    for row in rows:
        row["below_collapse_percent"] = 0.0
    assert least_classes(rows, (3, 4)) == {}


def test_lines_hold_at_larger_depths_in_words_and_in_the_picture():
    lines = Lines("published", PUBLISHED, "--")
    assert lines.reached((2, 3, 4, 5)) == {3: 10, 4: 6, 5: 6}
    assert lines.words((2, 3, 4, 5)) == "published: L = 3 from K = 10, L = 4 to 5 from K = 6"


def test_the_maps_have_all_their_cells():
    problems = Grid((3, 4), (2, 3), 1e-3, (1e-3, 1e-2), (3,)).problems()
    assert len(problems["classes"]) == 4
    assert len(problems["reg"]) == 4


@pytest.mark.parametrize(
    ("name", "classes", "rank", "outcome"),
    [("collapse", 10, 10, "collapse"), ("srg", 10, 5, "srg"), ("hinged-pairs", 4, 3, "below collapse")],
)
def test_ends_are_named_and_have_the_rank_of_their_features(name, classes, rank, outcome):
    narrow = model(classes, 4, 1e-3, 12)
    network = named(name, classes, activation="relu")
    scales = best_scales(network, 4, 1e-3, loss="mse").scales
    factors = at_scales(narrow, network, np.ravel(scales).tolist()).repeated()
    run = replace(train(narrow, steps=1, seeds=1, record=False).runs[0], factors=tuple(factors))
    row = end_row(run)
    assert (row["heading_for"], row["outcome"], row["rank"]) == (name, outcome, rank)
    assert row["heading_loss"] == pytest.approx(ClassNetwork.of_samples(narrow, factors).loss, rel=2e-3)


def test_an_end_that_leaves_a_saddle_is_not_named_after_it():
    """The srg network of six classes is a saddle at depth four: smoothed descents leave it for less."""
    narrow = model(6, 4, 1e-3, 12)
    network = named("srg", 6, activation="relu")
    scales = best_scales(network, 4, 1e-3, loss="mse").scales
    factors = at_scales(narrow, network, np.ravel(scales).tolist()).repeated()
    run = replace(train(narrow, steps=1, seeds=1, record=False).runs[0], factors=tuple(factors))
    assert end_row(run)["outcome"] == "below srg"

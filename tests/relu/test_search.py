"""The search for the best relu network: it is repeatable, and reaches the best networks known."""

import numpy as np
import pytest

from optima import DeepUFM
from optima.relu.objective import Objective
from optima.relu.search import EFFORTS, look, size, widths
from optima.relu.solve import search_networks


def relu(classes, depth, loss="mse"):
    return DeepUFM(classes, depth, 1e-3, loss=loss, activation="relu")


def test_equal_seeds_give_equal_results():
    first, second, other = (look(relu(3, 3), seed, EFFORTS["quick"]) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.pool.points, second.pool.points)
    np.testing.assert_array_equal(first.pool.hits, second.pool.hits)
    assert first.pool.points.shape != other.pool.points.shape or not np.allclose(first.pool.points, other.pool.points)
    assert first.descents > first.random > 0


def test_the_pool_is_in_order_and_its_minima_differ():
    values = look(relu(4, 3), 0, EFFORTS["quick"]).pool.values
    assert np.all(np.diff(values) > 0)


def test_progress_is_told():
    told = []
    look(relu(3, 2), 0, EFFORTS["quick"], progress=told.append)
    assert any("symmetry" in str(each) for each in told)
    assert any("batch 1" in str(each) for each in told)


@pytest.mark.parametrize(
    ("classes", "depth", "loss", "best"),
    [(3, 3, "mse", 0.0059954932), (3, 4, "mse", 0.0073324060), (4, 3, "mse", 0.0079919839)],
)
def test_a_quick_search_reaches_the_best_known(classes, depth, loss, best):
    # Smoothing raises a loss by less than a thousandth.
    pool = look(relu(classes, depth, loss), 0, EFFORTS["quick"]).pool
    assert best < pool.best < best * (1 + 1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(
    ("classes", "depth", "loss", "best"),
    [
        (3, 4, "mse", 0.0073324060),
        (4, 4, "mse", 0.0097216161),
        (6, 4, "mse", 0.0135219463),
        (7, 3, "mse", 0.0137545083),
        (10, 3, "mse", 0.0184083678),
        (6, 3, "ce", 0.0335682122),
        (10, 2, "ce", 0.0601911204),
    ],
)
def test_the_best_known_is_reached(classes, depth, loss, best, seed):
    assert search_networks(relu(classes, depth, loss), seed).loss <= best * (1 + 1e-8)


@pytest.mark.slow
@pytest.mark.parametrize(("depth", "best"), [(3, 0.0184083678), (4, 0.0203729308)])
def test_the_graph_network_is_found_without_its_name(depth, best):
    pool = look(relu(10, depth), 0, EFFORTS["normal"]).pool
    assert pool.best < best * (1 + 1e-3)


@pytest.mark.parametrize("loss", ["ce", "mse"])
@pytest.mark.parametrize(("classes", "depth", "width"), [(3, 2, None), (5, 4, None), (6, 3, 4)])
def test_the_size_of_a_search_is_known_before_it(classes, depth, width, loss):
    problem = DeepUFM(classes, depth, 1e-3, width=width, loss=loss, activation="relu")
    assert size(problem) == Objective(problem, widths(problem)).size


def test_a_huge_depth_is_refused_at_once():
    with pytest.raises(ValueError, match="pass fewer classes, or a smaller depth or width"):
        search_networks(DeepUFM(3, 10**15, 1e-3, activation="relu"))

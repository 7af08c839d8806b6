"""Starts with few neurons in the first layers: what they are, and what only they find."""

import numpy as np
import pytest

from optima import DeepUFM
from optima.relu.descent import WIDTHS, descend, rescaled, smooth
from optima.relu.objective import Objective
from optima.relu.search import EFFORTS, widths
from optima.relu.starts import narrow_starts, random_starts


def objective_of(*arguments, **options):
    problem = DeepUFM(*arguments, activation="relu", **options)
    return Objective(problem, widths(problem))


@pytest.mark.parametrize("loss", ["ce", "mse"])
@pytest.mark.parametrize(("classes", "depth", "width"), [(2, 3, None), (5, 3, None), (6, 5, None), (6, 5, 1)])
def test_the_first_layers_are_narrow_and_copy(classes, depth, width, loss):
    objective = objective_of(classes, depth, 1e-3, width=width, loss=loss)
    starts = narrow_starts(objective, 40, np.random.default_rng(0))
    assert starts.shape == (40, objective.size)
    assert np.isfinite(starts).all()
    first, *_, last = objective.layers(starts)
    ranks = np.linalg.matrix_rank(first)
    assert ranks.max() < max(classes, 3)
    assert np.all(np.count_nonzero(np.abs(first).max(axis=2) > 0, axis=1) <= max(2, classes - 1))
    if width is None and classes > 3:
        # Random weights before relu take apart what few neurons held together.
        assert np.mean(np.linalg.matrix_rank(np.maximum(last, 0.0)) > ranks) > 0.4


def test_no_layer_is_narrow_at_depth_two():
    shallow, deep = (DeepUFM(4, depth, 1e-3, activation="relu") for depth in (2, 3))
    counts = [[count for _, count in EFFORTS["normal"].starts(each).values()] for each in (shallow, deep)]
    assert counts[0][1] == 0 < counts[1][1]
    assert sum(counts[0]) == sum(counts[1])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("problem", "best"),
    [((6, 8, 1e-3, "mse"), 0.0180013813), ((10, 6, 1e-3, "mse"), 0.0230678), ((5, 6, 1e-5, "ce"), 0.00029820947)],
)
def test_descents_from_them_end_lower_where_networks_are_deep(problem, best):
    """Within .6 % of the best known, the cost of smoothing among it, where 128 random starts are .8 % above or more."""
    objective = objective_of(*problem[:3], loss=problem[3])
    rng = np.random.default_rng(0)
    least = []
    for draw in (narrow_starts, random_starts):
        points = descend(objective, rescaled(objective, draw(objective, 128, rng)))
        least.append(np.nanmin(objective.evaluate(points, smooth(objective, WIDTHS[-1]))[0]))
    assert least[0] < least[1]
    assert least[0] < 1.006 * best

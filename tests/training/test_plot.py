"""Pictures of training show what they are drawn from."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from optima import DeepUFM, train
from optima.plot.training import by_structure, draw_losses, levels, plot_training

SMALL = DeepUFM(4, 2, 2**-6, 2, width=6)


@pytest.fixture(scope="module")
def comparison():
    return train(SMALL, lr=0.1, steps=2000, seeds=3, record=False).compare()[0]


def test_ends_and_levels_lie_in_the_window(comparison):
    axes = Figure().subplots()
    predicted = levels(comparison)
    draw_losses(axes, by_structure(comparison.runs), predicted)
    low, high = axes.get_ylim()
    for loss in [*predicted.values(), *(run.loss for run in comparison.runs)]:
        assert low < loss < high
    assert len(axes.lines) == len(comparison.runs) + len(predicted)
    ends = sorted(line.get_ydata()[-1] for line in axes.lines[: len(comparison.runs)])
    assert ends == sorted(run.loss for run in comparison.runs)


def test_the_least_level_goes_by_its_name(comparison):
    found = levels(comparison)
    assert "simplex" in found
    assert len({round(loss, 9) for loss in found.values()}) == len(found)


def test_one_map_for_each_common_end(comparison):
    figure = plot_training(comparison)
    maps = [axes for axes in figure.axes if axes.images]
    assert len(maps) == min(2, len(comparison.shares))
    assert np.asarray(maps[0].images[0].get_array()).shape == (4, 4)


def test_runs_that_all_diverged_have_a_picture_too():
    figure = plot_training(train(SMALL, lr=1e6, steps=50, seeds=2).compare()[0])
    figure.canvas.draw()
    assert not figure.axes[0].get_legend()

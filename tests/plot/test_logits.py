"""Heat maps, settings in titles and ticks that do not meet."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from optima import DeepUFM, named, train
from optima.plot.code import clear_view, frame
from optima.plot.logits import class_order, draw_logits
from optima.plot.numbers import number, settings
from optima.plot.training import plot_training
from optima.reproduce.garrod2025_fig1 import QUICK, SCALE


def logits(name, classes):
    return np.asarray(named(name, classes).shape(), dtype=float)


@pytest.mark.parametrize("name", ["pairs", "icosahedron", "polygon"])
def test_antipodal_classes_are_side_by_side_whatever_their_numbers(name):
    means = logits(name, 12)
    shuffled = np.random.default_rng(0).permutation(12)
    means = means[np.ix_(shuffled, shuffled)]
    order = class_order(means)
    assert sorted(order) == list(range(12))
    first, second = order[::2], order[1::2]
    assert np.allclose(means[first, second], -np.diag(means)[first])


def test_classes_that_are_all_alike_keep_their_numbers():
    noise = 1e-9 * np.random.default_rng(1).standard_normal((7, 7))
    assert list(class_order(logits("simplex", 7) + noise)) == list(range(7))


def test_every_map_has_the_same_colours():
    axes = Figure().subplots(1, 2)
    for panel, scale in zip(axes, (1.0, 50.0), strict=True):
        draw_logits(panel, scale * logits("pairs", 6))
    limits = [panel.images[0].get_clim() for panel in axes]
    assert limits == [(-1, 1), (-1, 1)]
    assert np.allclose(*(panel.images[0].get_array() for panel in axes))


@pytest.mark.parametrize(
    ("value", "expected"),
    [(2.0**-10, "2^{-10}"), (1e-3, "0.001"), (1e-6, "10^{-6}"), (3e-7, r"3 \times 10^{-7}"), (0.5, "0.5"), (70, "70")],
)
def test_numbers(value, expected):
    assert number(value) == expected


def test_titles_say_lambda_and_n():
    assert settings(DeepUFM(10, 2, 2.0**-10, 5, width=70)) == (
        r"$K = 10$, $L = 2$, $n = 5$, $\lambda = 2^{-10}$, $d = 70$"
    )
    assert r"$n = 1 \ldots 9$" in settings(DeepUFM(3, 1, (1e-2, 1e-4), (9, 3, 1)))
    assert r"\lambda = (0.01, 0.0001)" in settings(DeepUFM(3, 1, (1e-2, 1e-4), (9, 3, 1)))


@pytest.mark.parametrize("steps", [300, 3000])
def test_training_has_its_settings_and_no_ticks_that_meet(steps):
    problem = DeepUFM(4, 2, 2.0**-6, 2, width=10)
    figure = plot_training(train(problem, lr=0.3, steps=steps, seeds=2, record=False).compare()[0])
    figure.draw_without_rendering()
    assert settings(problem) in figure.get_suptitle()
    for axes in figure.axes:
        labels = [text for text in axes.get_xticklabels(which="both") if text.get_text() and text.get_visible()]
        low, high = axes.get_xlim()
        boxes = [text.get_window_extent() for text in labels if low <= text.get_position()[0] <= high]
        assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_the_quick_figure_one_reaches_pairs():
    runs = train(QUICK, lr=0.5, steps=6000, seeds=6, scale=SCALE, record=False).runs
    assert {"simplex", "pairs"} <= {run.structure for run in runs}


def test_no_two_points_of_a_cube_hide_each_other():
    cube = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) / np.sqrt(3)
    right, up, _ = frame(*clear_view(cube))
    flat = cube @ np.column_stack([right, up])
    assert min(np.linalg.norm(a - b) for i, a in enumerate(flat) for b in flat[:i]) > 0.2

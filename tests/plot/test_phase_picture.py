"""Phase diagrams: what is said, what is marked as proved, and colours that mean one thing everywhere."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise

import pytest
from matplotlib.patches import Polygon

from optima.atlas import Store
from optima.phases.diagram import phase_diagram
from optima.plot.names import short
from optima.plot.phase import plot_phase
from optima.plot.ranks import lightness, rank_colour


@pytest.fixture(scope="module")
def draw(tmp_path_factory):
    def drawn(classes, depths, loss="ce"):
        axes = {"reg": [1e-3, 1e-2, 0.1], "depth": depths}
        path = tmp_path_factory.mktemp("atlas") / "atlas"
        with Store(path, write=True) as store:
            executors = partial(ThreadPoolExecutor, 1)
            fixed = {"classes": classes, "loss": loss}
            return plot_phase(phase_diagram("reg", "depth", axes, fixed, store, effort="quick", executors=executors))

    return drawn


@pytest.fixture(scope="module")
def four(draw):
    return draw(4, [1, 2, 3])


def bands(axes):
    return [patch for patch in axes.patches if isinstance(patch, Polygon)]


def test_the_title_says_what_is_known(four, draw):
    (axes,) = four.axes
    assert axes.get_title().startswith("Best minimum known")
    assert draw(4, [1, 2], "mse").axes[0].get_title().startswith("Global minimum (proved")


def test_depth_one_is_marked_as_proved_and_nothing_is_drawn_beyond_the_data(four):
    (axes,) = four.axes
    assert axes.get_ylim() == (0, 2)
    assert axes.get_xlim() == pytest.approx((1e-3, 0.1))
    low = [band.get_xy()[:, 1].min() for band in bands(axes)]
    assert 0 in low
    for line in axes.lines:
        assert min(line.get_ydata()) >= 0
        assert max(line.get_ydata()) <= 2


def test_regions_carry_their_names_inside_the_axes(four):
    (axes,) = four.axes
    names = [text for text in axes.texts if text.get_text() in ("simplex", "pairs")]
    assert {text.get_text() for text in names} == {"simplex", "pairs"}
    frame = axes.get_window_extent()
    boxes = [text.get_window_extent() for text in axes.texts]
    assert all(frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1 for box in boxes)
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_no_tie_is_written_as_an_equation(four):
    assert not any("=" in text.get_text() for text in four.axes[0].texts)


def test_a_rank_has_one_colour_and_higher_is_darker(four, draw):
    for figure in (four, draw(5, [3, 4])):
        legend = figure.legends[0]
        patches = dict(zip((text.get_text() for text in legend.get_texts()), legend.get_patches(), strict=True))
        assert patches
        for label, patch in patches.items():
            assert patch.get_facecolor()[:3] == pytest.approx(rank_colour(int(label.split()[0])))
    shades = [lightness(rank_colour(rank)) for rank in range(200)]
    # The map has 256 steps.
    assert shades == sorted(shades, reverse=True)
    assert all(a > b for a, b in pairwise(shades[:20]))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("pairs", "pairs"),
        ("gyroelongated-square-bipyramid", "gyroel. sq. bipyr."),
        ("antiprism-stack-1+3+3+3", "stack 1+3+3+3"),
        ("srg-petersen-complement", "petersen-compl."),
        ("polygon(5)+polygon(5)", "2 polygon(5)"),
        ("simplex(8)+pairs(1)", "simplex(8)+pairs(1)"),
        ("rank-4 code", "rank-4 code"),
    ],
)
def test_short_names(name, expected):
    assert short(name) == expected

"""Words along boundaries: on their curve, the longest that has room, over nothing else."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from optima.plot.tie_labels import dense, joined, label_ties

LONG, SHORT = "simplex = pairs", "1 = 2"


@pytest.fixture
def axes():
    axes = Figure(figsize=(6, 4), dpi=100, layout="constrained").add_subplot()
    axes.set(xlim=(1e-4, 1), ylim=(0, 10), xscale="log")
    return axes


def line(*points):
    """A polyline as segments, every second of them turned round."""
    segments = [tuple(points[i : i + 2]) for i in range(len(points) - 1)]
    return [segment[::-1] if i % 2 else segment for i, segment in enumerate(segments)]


def words(axes):
    return [text.get_text() for text in axes.texts]


def distance(axes, text, curve):
    """Pixels between the middle of a text and a curve."""
    middle = axes.transAxes.transform(text.get_position())
    return np.linalg.norm(dense(axes.transData.transform(curve)) - middle, axis=1).min()


def test_segments_are_joined_whatever_their_order_and_direction(axes):
    points = [(1e-3, 1.0), (2e-3, 2.0), (5e-3, 2.5), (1e-2, 6.0)]
    segments = line(*points)
    axes.get_figure().draw_without_rendering()
    for order in ([0, 1, 2], [2, 0, 1], [1, 0, 2]):
        (chain,) = joined([segments[i] for i in order], axes)
        assert chain.tolist() in ([list(point) for point in points], [list(point) for point in points[::-1]])
    assert len(joined([segments[0], segments[2]], axes)) == 2


@pytest.mark.parametrize(
    ("end", "expected"),
    [((0.5, 8.0), [LONG]), ((3.5e-4, 1.2), [SHORT]), ((2.2e-4, 1.1), [])],
    ids=["long", "short", "none"],
)
def test_the_longest_text_that_has_room(axes, end, expected):
    curve = [(2e-4, 1.0), end]
    label_ties(axes, {("a", "b"): line(*curve)}, {("a", "b"): (LONG, SHORT)})
    assert words(axes) == expected
    axes.get_figure().set_dpi(250)
    axes.get_figure().draw_without_rendering()
    for text in axes.texts:
        assert distance(axes, text, curve) < 4
        assert not 90 < text.get_rotation() < 270


def test_no_label_covers_another_boundary_or_text(axes):
    boundaries = {("a", "b"): line((2e-4, 5.0), (0.8, 5.0)), ("c", "d"): line((1e-2, 0.5), (1e-2, 9.5))}
    axes.text(1e-2, 7.4, "7", ha="center", va="center")
    label_ties(axes, boundaries, dict.fromkeys(boundaries, (LONG, SHORT)))
    assert words(axes)[1:] == [LONG, LONG]
    boxes = [text.get_window_extent() for text in axes.texts]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    across = dense(axes.transData.transform([(1e-2, 0.5), (1e-2, 9.5)]))
    flat = next(
        box for box, text in zip(boxes, axes.texts, strict=True) if abs(text.get_rotation()) < 1 and box.width > 40
    )
    assert not flat.count_contains(across)


def test_a_curve_that_bends_has_no_label(axes):
    zigzag = [(1e-3 * 1.1**i, 5 + 0.4 * (-1) ** i) for i in range(30)]
    label_ties(axes, {("a", "b"): line(*zigzag)}, {("a", "b"): (LONG, SHORT)})
    assert words(axes) == []


def test_labels_of_two_boundaries_close_together_stand_on_their_own_sides(axes):
    heights = {("a", "b"): 5.0, ("b", "c"): 5.15}
    boundaries = {pairing: line((2e-4, height), (0.8, height)) for pairing, height in heights.items()}
    label_ties(axes, boundaries, {("a", "b"): ("below", ""), ("b", "c"): ("above", "")})
    places = {text.get_text(): axes.transAxes.transform(text.get_position())[1] for text in axes.texts}
    lines = [axes.transData.transform((1e-2, height))[1] for height in heights.values()]
    assert places["below"] < lines[0] < lines[1] < places["above"]

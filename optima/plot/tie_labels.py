"""Words along the boundaries of a diagram: what ties there."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from optima.model import Array

Point = tuple[float, float]
Segment = tuple[Point, ...]

SIZE = 6.0
BOX = {"boxstyle": "round,pad=0.12", "facecolor": "white", "edgecolor": "none", "alpha": 0.85}
# Where along a boundary a label is tried, in this order.
PLACES = (0.5, 0.4, 0.6, 0.3, 0.7, 0.2, 0.8, 0.12, 0.88)
# Share of the length of a label by which the boundary may bend away from it.
BEND = 0.04
# Heights of a line of text by which a label is moved off its boundary, and how long the boundary must be, in lengths of
# the label: one that is covered is still to be seen at both ends.
SHIFTS = ((0.0, 1.4), (0.85, 1.0), (-0.85, 1.0))
# Half the height of a label in lines of text.
TALL = 0.7
# Pixels that stay free around other texts.
MARGIN = 5.0
# Digits of the pixels by which ends of segments are told apart.
DIGITS = 1


def label_ties(
    axes: Axes, segments: Mapping[tuple[str, str], Sequence[Segment]], words: Mapping[tuple[str, str], tuple[str, str]]
) -> None:
    """Put on each boundary, once, the longer of its two texts for which there is room; the figure is laid out first.

    ``segments`` are the pieces of the boundaries in data coordinates, ``words`` the long and the short text of each.
    A label covers no other boundary and no other text.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()
    chains = {
        pairing: [axes.transData.transform(chain) for chain in joined(pieces, axes)]
        for pairing, pieces in segments.items()
    }
    taken = [text.get_window_extent().padded(MARGIN) for text in axes.texts]
    for pairing, curves in sorted(chains.items(), key=lambda item: -max(map(_length, item[1]))):
        others = [dense(curve) for key, every in chains.items() for curve in every if key != pairing]
        obstacles = np.concatenate(others) if others else np.empty((0, 2))
        for text in filter(None, words[pairing]):
            if any(_placed(axes, curve, text, obstacles, taken) for curve in sorted(curves, key=_length, reverse=True)):
                break


def joined(segments: Sequence[Segment], axes: Axes) -> list[Array]:
    """Segments with common ends as chains of points, each (N, 2), in data coordinates."""
    key = lambda point: tuple(np.round(axes.transData.transform(point), DIGITS).tolist())
    chains: list[list[Point]] = []
    for segment in segments:
        points = list(segment)
        # It may close the gap between two chains.
        for chain in list(chains):
            if key(points[0]) in (key(chain[0]), key(chain[-1])):
                points.reverse()
            if key(points[-1]) in (key(chain[0]), key(chain[-1])):
                chains.remove(chain)
                points += (chain if key(points[-1]) == key(chain[0]) else chain[::-1])[1:]
        chains.append(points)
    return [np.array(chain) for chain in chains]


def dense(curve: Array) -> Array:
    """Points of a polyline at most two pixels apart."""
    pieces = [
        np.linspace(start, end, 2 + int(math.dist(start, end) / 2), endpoint=False) for start, end in pairwise(curve)
    ]
    return np.concatenate([*pieces, curve[-1:]])


def _length(curve: Array) -> float:
    return float(np.linalg.norm(np.diff(curve, axis=0), axis=1).sum())


def _placed(axes: Axes, curve: Array, words: str, obstacles: Array, taken: list[Bbox]) -> bool:
    """Whether the words found a place on the curve; their extent then joins those that are taken."""
    # In shares of the axes, which are the same at every resolution.
    style: dict[str, Any] = {"transform": axes.transAxes, "rotation_mode": "anchor", "zorder": 4}
    style |= {"ha": "center", "va": "center"}
    text = axes.text(0, 0, words, fontsize=SIZE, bbox=BOX, **style)
    text.set_in_layout(False)
    width = text.get_window_extent().width
    points = dense(curve)
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    for shift, least in SHIFTS:
        for place in PLACES if along[-1] >= least * width else ():
            low, high = place * along[-1] - width / 2, place * along[-1] + width / 2
            if low < 0 or high > along[-1]:
                continue
            under = points[(along >= low) & (along <= high)]
            rest = points[(along < low) | (along > high)]
            blocked = np.concatenate([obstacles, rest])
            if _straight(under, width) and _fits(axes, text, under, shift, blocked, taken):
                return True
    text.remove()
    return False


def _straight(points: Array, width: float) -> bool:
    chord = points[-1] - points[0]
    normal = np.array([-chord[1], chord[0]]) / np.linalg.norm(chord)
    return bool(np.abs((points - points[0]) @ normal).max() <= BEND * width)


def _fits(axes: Axes, text: Text, under: Array, shift: float, obstacles: Array, taken: list[Bbox]) -> bool:
    """Move the text onto the points, or beside them; whether nothing is there, nor between the text and the points."""
    line = SIZE * axes.get_figure(root=True).dpi / 72  # type: ignore[union-attr]
    chord = under[-1] - under[0]
    length = np.linalg.norm(chord)
    frame = np.array([chord, [-chord[1], chord[0]]]).T / length
    centre = (under[0] + under[-1]) / 2
    # Never upside down.
    text.set_rotation((math.degrees(math.atan2(chord[1], chord[0])) + 90) % 180 - 90)
    x, y = axes.transAxes.inverted().transform(centre + shift * line * frame[:, 1]).tolist()
    text.set_position((x, y))
    low, high = sorted((0.0, shift))
    low, high = (low - (TALL if shift <= 0 else 0.1)) * line, (high + (TALL if shift >= 0 else 0.1)) * line
    along, beside = ((obstacles - centre) @ frame).T
    extent, inside = text.get_window_extent(), axes.get_window_extent()
    if np.any((np.abs(along) < length / 2) & (low < beside) & (beside < high)):
        return False
    if any(extent.overlaps(other) for other in taken):
        return False
    if not (inside.x0 <= extent.x0 and extent.x1 <= inside.x1 and inside.y0 <= extent.y0 and extent.y1 <= inside.y1):
        return False
    taken.append(extent)
    return True

"""Names in the regions of a diagram: each where there is most room, or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.path import Path
from matplotlib.transforms import Bbox
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, label, minimum_filter

from optima.plot.names import short

Polygon = Sequence[tuple[float, float]]
Mask = NDArray[np.bool_]

# Points, tried in this order; and pixels from one point of the grid to the next.
SIZES = (7.5, 6.5, 5.5)
STEP = 2.0
BOX: dict[str, Any] = {"boxstyle": "round,pad=0.12", "facecolor": "white", "edgecolor": "none", "alpha": 0.8}
# Pixels between a name and what is around it.
MARGIN = 3.0
# Regions of fewer points of the grid are specks.
LEAST = 30


def name_regions(axes: Axes, areas: Mapping[str, Iterable[Polygon]], taken: Iterable[Polygon]) -> set[str]:
    """Write the name of each connected region into it, clear of ``taken``; the figure is laid out first.

    ``areas`` are the polygons that make up the regions of a name, in data coordinates. The name, shortened by
    :func:`optima.plot.names.short`, is tried on one line and on several, level and upright, at several sizes. Returns
    the names that found a place.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()
    grid = _Grid(axes)
    free = ~grid.inside(taken)
    found: set[str] = set()
    for name, polygons in areas.items():
        parts, count = label(grid.inside(polygons) & free)
        for part in range(1, count + 1):
            mask = parts == part
            if mask.sum() >= LEAST and _write(axes, grid, mask, name):
                found.add(name)
    return found


class _Grid:
    """Points in the axes, in pixels, ``STEP`` apart."""

    def __init__(self, axes: Axes) -> None:
        self.axes, box = axes, axes.get_window_extent()
        self.x = np.arange(box.x0 + STEP / 2, box.x1, STEP)
        self.y = np.arange(box.y0 + STEP / 2, box.y1, STEP)
        self.points = np.stack(np.meshgrid(self.x, self.y), axis=-1).reshape(-1, 2)

    def inside(self, polygons: Iterable[Polygon]) -> Mask:
        """Which points lie in one of the polygons, shape (rows, columns)."""
        found = np.zeros(len(self.points), dtype=bool)
        for polygon in polygons:
            # A little beyond its edges, so that no seam is left between two pieces of a region.
            corners = self.axes.transData.transform(polygon)
            path = Path(corners)
            found |= path.contains_points(self.points, radius=0.6) | path.contains_points(self.points, radius=-0.6)
        return found.reshape(len(self.y), len(self.x))


def _write(axes: Axes, grid: _Grid, mask: Mask, name: str) -> bool:
    """Whether a name found its place in a region."""
    text = axes.text(0, 0, "", ha="center", va="center", transform=axes.transAxes, zorder=4, bbox=BOX)
    text.set_in_layout(False)
    room = distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    for size, words, angle in _ways(name):
        text.set(text=words, fontsize=size, rotation=angle)
        place = _place(mask, room, text.get_window_extent())
        if place is not None:
            spot = grid.x[place[1]], grid.y[place[0]]
            x, y = axes.transAxes.inverted().transform(spot).tolist()
            text.set_position((x, y))
            return True
    text.remove()
    return False


def _ways(name: str) -> Iterable[tuple[float, str, int]]:
    """Sizes, words and angles, the best first."""
    words = short(name)
    return product(SIZES, dict.fromkeys([words, _on_lines(words)]), (0, 90))


def _on_lines(name: str) -> str:
    """Broken after hyphens, signs and spaces, a word to each line but short ones together."""
    lines = [""]
    for word in name.replace("-", "-\0").replace("+", "+\0").replace(" ", " \0").split("\0"):
        if lines[-1] and len(lines[-1]) + len(word) > 10:
            lines.append("")
        lines[-1] += word
    return "\n".join(line.rstrip() for line in lines)


def _place(mask: Mask, room: NDArray[np.float64], extent: Bbox) -> tuple[int, int] | None:
    """The row and column of the grid around which a text fits and is farthest from all edges."""
    shape = tuple(int(np.ceil((side + 2 * MARGIN) / STEP)) | 1 for side in (extent.height, extent.width))
    if shape[0] > mask.shape[0] or shape[1] > mask.shape[1]:
        return None
    fits = minimum_filter(mask, size=shape, mode="constant", cval=False)
    if not fits.any():
        return None
    best = np.argwhere(fits & (room >= 0.95 * room[fits].max()))
    # In a strip many places are as good: the one in their middle.
    row, column = best[np.argmin(np.linalg.norm(best - best.mean(axis=0), axis=1))].tolist()
    return row, column

"""Drawing a code: the class vectors of logits of rank two or three, with their convex hull."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from scipy.spatial import ConvexHull, QhullError

from optima.model import Array

COLOURS = "cividis"


def class_vectors(product: Array, rank: int) -> Array:
    """U sqrt(S) of the singular value decomposition, (K, r): where the classes point, in units of the longest."""
    U, s, _ = np.linalg.svd(product)
    points = U[:, :rank] * np.sqrt(s[:rank])
    return points / np.linalg.norm(points, axis=1).max()


def draw_circle(axes: Axes, points: Array) -> None:
    """A code of rank two: the unit circle, the hull, and a numbered point for each class."""
    angle = np.linspace(0, 2 * np.pi, 200)
    axes.plot(np.cos(angle), np.sin(angle), color="0.75", linewidth=0.8)
    for i, j in hull_edges(points):
        axes.plot(*points[[i, j]].T, color="0.3", linewidth=1.2)
    axes.scatter(points[:, 0], points[:, 1], s=36, color="black", zorder=3)
    for i, point in enumerate(points):
        axes.annotate(str(i), point * 1.14, ha="center", va="center", fontsize=8)
    axes.set(aspect="equal", xlim=(-1.35, 1.35), ylim=(-1.35, 1.35))
    axes.axis("off")


def draw_sphere(axes: Any, points: Array) -> None:
    """A code of rank three: hull edges, near ones dark and far ones light, and numbered points."""
    azimuth, elevation = np.radians(-55.0), np.radians(18.0)
    eye = np.array([np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)])
    nearness = Normalize(-1, 1)(points @ eye)
    for i, j in hull_edges(points):
        near = float(nearness[[i, j]].mean())
        axes.plot(*points[[i, j]].T, color=str(0.8 * (1 - near)), linewidth=0.7 + near)
    axes.scatter(*points.T, s=30, color=[str(0.75 * (1 - near)) for near in nearness], depthshade=False)
    for i, point in enumerate(points):
        axes.text(*(point * 1.16), str(i), ha="center", va="center", fontsize=8)
    axes.view_init(elev=18, azim=-55)
    axes.set_box_aspect((1, 1, 1), zoom=1.55)
    axes.set_axis_off()


def hull_edges(points: Array) -> list[tuple[int, int]]:
    """Edges of the convex hull; those inside a flat face are left out. Empty when the points are degenerate."""
    try:
        hull = ConvexHull(points)
    except QhullError:
        return []
    if points.shape[1] == 2:
        return [(int(i), int(j)) for i, j in hull.simplices]
    normals: dict[tuple[int, int], list[Array]] = {}
    for simplex, equation in zip(hull.simplices, hull.equations, strict=True):
        for i, j in combinations(sorted(map(int, simplex)), 2):
            normals.setdefault((i, j), []).append(equation[:3])
    flat = Counter({edge: 1 for edge, (a, *rest) in normals.items() if rest and a @ rest[0] > 1 - 1e-6})
    return [edge for edge in normals if not flat[edge]]

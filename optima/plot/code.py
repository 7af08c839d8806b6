"""Drawing a code: the class vectors of logits of rank two or three, with their convex hull."""

from __future__ import annotations

from collections import Counter
from itertools import combinations, product
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
        axes.annotate(str(i), point * 1.19, ha="center", va="center", fontsize=8)
    axes.set(aspect="equal", xlim=(-1.35, 1.35), ylim=(-1.35, 1.35))
    axes.axis("off")


def draw_sphere(axes: Any, points: Array) -> None:
    """A code of rank three: hull edges, near ones dark and far ones light, and numbered points."""
    azimuth, elevation = clear_view(points)
    right, up, eye = frame(azimuth, elevation)
    nearness = Normalize(-1, 1)(points @ eye)
    for i, j in hull_edges(points):
        near = float(nearness[[i, j]].mean())
        axes.plot(*points[[i, j]].T, color=str(0.8 * (1 - near)), linewidth=0.7 + near)
    axes.scatter(*points.T, s=30, color=[str(0.75 * (1 - near)) for near in nearness], depthshade=False)
    for i, point in enumerate(points):
        flat = np.array([point @ right, point @ up])
        # Away from the middle of the picture, so that it is not on its point.
        out = flat / np.linalg.norm(flat) if np.linalg.norm(flat) > 1e-6 else np.array([0.0, 1.0])
        axes.text(*(point + 0.19 * (out[0] * right + out[1] * up)), str(i), ha="center", va="center", fontsize=8)
    # Equal ranges, so that angles are true: those of the points differ from axis to axis.
    axes.set(xlim=(-1, 1), ylim=(-1, 1), zlim=(-1, 1))
    axes.set_proj_type("ortho")
    axes.view_init(elev=elevation, azim=azimuth)
    axes.set_box_aspect((1, 1, 1), zoom=1.5)
    axes.set_axis_off()


def frame(azimuth: float, elevation: float) -> tuple[Array, Array, Array]:
    """Unit vectors to the right, upwards and to the eye of who looks from there (degrees)."""
    a, e = np.radians(azimuth), np.radians(elevation)
    eye = np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])
    right = np.array([-np.sin(a), np.cos(a), 0.0])
    return right, np.cross(eye, right), eye


def clear_view(points: Array) -> tuple[float, float]:
    """Azimuth and elevation, in degrees, from which the two points that look closest are farthest apart."""

    def apart(view: tuple[float, float]) -> float:
        right, up, _ = frame(*view)
        flat = points @ np.column_stack([right, up])
        return min((float(np.linalg.norm(a - b)) for a, b in combinations(flat, 2)), default=0.0)

    return max(product(np.arange(-180.0, 180.0, 10.0), np.arange(5.0, 65.0, 10.0)), key=apart)


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

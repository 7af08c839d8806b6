"""The picture of a solution: its logits as a heat map, and its code where that can be drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from scipy.cluster.hierarchy import leaves_list, linkage, optimal_leaf_ordering
from scipy.spatial.distance import squareform

from optima.model import Array
from optima.plot.code import COLOURS, class_vectors, draw_circle, draw_sphere
from optima.plot.figure import Figure, defaults

if TYPE_CHECKING:
    from optima.solution import Solution


@defaults
def plot_solution(solution: Solution) -> Figure:
    """Heat map of the class-mean logits and, for rank 2 or 3, the code on a circle or sphere."""
    drawn = solution.rank in (2, 3)
    figure = Figure(figsize=(9.2 if drawn else 5.2, 4.6), layout="constrained")
    problem = solution.problem
    figure.suptitle(
        f"{solution.structure}\n"
        f"$K = {problem.classes}$, $L = {problem.depth}$, loss {solution.loss:.6g}, rank {solution.rank}",
        fontsize=10,
    )
    draw_logits(figure.add_subplot(1, 2 if drawn else 1, 1), solution.means)
    if drawn:
        axes = figure.add_subplot(1, 2, 2, projection="3d" if solution.rank == 3 else None)
        points = class_vectors(solution.means * np.sqrt(problem.class_sizes), solution.rank)
        (draw_sphere if solution.rank == 3 else draw_circle)(axes, points)
        axes.set_title("class vectors and their convex hull", fontsize=9)
    return figure


def draw_logits(axes: Axes, means: Array) -> None:
    """Heat map of class-mean logits, with similar classes next to each other."""
    order = similar_together(means)
    image = axes.imshow(means[np.ix_(order, order)], cmap=COLOURS)
    axes.figure.colorbar(image, ax=axes, shrink=0.8, label="mean logit")
    axes.set(xlabel="class of the sample", ylabel="logit")
    if len(means) <= 24:
        ticks = [str(i) for i in order]
        axes.set_xticks(range(len(order)), ticks, fontsize=7)
        axes.set_yticks(range(len(order)), ticks, fontsize=7)
    else:
        axes.set(xticks=[], yticks=[])


def similar_together(means: Array) -> NDArray[np.intp]:
    """An order of the classes in which neighbours have similar logits (optimal leaf ordering of a clustering)."""
    if len(means) < 3 or not np.ptp(means):
        return np.arange(len(means))
    distance = np.max(means) - 0.5 * (means + means.T)
    np.fill_diagonal(distance, 0.0)
    condensed = squareform(distance, checks=False)
    return np.asarray(leaves_list(optimal_leaf_ordering(linkage(condensed, "average"), condensed)), dtype=np.intp)

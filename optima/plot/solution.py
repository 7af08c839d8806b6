"""The picture of a solution: its logits as a heat map, and its code where that can be drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from optima.plot.code import class_vectors, draw_circle, draw_sphere
from optima.plot.figure import Figure, defaults
from optima.plot.logits import draw_logits, logit_bar
from optima.plot.numbers import settings
from optima.solution.knowledge import PROVED

if TYPE_CHECKING:
    from optima.solution import Solution


@defaults
def plot_solution(solution: Solution) -> Figure:
    """Heat map of the class-mean logits and, for rank 2 or 3, the code on a circle or sphere."""
    drawn = solution.rank in (2, 3)
    figure = Figure(figsize=(9.2 if drawn else 5.2, 4.6), layout="constrained")
    problem = solution.problem
    figure.suptitle(
        f"{_known(solution)}: {solution.structure}, rank {solution.rank}, loss {solution.loss:.6g}\n"
        f"{settings(problem)}",
        fontsize=10,
    )
    panel = figure.add_subplot(1, 2 if drawn else 1, 1)
    draw_logits(panel, solution.means, problem.loss)
    panel.set_title(f"class-mean logits, at most {np.abs(solution.means).max():.4g}", fontsize=9)
    logit_bar(figure, [panel])
    if drawn:
        axes = figure.add_subplot(1, 2, 2, projection="3d" if solution.rank == 3 else None)
        points = class_vectors(solution.means * np.sqrt(problem.class_sizes), solution.rank)
        (draw_sphere if solution.rank == 3 else draw_circle)(axes, points)
        axes.set_title("class vectors and their convex hull", fontsize=9)
    return figure


def _known(solution: Solution) -> str:
    proved = solution.proof is not None and solution.gap <= PROVED
    return f"Global minimum (proved within {100 * PROVED:g} %)" if proved else "Best minimum known"

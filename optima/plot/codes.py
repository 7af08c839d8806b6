"""Several solutions side by side: their logits, and their codes where these can be drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from optima.plot.code import class_vectors, draw_circle, draw_sphere
from optima.plot.figure import Figure, defaults
from optima.plot.logits import draw_logits, logit_bar
from optima.plot.names import short
from optima.plot.numbers import number
from optima.solution.knowledge import PROVED

if TYPE_CHECKING:
    from optima.solution import Solution


@defaults
def plot_codes(solutions: Sequence[Solution]) -> Figure:
    """One column for each solution: the logits above, and below them the code where its rank is two or three."""
    figure = Figure(figsize=(2.4 * len(solutions) + 0.8, 4.9), layout="constrained")
    maps: list[Axes] = []
    for column, solution in enumerate(solutions, start=1):
        top = figure.add_subplot(2, len(solutions), column)
        draw_logits(top, solution.means, solution.problem.loss)
        maps.append(top)
        if column > 1:
            top.set_ylabel("")
        top.set_title(_title(solution, solutions), fontsize=9)
        projection = "3d" if solution.rank == 3 else None
        below = figure.add_subplot(2, len(solutions), len(solutions) + column, projection=projection)
        if solution.rank in (2, 3):
            points = class_vectors(solution.means * np.sqrt(solution.problem.class_sizes), solution.rank)
            (draw_sphere if solution.rank == 3 else draw_circle)(below, points)
        else:
            words = "zero logits" if solution.rank == 0 else f"a code in $R^{{{solution.rank}}}$"
            below.text(0.5, 0.5, words, ha="center", va="center", color="0.4")
            below.axis("off")
    logit_bar(figure, maps)
    known = "Global minima (proved within 1 %)" if all(map(_proved, solutions)) else "Best minima known"
    same = [text for text in _numbers(solutions[0]) if all(text in _numbers(each) for each in solutions)]
    figure.suptitle(f"{known}: {', '.join(same)}" if same else known, fontsize=10)
    return figure


def _proved(solution: Solution) -> bool:
    return solution.proof is not None and solution.gap <= PROVED


def _numbers(solution: Solution) -> list[str]:
    """The numbers of a problem, each as a piece of text."""
    problem = solution.problem
    sizes = problem.class_sizes
    n = str(sizes[0]) if sizes.min() == sizes.max() else rf"{sizes.min()} \ldots {sizes.max()}"
    reg = number(tuple(problem.regs) if len(set(problem.regs)) > 1 else problem.regs[0])
    words = [f"$K = {problem.classes}$", f"$L = {problem.depth}$", rf"$\lambda = {reg}$", f"$n = {n}$"]
    return words + [f"$d = {problem.width}$"] * (problem.width is not None)


def _title(solution: Solution, solutions: Sequence[Solution]) -> str:
    """What is not the same for all, what it is and its rank, and whether it is proved where others are not."""
    own = [text for text in _numbers(solution) if any(text not in _numbers(each) for each in solutions)]
    proof = ", proved" if _proved(solution) and not all(map(_proved, solutions)) else ""
    return f"{', '.join([*own, f'rank {solution.rank}'])}\n{short(solution.structure)}{proof}"

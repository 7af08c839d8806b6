"""Who wins at twelve classes as depth grows: the optimal codes, and the ladder of ranks at depth three.

Draws codes.png, codes.pdf, ladder.png and ladder.pdf beside this file and prints the winners:

    python examples/plot_codes.py
"""

from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.ticker import MaxNLocator

import optima
from optima.plot.code import class_vectors, draw_circle, draw_sphere
from optima.plot.solution import draw_logits

CLASSES, REG = 12, 1e-3
DEPTHS = (1, 2, 3, 5, 10)
HERE = Path(__file__).parent


def draw_codes(solutions: dict[int, optima.Solution]) -> None:
    """One column per depth: the logits on top, and below them the code where its rank is two or three."""
    figure = plt.figure(figsize=(3.0 * len(solutions), 6.0), layout="constrained")
    for column, (depth, solution) in enumerate(solutions.items(), start=1):
        top = figure.add_subplot(2, len(solutions), column)
        draw_logits(top, solution.means)
        top.set_title(f"$L = {depth}$: rank {solution.rank}\n{solution.structure.split(' (')[0]}", fontsize=10)
        projection = "3d" if solution.rank == 3 else None
        below = figure.add_subplot(2, len(solutions), len(solutions) + column, projection=projection)
        if solution.rank > 3:
            below.text(0.5, 0.5, f"a code in $R^{{{solution.rank}}}$", ha="center", va="center", color="0.4")
            below.axis("off")
        else:
            points = class_vectors(solution.means, solution.rank)
            (draw_sphere if solution.rank == 3 else draw_circle)(below, points)
    figure.suptitle(f"Best minimum known at $K = {CLASSES}$, $\\lambda = 10^{{-3}}$, $n = 1$")
    save(figure, "codes")


def draw_ladder(solution: optima.Solution) -> None:
    """Loss of the best minimum on each rung, named, against that of deep neural collapse."""
    rungs = [rung for rung in solution.ladder if rung.rank >= 2]
    figure, axes = plt.subplots(figsize=(7.5, 4.2), layout="constrained")
    collapse = solution.candidates["simplex"]
    axes.axvline(collapse, color="0.5", linestyle="--", linewidth=1)
    axes.text(collapse, 1.35, "deep neural collapse ", color="0.35", fontsize=8, ha="right", va="center")
    for rung in rungs:
        best = rung.loss == min(other.loss for other in rungs)
        axes.plot(rung.loss, rung.rank, "o", color="black", markerfacecolor="black" if best else "white")
        axes.text(rung.loss, rung.rank, f"   {rung.minima[0].structure}", fontsize=8, va="center")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(ylabel="rank of the logits", xlabel="loss of the best minimum found on the rung")
    axes.set(ylim=(1, CLASSES), xlim=(0.045, 0.0775))
    axes.set_title(f"Ladder of ranks, $K = {CLASSES}$, $L = 3$, $\\lambda = 10^{{-3}}$, $n = 1$", fontsize=10)
    save(figure, "ladder")


def save(figure: plt.Figure, name: str) -> None:
    """As PNG and PDF beside this file."""
    for ending in ("png", "pdf"):
        figure.savefig(HERE / f"{name}.{ending}", dpi=150)


def main() -> None:
    """Solve each depth, print the winners, draw both pictures."""
    solutions = {depth: optima.solve(optima.DeepUFM(CLASSES, depth, REG)) for depth in DEPTHS}
    for depth, solution in solutions.items():
        spectrum = np.array2string(solution.singular_values, precision=4)
        print(f"L = {depth}: loss {solution.loss:.10g}, {solution.structure}, singular values {spectrum}")
    draw_codes(solutions)
    draw_ladder(solutions[3])


if __name__ == "__main__":
    main()

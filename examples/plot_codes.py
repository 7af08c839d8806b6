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
from optima.plot.logits import draw_logits, logit_bar

CLASSES, REG = 12, 1e-3
DEPTHS = (1, 2, 3, 5, 10)
HERE = Path(__file__).parent


def draw_codes(solutions: dict[int, optima.Solution]) -> None:
    """One column per depth: the logits on top, and below them the code where its rank is two or three."""
    figure = plt.figure(figsize=(2.4 * len(solutions), 4.9), layout="constrained")
    maps: list[plt.Axes] = []
    for column, (depth, solution) in enumerate(solutions.items(), start=1):
        top = figure.add_subplot(2, len(solutions), column)
        draw_logits(top, solution.means)
        maps.append(top)
        if column > 1:
            top.set_ylabel("")
        proof = ", proved" if solution.gap < 1e-6 else ""
        top.set_title(f"$L = {depth}$: rank {solution.rank}\n{solution.structure.split(' (')[0]}{proof}", fontsize=10)
        projection = "3d" if solution.rank == 3 else None
        below = figure.add_subplot(2, len(solutions), len(solutions) + column, projection=projection)
        if solution.rank > 3:
            below.text(0.5, 0.5, f"a code in $R^{{{solution.rank}}}$", ha="center", va="center", color="0.4")
            below.axis("off")
        else:
            points = class_vectors(solution.means, solution.rank)
            (draw_sphere if solution.rank == 3 else draw_circle)(below, points)
    logit_bar(figure, maps)
    figure.suptitle(f"Best minimum known at $K = {CLASSES}$, $\\lambda = 10^{{-3}}$, $n = 1$")
    save(figure, "codes")


def draw_ladder(solution: optima.Solution) -> None:
    """Loss of the best minimum on each rung, named, against that of deep neural collapse."""
    rungs = [rung for rung in solution.ladder if rung.rank >= 2]
    figure, axes = plt.subplots(figsize=(7.2, 4.2), layout="constrained")
    # Relative to deep neural collapse, whose line no name crosses.
    collapse = solution.candidates["simplex"]
    above = [100 * (rung.loss / collapse - 1) for rung in rungs]
    axes.axvline(0, color="0.5", linestyle="--", linewidth=1, zorder=0)
    axes.text(0, 1.35, "deep neural collapse ", color="0.35", fontsize=8, ha="right", va="center")
    for rung, place in zip(rungs, above, strict=True):
        axes.plot(place, rung.rank, "o", color="black", markerfacecolor="black" if place == min(above) else "white")
        left = -15 < place < 0
        name = f"{rung.minima[0].structure}   " if left else f"   {rung.minima[0].structure}"
        axes.text(place, rung.rank, name, fontsize=8, va="center", ha="right" if left else "left")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(
        ylabel="rank of the logits",
        xlabel="loss of the best minimum found of each rank, above deep neural collapse (%)",
    )
    axes.set(ylim=(1, CLASSES), xlim=(1.1 * min(above), max(above) + 0.25 * abs(min(above))))
    axes.set_title(
        f"Best minimum known of each rank: $K = {CLASSES}$, $L = 3$, $\\lambda = 10^{{-3}}$, $n = 1$", fontsize=10
    )
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

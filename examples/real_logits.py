"""Mean logits of the first seeds as heat maps, those predicted above."""

from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from real_figure import Rows, means_of, save
from real_rows import DEPTHS, SETUPS, Setup, of, rank
from real_tables import place

from optima.plot.logits import draw_logits, logit_bar

HEADS = [("linear", depth) for depth in DEPTHS] + [("relu", depth) for depth in DEPTHS if depth > 1]


def draw_means(runs: Rows, logits: Rows, folder: Path) -> None:
    """A row of maps for each setup, a column for each head; predictions once where those of setups are the same.

    Setups and heads of which there are no logits are left out.
    """
    kept = {place(row) for row in logits}
    runs = [row for row in runs if place(row) in kept]
    heads = [head for head in HEADS if any((row["head"], row["depth"]) == head for row in runs)]
    lines: list[tuple[Setup, str]] = []
    before: tuple[str, ...] = ()
    for setup in SETUPS:
        own = [row for row in runs if of(setup, row)]
        names = (setup.decay, *(row["predicted"] for row in own))
        if own:
            lines += [(setup, which) for which in ("predicted", "found") if which == "found" or names != before]
            before = names
    figure = plt.figure(figsize=(1.35 * len(heads) + 1, 1.5 * len(lines) + 0.5), layout="constrained")
    panels = figure.subplots(len(lines), len(heads), squeeze=False)
    for (setup, which), maps in zip(lines, panels, strict=True):
        for head, axes in zip(heads, maps, strict=True):
            draw_map(axes, [row for row in logits if of(setup, row)], head, which)
        words = "predicted,\n" * (which == "predicted") + f"{setup.data}, {setup.body},\n{setup.decay}"
        maps[0].set_ylabel(words, fontsize=8)
    logit_bar(figure, panels.ravel().tolist())
    figure.suptitle("Mean logits, seed 0, each map in its own order of classes", fontsize=11)
    save(figure, folder / "real_networks.logits")


def draw_map(axes: Axes, logits: Rows, head: tuple[str, int], which: str) -> None:
    """One map, with its rank; an empty place where nothing was trained."""
    means = means_of(logits, *head, which)
    if means.size:
        draw_logits(axes, means)
    axes.set_title(f"{head[0]} {head[1]}" + (f": rank {rank(means)}" if means.size else ""), fontsize=8)
    axes.set(xlabel="", ylabel="", xticks=[], yticks=[])

"""Loss of deep neural collapse and of antipodal pairs against depth, with their ties.

Draws loss_against_depth.png and .pdf beside this file and prints the ties:

    python examples/plot_loss_against_depth.py
"""

from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt

import optima

REGS = (1e-1, 1e-2, 1e-3, 1e-4)
DEPTHS = np.linspace(1, 6, 401)
STYLES = {"simplex": "-", "pairs": "--"}


def draw(axes: plt.Axes, classes: int) -> None:
    """Curves of both structures for each regularisation, and a marker at each tie."""
    shades = plt.colormaps["cividis"](np.linspace(0.0, 0.85, len(REGS)))
    for reg, colour in zip(REGS, shades, strict=True):
        for name, style in STYLES.items():
            best = optima.best_scales(optima.named(name, classes), DEPTHS, reg)
            axes.plot(DEPTHS, best.loss, style, color=colour, linewidth=1.6)
        mark_ties(axes, classes, reg)
        at_end = optima.best_scales(optima.named("pairs", classes), 6.0, reg).loss
        axes.annotate(f"$\\lambda = 10^{{{np.log10(reg):.0f}}}$", (6.05, at_end), va="center", annotation_clip=False)
    axes.axhline(np.log(classes), color="0.6", linewidth=0.8, linestyle=":")
    axes.set(yscale="log", xlabel="depth $L$ (number of weight matrices)", xlim=(1, 6))
    axes.set_title(f"$K = {classes}$ classes, $n = 1$")


def mark_ties(axes: plt.Axes, classes: int, reg: float) -> None:
    """A circle where the two curves cross."""
    for depth in optima.boundary_depth("simplex", "pairs", classes, reg, depths=(1.0, 6.0)):
        loss = optima.best_scales(optima.named("simplex", classes), depth, reg).loss
        axes.plot(depth, loss, "o", color="black", markerfacecolor="white", markersize=6, zorder=5)
        print(f"K = {classes}, lambda = {reg:g}: tie at L = {depth:.10f}, loss {loss:.10f}")


def main() -> None:
    """Two panels: four classes, where depth 2 is undecided, and ten, where pairs win from depth 2 on."""
    figure, panels = plt.subplots(1, 2, figsize=(10, 4.4), sharey=True, layout="constrained")
    for axes, classes in zip(panels, (4, 10), strict=True):
        draw(axes, classes)
    panels[0].set_ylabel("optimal loss (cross-entropy + weight decay)")
    handles = [plt.Line2D([], [], color="black", linestyle=style, label=name) for name, style in STYLES.items()]
    handles.append(plt.Line2D([], [], color="0.6", linestyle=":", linewidth=0.8, label="zero logits, $\\log K$"))
    tie = plt.Line2D([], [], color="black", marker="o", markerfacecolor="white", linestyle="", label="tie")
    figure.legend(handles=[*handles, tie], loc="outside lower center", ncols=4, frameon=False)
    for ending in ("png", "pdf"):
        figure.savefig(Path(__file__).with_name(f"loss_against_depth.{ending}"), dpi=160)


if __name__ == "__main__":
    main()

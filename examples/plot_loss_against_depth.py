"""How much less antipodal pairs cost than deep neural collapse, against depth, and where the two tie.

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
# Dark to light, and each with a dash of its own, so that they stay apart in grey.
DASHES = ("-", "--", "-.", (0, (5, 1, 1, 1, 1, 1)))


def relative(classes: int, reg: float) -> np.ndarray:
    """Loss of pairs above that of the simplex, in per cent of the latter, at every depth; nan where both vanish."""
    losses = {name: optima.best_scales(optima.named(name, classes), DEPTHS, reg).loss for name in ("simplex", "pairs")}
    # Nothing is compared where both are the zero logits.
    zero = np.minimum(losses["pairs"], losses["simplex"]) >= np.log(classes) * (1 - 1e-12)
    return np.where(zero, np.nan, 100 * (losses["pairs"] / losses["simplex"] - 1))


def draw(axes: plt.Axes, classes: int) -> None:
    """A curve for each regularisation, and a marker at each tie."""
    shades = plt.colormaps["cividis"](np.linspace(0.0, 0.8, len(REGS)))
    for reg, colour, dash in zip(REGS, shades, DASHES, strict=True):
        label = f"$\\lambda = 10^{{{np.log10(reg):.0f}}}$"
        axes.plot(DEPTHS, relative(classes, reg), linestyle=dash, color=colour, linewidth=1.8, label=label)
        for depth in optima.boundary_depth("simplex", "pairs", classes, reg, depths=(1.0, 6.0)):
            axes.plot(depth, 0, "o", color="black", markerfacecolor="white", markersize=6, zorder=5)
            print(f"K = {classes}, lambda = {reg:g}: tie at L = {depth:.10f}")
    axes.axhline(0, color="0.4", linewidth=0.9, zorder=0)
    axes.set(xlabel="depth $L$ (number of weight matrices)", xlim=(1, 6))
    axes.set_title(f"$K = {classes}$ classes, $n = 1$", fontsize=11)
    if np.isnan(relative(classes, REGS[0])).all():
        axes.text(5.9, 10, f"$\\lambda = {REGS[0]:g}$: both are zero logits", ha="right", fontsize=8, color="0.3")


def main() -> None:
    """Two panels: four classes, where depth 2 is undecided, and ten, where pairs win from depth 2 on."""
    figure, panels = plt.subplots(1, 2, figsize=(7.2, 3.6), sharey=True, layout="constrained")
    for axes, classes in zip(panels, (4, 10), strict=True):
        draw(axes, classes)
    panels[0].set_ylabel("optimal loss of pairs above that of\nthe simplex (neural collapse), %")
    panels[1].annotate("simplex costs less", (5.9, 1), ha="right", va="bottom", fontsize=8, color="0.3")
    panels[1].annotate("pairs cost less", (5.9, -1), ha="right", va="top", fontsize=8, color="0.3")
    tie = plt.Line2D([], [], color="black", marker="o", markerfacecolor="white", linestyle="", label="tie")
    handles = [*panels[0].get_legend_handles_labels()[0], tie]
    figure.legend(handles=handles, loc="outside lower center", ncols=5, frameon=False, fontsize=9)
    for ending in ("png", "pdf"):
        figure.savefig(Path(__file__).with_name(f"loss_against_depth.{ending}"), dpi=160)


if __name__ == "__main__":
    main()

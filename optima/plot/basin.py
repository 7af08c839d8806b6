"""The shrinking basins of collapse: separatrices against the size of the start, and P(collapse) against depth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from optima.dynamics.levels import levels
from optima.plot.figure import Figure, defaults

if TYPE_CHECKING:
    from optima.dynamics.basin import Basin

# Depths that are drawn beside those asked for where these are fewer than three.
SHOWN = (2, 3, 5, 9)
# Sizes of starts on a separatrix (few where each of them is shot at), and how far they go beyond those asked for.
POINTS, FEW, LEAST, LARGEST = 40, 6, 1e-3, 10.0
POINTED: dict[str, Any] = {"marker": "o", "markersize": 4, "capsize": 2, "linewidth": 1.2}


@defaults
def plot_basins(found: Sequence[Basin], size: int | None = None) -> Figure:
    """Separatrices r*(rho_0) of all depths with the starts asked for, and P(collapse) where it was estimated."""
    chances = any(each.chances for each in found)
    figure = Figure(figsize=(10.4 if chances else 5.6, 4.4), layout="constrained")
    panels = figure.subplots(1, 1 + chances, squeeze=False)[0]
    first = found[0]
    figure.suptitle(f"Training without regularisation, $K = {first.classes}$ classes", fontsize=11)
    _draw_separatrices(panels[0], found, size)
    if chances:
        _draw_chances(panels[1], found)
    return figure


def _depths(found: Sequence[Basin]) -> list[int]:
    asked = {each.depth for each in found}
    return sorted(asked if len(asked) >= 3 else asked | set(SHOWN))


def _colours(count: int) -> list[object]:
    return [colormaps["cividis"](x) for x in np.linspace(0.0, 0.85, count)]


def _draw_separatrices(axes: Axes, found: Sequence[Basin], size: int | None) -> None:
    planar = found[0].planar
    depths = _depths(found) if planar else sorted({each.depth for each in found})
    starts = [each.start for each in found]
    of = levels(found[0].classes, size)
    sizes = np.geomspace(min(LEAST, *starts), max(LARGEST, *starts), POINTS if planar else FEW)
    for L, colour in zip(depths, _colours(len(depths)), strict=True):
        line = 1 - of.separatrix(L, sizes) if of else np.zeros(POINTS)
        axes.plot(sizes, line, color=colour, linewidth=1.6, label=f"$L = {L}$")
        axes.fill_between(sizes, line, 1, color=colour, alpha=0.1, linewidth=0)
        points = [each for each in found if each.depth == L]
        axes.plot([p.start for p in points], [p.separatrix for p in points], "o", color=colour, markersize=5)
    axes.set(
        xscale="log",
        ylim=(0, 1),
        xlabel=r"leading singular values of the start, $\rho_0$",
        ylabel="the others relative to them, $r$",
    )
    axes.set_xlim(sizes[0], sizes[-1])
    axes.legend(fontsize=8, frameon=False, loc="lower left")
    rival = f"; below: {found[0].rival}" if found[0].rival else ""
    axes.set_title(f"above its line a start collapses{rival}", fontsize=9)


def _draw_chances(axes: Axes, found: Sequence[Basin]) -> None:
    curves = sorted({(each.start, chance.spread) for each in found for chance in each.chances})
    for (start, spread), colour in zip(curves, _colours(len(curves)), strict=True):
        points = sorted(
            (each.depth, chance)
            for each in found
            for chance in each.chances
            if (each.start, chance.spread) == (start, spread)
        )
        depths = [L for L, _ in points]
        middle = np.array([chance.fraction for _, chance in points])
        ends = np.array([chance.interval for _, chance in points])
        label = rf"$\rho_0 = {start:g}$, $\sigma = {spread:g}$"
        errors = np.maximum(0.0, [middle - ends[:, 0], ends[:, 1] - middle])
        axes.errorbar(
            depths, middle, errors, color=colour, marker="o", markersize=4, capsize=2, linewidth=1.2, label=label
        )
    axes.set(ylim=(-0.03, 1.03), xlabel="depth $L$", ylabel="probability of collapse")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_title(r"random starts $\rho_0\, e^{\sigma N(0, 1)}$, 95 % intervals", fontsize=9)
    axes.legend(fontsize=8, frameon=False)

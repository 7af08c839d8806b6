"""The ladder of a problem: the loss of the best minimum of each rank."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from optima.plot.figure import Figure, defaults
from optima.plot.names import short
from optima.plot.numbers import settings
from optima.scales.collapse_loss import collapse_loss

if TYPE_CHECKING:
    from optima.solution import Solution


@defaults
def plot_ladder(solution: Solution) -> Figure:
    """Per cent above deep neural collapse of the best minimum of each rank, with its name; the least is filled.

    Where the width has no room for collapse it is above the best minimum known.
    """
    collapse = collapse_loss(solution.problem)
    base, words = (solution.loss, "the best minimum known") if collapse is None else (collapse, "deep neural collapse")
    rungs = [rung for rung in solution.ladder if rung.rank >= 2]
    above = [100 * (rung.loss / base - 1) for rung in rungs]
    figure = Figure(figsize=(7.2, 1.6 + 0.3 * max(4, len(rungs))), layout="constrained")
    axes = figure.subplots()
    axes.axvline(0, color="0.5", linestyle="--", linewidth=1, zorder=0)
    low, high = min(0.0, *above), max(0.0, *above)
    span = high - low or 1.0
    for rung, place in zip(rungs, above, strict=True):
        _draw(axes, place, rung.rank, short(rung.minima[0].structure), place == min(above), low + 0.55 * span)
    lowest = min((rung.rank for rung in rungs), default=2)
    axes.text(0, lowest - 0.7, f"{words} ", color="0.35", fontsize=8, ha="right" if low < 0 else "left", va="center")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(ylabel="rank of the logits", xlabel=f"loss above that of {words} (%)")
    axes.set(ylim=(lowest - 1.1, max((rung.rank for rung in rungs), default=2) + 0.6))
    axes.set_xlim(low - 0.06 * span, high + 0.06 * span)
    axes.set_title(f"Best minimum known of each rank: {settings(solution.problem)}", fontsize=10)
    return figure


def _draw(axes: Axes, place: float, rank: int, name: str, best: bool, middle: float) -> None:
    """A point and its name, on the side where there is room."""
    axes.plot(place, rank, "o", color="black", markerfacecolor="black" if best else "white")
    left = place > middle
    words = f"{name}   " if left else f"   {name}"
    axes.text(place, rank, words, fontsize=8, va="center", ha="right" if left else "left")

"""Pictures of the exhibits of a claim."""

from __future__ import annotations

import io
import itertools
import re
from textwrap import wrap
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import ListedColormap

from optima.claims.evidence import Grid, Lines
from optima.plot.figure import Figure, defaults
from optima.plot.ranks import rank_colour

COLOURS = ["#31688e", "#fde725", "#35b779", "#b73779", "#f98e08", "#8c8c8c", "#5e3c99", "#a6611a"]
# Curves are told apart without colour, too (Okabe and Ito's colours).
CURVES = [("#000000", "-", "o"), ("#D55E00", "--", "s"), ("#0072B2", "-.", "^"), ("#009E73", ":", "D")]
OPACITY = 0.75
# Columns of a map up to which there is room for larger words in its cells.
WIDE = 10


@defaults
def draw(exhibit: Lines | Grid) -> Figure:
    """The picture of an exhibit."""
    figure = Figure(figsize=(7.2, 4.2), layout="constrained")
    axes = figure.add_subplot()
    if isinstance(exhibit, Lines):
        _draw_lines(axes, exhibit)
    else:
        _draw_grid(axes, exhibit)
    figure.suptitle("\n".join(wrap(exhibit.title, 80)), fontsize=10)
    return figure


def png(exhibit: Lines | Grid) -> bytes:
    """The picture of an exhibit as a png file."""
    figure = draw(exhibit)
    FigureCanvasAgg(figure)
    stream = io.BytesIO()
    # Without the date, so that equal results give equal files.
    figure.savefig(stream, format="png", dpi=120, metadata={"Software": None})
    return stream.getvalue()


def _draw_lines(axes: Axes, exhibit: Lines) -> None:
    for (label, (x, y)), (colour, line, marker) in zip(exhibit.curves.items(), itertools.cycle(CURVES), strict=False):
        axes.plot(x, y, color=colour, linestyle=line, marker=marker, markersize=4, label=label)
    if "x" in exhibit.log:
        axes.set_xscale("log")
    if "y" in exhibit.log:
        axes.set_yscale("log")
    axes.set(xlabel=exhibit.x, ylabel=exhibit.y)
    axes.legend(frameon=False, fontsize=8)


def _draw_grid(axes: Axes, exhibit: Grid) -> None:
    values = np.asarray(exhibit.values)
    colours = ListedColormap([_colour(i, label) for i, label in enumerate(exhibit.labels)])
    shown = np.ma.masked_less(values, 0)
    axes.imshow(
        shown, origin="lower", aspect="auto", cmap=colours, vmin=-0.5, vmax=len(exhibit.labels) - 0.5, alpha=OPACITY
    )
    axes.set_xticks(range(len(exhibit.columns)), [str(c) for c in exhibit.columns], fontsize=8)
    axes.set_yticks(range(len(exhibit.rows)), [str(r) for r in exhibit.rows], fontsize=8)
    axes.set(xlabel=exhibit.x, ylabel=exhibit.y)
    for i, row in enumerate(exhibit.text or []):
        for j, text in enumerate(row):
            axes.text(j, i, text, ha="center", va="center", fontsize=8 if len(row) <= WIDE else 5.5)
    handles = [axes.plot([], [], "s", color=colours(i), alpha=OPACITY)[0] for i in range(len(exhibit.labels))]
    axes.legend(handles, exhibit.labels, frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.16))


def _colour(number: int, label: str) -> Any:
    """A rank has the colour that it has in every diagram."""
    rank = re.fullmatch(r"rank (\d+)", label)
    return rank_colour(int(rank[1])) if rank else COLOURS[number % len(COLOURS)]

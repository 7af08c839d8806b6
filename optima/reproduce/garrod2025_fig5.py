"""garrod2025, Figure 5: the rank that training ends at, against width and against lambda."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from optima.plot.figure import Figure, defaults
from optima.plot.numbers import number
from optima.reproduce.figure import Reproduction, Workplace
from optima.reproduce.sweep import REG, WIDTH, cells, sweeps
from optima.reproduce.table import Row

# A circle of this area, in square points, stands for all runs at a point.
AREA = 160
CIRCLE: dict[str, Any] = {"facecolor": "#9fb4cf", "edgecolor": "#00204c", "linewidth": 0.6}


def _make(place: Workplace) -> None:
    rows = sweeps(place)
    place.table([_row(sweep, found) for sweep in (WIDTH, REG) for found in cells(rows, sweep).values()])
    place.picture(_draw(rows))


def _row(sweep: str, rows: Sequence[Row]) -> Row:
    ranks = _ranks(rows)
    settings = {"sweep": sweep, "width": rows[0]["width"], "reg": rows[0]["reg"], "runs": len(ranks)}
    counts = "; ".join(f"rank {rank}: {count}" for rank, count in sorted(Counter(ranks).items()))
    return {
        **settings,
        "mean_rank": float(np.mean(ranks)),
        "least": min(ranks),
        "largest": max(ranks),
        "counts": counts,
    }


def _ranks(rows: Sequence[Row]) -> list[int]:
    """Ranks of the critical points that the runs were heading for."""
    return [row["polished_rank"] for row in rows if row["polished_rank"] is not None]


@defaults
def _draw(rows: Sequence[Row]) -> Figure:
    figure = Figure(figsize=(9.2, 4.0), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    classes = rows[0]["classes"]
    for axes, sweep in ((left, WIDTH), (right, REG)):
        _draw_ranks(axes, cells(rows, sweep))
        axes.axhline(classes - 1, color="0.4", linestyle=":", linewidth=1)
        axes.axhline(classes // 2, color="0.4", linestyle=":", linewidth=1)
    for name, rank in (("simplex", classes - 1), ("pairs", classes // 2)):
        right.annotate(name, (1.01, rank), xycoords=("axes fraction", "data"), fontsize=8, va="center")
    left.set(xlabel="width $d$", ylabel="rank of the logits", xscale="log")
    left.set(ylim=(classes // 2 - 0.6, classes - 0.4), yticks=range(classes // 2, classes))
    widths = list(cells(rows, WIDTH))
    left.set_xticks(widths, [str(width) for width in widths])
    left.minorticks_off()
    left.set_title(f"$\\lambda = {number(rows[0]['reg'])}$", fontsize=10)
    right.set_xscale("log", base=2)
    right.set_xlabel("regularisation $\\lambda$")
    right.set_title(f"$d = {rows[-1]['width']}$", fontsize=10)
    figure.legend(*left.get_legend_handles_labels(), fontsize=8, frameon=False, loc="outside lower center", ncols=2)
    row, count = rows[0], len(next(iter(cells(rows, WIDTH).values())))
    figure.suptitle(
        f"Rank of the critical point that gradient descent was heading for "
        f"($K = {row['classes']}$, $n = {row['samples']}$, $L = {row['depth']}$; {count} runs at each point)",
        fontsize=10,
    )
    return figure


def _draw_ranks(axes: Axes, points: dict[float, list[Row]]) -> None:
    """The mean of each setting, and a circle for every rank met whose area is the number of runs."""
    means = [float(np.mean(_ranks(found))) for found in points.values()]
    for place, found in points.items():
        for rank, count in Counter(_ranks(found)).items():
            axes.scatter(place, rank, s=AREA * count / len(found), zorder=2, **CIRCLE)
    axes.plot(list(points), means, color="black", marker="_", markersize=9, linewidth=1.2, zorder=3, label="mean rank")
    axes.scatter([], [], s=AREA / 2, label="half of the runs (area: how many runs)", **CIRCLE)


figure = Reproduction("garrod2025.fig5", "the rank that training ends at, against width and against lambda", _make)

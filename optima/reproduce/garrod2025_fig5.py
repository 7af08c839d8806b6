"""garrod2025, Figure 5: the rank that training ends at, against width and against lambda."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from optima.plot.figure import Figure, defaults
from optima.reproduce.figure import Reproduction, Workplace
from optima.reproduce.rows import Row
from optima.reproduce.sweep import REG, WIDTH, cells, panels, settings, sweeps

# A circle of this area, in square points, stands for all runs at a point.
AREA = 160
CIRCLE: dict[str, Any] = {"facecolor": "#9fb4cf", "edgecolor": "#00204c", "linewidth": 0.6}


def _make(place: Workplace) -> None:
    rows = sweeps(place)
    place.table([_row(sweep, found) for sweep in (WIDTH, REG) for found in cells(rows, sweep).values()])
    place.picture(_draw(rows))


def _row(sweep: str, rows: Sequence[Row]) -> Row:
    ranks = _ranks(rows)
    return {
        **settings(sweep, rows),
        "runs": len(ranks),
        "mean_rank": float(np.mean(ranks)),
        "least": min(ranks),
        "largest": max(ranks),
        "counts": "; ".join(f"rank {rank}: {count}" for rank, count in sorted(Counter(ranks).items())),
    }


def _ranks(rows: Sequence[Row]) -> list[int]:
    """Ranks of the critical points that the runs were heading for."""
    return [row["polished_rank"] for row in rows if row["polished_rank"] is not None]


@defaults
def _draw(rows: Sequence[Row]) -> Figure:
    title = "Rank of the critical point that gradient descent was heading for"
    figure, left, right = panels(rows, title, "rank of the logits")
    classes = rows[0]["classes"]
    for axes, sweep in ((left, WIDTH), (right, REG)):
        _draw_ranks(axes, cells(rows, sweep))
        axes.axhline(classes - 1, color="0.4", linestyle=":", linewidth=1)
        axes.axhline(classes // 2, color="0.4", linestyle=":", linewidth=1)
    for name, rank in (("simplex", classes - 1), ("pairs", classes // 2)):
        right.annotate(name, (1.01, rank), xycoords=("axes fraction", "data"), fontsize=8, va="center")
    left.set(ylim=(classes // 2 - 0.6, classes - 0.4), yticks=range(classes // 2, classes))
    figure.legend(*left.get_legend_handles_labels(), fontsize=8, frameon=False, loc="outside lower center", ncols=2)
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

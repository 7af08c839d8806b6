"""garrod2025, Figure 2: how often training ends at deep neural collapse, against width and against lambda."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from optima.plot.figure import Figure, defaults
from optima.plot.numbers import number
from optima.reproduce.figure import Reproduction, Workplace
from optima.reproduce.sweep import REG, WIDTH, cells, sweeps
from optima.reproduce.table import Row
from optima.training import Share

COLLAPSE = "simplex"
# The two counts: by the structure where descent ended, and by that of the critical point beyond.
COUNTS = {"structure": "where descent ended", "polished_structure": "where it was heading for"}
# Both are in the data; the picture shows this one.
DRAWN = "polished_structure"


def _make(place: Workplace) -> None:
    rows = sweeps(place)
    place.table([_share_row(sweep, at, found, c) for sweep, at, found in _points(rows) for c in COUNTS])
    place.picture(_draw(rows))


def _points(rows: Sequence[Row]) -> list[tuple[str, float, list[Row]]]:
    return [(sweep, at, found) for sweep in (WIDTH, REG) for at, found in cells(rows, sweep).items()]


def _share(rows: Sequence[Row], column: str) -> Share:
    return Share(COLLAPSE, sum(row[column] == COLLAPSE for row in rows), len(rows))


def _share_row(sweep: str, at: float, rows: Sequence[Row], column: str) -> Row:
    settings = {"sweep": sweep, "width": rows[0]["width"], "reg": rows[0]["reg"], "counted": COUNTS[column]}
    converged = sum(row["converged"] for row in rows)
    return {**settings, **_share(rows, column).as_dict(), "converged": converged}


@defaults
def _draw(rows: Sequence[Row]) -> Figure:
    figure = Figure(figsize=(9.2, 4.0), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    by_width, by_reg = cells(rows, WIDTH), cells(rows, REG)
    for axes, points in ((left, by_width), (right, by_reg)):
        _draw_shares(axes, list(points), [_share(found, DRAWN) for found in points.values()])
    left.set(xlabel="width $d$", ylabel="fraction of runs heading for the simplex", xscale="log", ylim=(-0.03, 1.03))
    left.set_xticks(list(by_width), [str(width) for width in by_width])
    left.minorticks_off()
    left.set_title(f"$\\lambda = {number(rows[0]['reg'])}$", fontsize=10)
    right.set_xscale("log", base=2)
    right.set_xlabel("regularisation $\\lambda$")
    right.set_title(f"$d = {rows[-1]['width']}$", fontsize=10)
    row, count = rows[0], len(next(iter(by_width.values())))
    figure.suptitle(
        f"Deep neural collapse after gradient descent ($K = {row['classes']}$, $n = {row['samples']}$, "
        f"$L = {row['depth']}$; {count} runs at each point, 95 % Wilson intervals)",
        fontsize=10,
    )
    return figure


def _draw_shares(axes: Axes, places: Sequence[float], shares: Sequence[Share]) -> None:
    fractions = np.array([share.fraction for share in shares])
    low, high = np.array([share.interval for share in shares]).T
    whiskers = [np.maximum(fractions - low, 0), np.maximum(high - fractions, 0)]
    axes.errorbar(places, fractions, whiskers, color="black", marker="o", linewidth=1.2, capsize=3)


figure = Reproduction(
    "garrod2025.fig2", "how often training ends at deep neural collapse, against width and against lambda", _make
)

"""garrod2025, Figure 2: how often training ends at deep neural collapse, against width and against lambda."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from optima.plot.figure import Figure, defaults
from optima.reproduce.figure import Reproduction, Workplace
from optima.reproduce.rows import Row
from optima.reproduce.sweep import REG, WIDTH, cells, panels, settings, sweeps
from optima.scales.collapse_loss import COLLAPSE
from optima.training import Share

# The two counts: by the structure where descent ended, and by that of the critical point beyond.
COUNTS = {"structure": "where descent ended", "polished_structure": "where it was heading for"}
# Both are in the data; the picture shows this one.
DRAWN = "polished_structure"


def _make(place: Workplace) -> None:
    rows = sweeps(place)
    points = [(sweep, found) for sweep in (WIDTH, REG) for found in cells(rows, sweep).values()]
    place.table([_share_row(*point, column) for point in points for column in COUNTS])
    place.picture(_draw(rows))


def _share(rows: Sequence[Row], column: str) -> Share:
    simplex = COLLAPSE["ce"]
    return Share(simplex, sum(row[column] == simplex for row in rows), len(rows))


def _share_row(sweep: str, rows: Sequence[Row], column: str) -> Row:
    converged = sum(row["converged"] for row in rows)
    counted = {"counted": COUNTS[column], **_share(rows, column).as_dict()}
    return {**settings(sweep, rows), **counted, "converged": converged}


@defaults
def _draw(rows: Sequence[Row]) -> Figure:
    title, note = "Deep neural collapse after gradient descent", ", 95 % Wilson intervals"
    figure, left, right = panels(rows, title, "fraction of runs heading for the simplex", note)
    left.set_ylim(-0.03, 1.03)
    for axes, sweep in ((left, WIDTH), (right, REG)):
        points = cells(rows, sweep)
        _draw_shares(axes, list(points), [_share(found, DRAWN) for found in points.values()])
    return figure


def _draw_shares(axes: Axes, places: Sequence[float], shares: Sequence[Share]) -> None:
    fractions = np.array([share.fraction for share in shares])
    low, high = np.array([share.interval for share in shares]).T
    whiskers = [np.maximum(fractions - low, 0), np.maximum(high - fractions, 0)]
    axes.errorbar(places, fractions, whiskers, color="black", marker="o", linewidth=1.2, capsize=3)


figure = Reproduction(
    "garrod2025.fig2", "how often training ends at deep neural collapse, against width and against lambda", _make
)

"""garrod2026depth, in settings of our own: the rank that depth leaves without regularisation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps

from optima.plot.figure import Figure, defaults
from optima.reproduce.figure import Reproduction, Workplace
from optima.reproduce.limit_flows import KINDS, MARGIN, START, flows_and_codes, summary
from optima.reproduce.rows import Row
from optima.reproduce.spread import draw_medians

# Numbers of classes that are drawn, of those of the flows.
SHOWN = (4, 8, 16)


def _make(place: Workplace) -> None:
    rows = [row for row in flows_and_codes(place)[0] if place.quick or row["classes"] in SHOWN]
    place.table(summary(rows))
    place.picture(_draw(rows))


@defaults
def _draw(rows: Sequence[Row]) -> Figure:
    classes, depths = (sorted({row[name] for row in rows}) for name in ("classes", "depth"))
    figure = Figure(figsize=(1 + 3.6 * len(classes), 4.0), layout="constrained")
    figure.suptitle(
        f"Depth lowers the rank without regularisation: balanced starts of size {START:g} to margin {MARGIN:g}, "
        f"medians and ranges of {len({row['seed'] for row in rows})}",
        fontsize=10,
    )
    for K, axes in zip(classes, figure.subplots(1, len(classes), squeeze=False)[0], strict=True):
        own = [row for row in rows if row["classes"] == K]
        best = [next(row["best_effective_rank"] for row in own if row["depth"] == L) for L in depths]
        axes.plot(depths, best, color="0.3", marker="s", markersize=4, label=r"best code, $\lambda \to 0$")
        for kind, shade, aside in zip(KINDS, (0.0, 0.75), (-0.06, 0.06), strict=True):
            found = [[r["effective_rank"] for r in own if (r["depth"], r["start"]) == (L, kind)] for L in depths]
            draw_medians(axes, np.array(depths) + aside, found, colormaps["cividis"](shade), f"from {KINDS[kind]}")
        axes.axhline(K - 1, color="0.6", linestyle=":", linewidth=1)
        axes.set(xlabel="depth $L$", xticks=depths, ylim=(0, K))
        axes.set_title(f"$K = {K}$", fontsize=9)
    figure.axes[0].set(ylabel="effective rank of the logits")
    figure.axes[-1].legend(fontsize=8, frameon=False)
    return figure


figure = Reproduction("garrod2026depth.rank", "effective rank without regularisation, against depth", _make)

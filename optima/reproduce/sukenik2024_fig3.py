"""sukenik2024, Figure 3: the srg network against collapse; rank against lambda, and P(DNC) against width in training.

From the caption: L = 3, 4, 5 on the left, L = 4 and K = 10 in training. Ours: lambda on the left, and n = 1, widths,
lambdas, learning rate, steps and seeds in training; a rank is the least of the features of a hidden layer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from optima.model import DeepUFM
from optima.plot.figure import Figure, defaults
from optima.plot.numbers import number
from optima.reproduce.figure import LR, Reproduction, Workplace
from optima.reproduce.rows import Row
from optima.reproduce.sukenik2024 import COLLAPSE, SRG, end_row, levels, model
from optima.training import Share

RATIO_REG, DEPTHS, POINTS = 1e-3, (3, 4, 5), tuple(range(4, 10))
DARK = {3: "#b58900", 4: "#4f7fb5", 5: "#00204c"}
OUTCOMES = ("zero", "no better than collapse", COLLAPSE, "below collapse", SRG, "below srg")
SHADES = {
    "zero": "#eeeeee",
    "no better than collapse": "#bbbbbb",
    COLLAPSE: "#555555",
    "below collapse": "#9fb4cf",
    SRG: "#d9b500",
    "below srg": "#a13d2d",
}


def _make(place: Workplace) -> None:
    if place.quick:
        by_reg, by_width = [model(3, 3, reg, 8) for reg in (2.0**-8, 2.0**-6)], [model(3, 3, 2.0**-8, 6)]
        steps, seeds = 500, 2
    else:
        by_reg = [model(10, 4, 2.0**power, 30) for power in range(-10, -5)]
        by_width = [model(10, 4, 4e-3, width) for width in (11, 14, 20, 30, 44)]
        steps, seeds = 20_000, 10
    ends = {
        sweep: [end_row(run) for problem in problems for run in _runs(place, problem, steps, seeds)]
        for sweep, problems in (("reg", by_reg), ("width", by_width))
    }
    place.table([{"sweep": sweep, **row} for sweep, rows in ends.items() for row in rows])
    ratios = [_ratio(r, L) for L in DEPTHS for r in (POINTS[:2] if place.quick else POINTS)]
    place.table(ratios, place.file(".ratios.csv"))
    place.picture(_draw(ratios, ends))


def _runs(place: Workplace, problem: DeepUFM, steps: int, seeds: int) -> Sequence:
    part = f"{place.name}.{problem.width}.{problem.regs[0]}"
    return [run for run in place.train(problem, part, steps, seeds, record=False).runs if not run.diverged]


def _ratio(points: int, depth: int) -> Row:
    """Losses of the srg network and of the best named one, relative to collapse."""
    classes = points * (points - 1) // 2
    losses = levels(DeepUFM(classes, depth, RATIO_REG, loss="mse", activation="relu"))
    best = min(losses, key=lambda name: losses[name])
    ratio = {name: loss / losses[COLLAPSE] for name, loss in losses.items()}
    row = {"points": points, "classes": classes, "depth": depth, "reg": RATIO_REG, "srg": ratio[SRG]}
    return {**row, "best_named": best, "best": ratio[best]}


@defaults
def _draw(ratios: Sequence[Row], ends: Mapping[str, Sequence[Row]]) -> Figure:
    figure = Figure(figsize=(15.5, 4.4), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    _draw_ratios(left, ratios)
    _draw_ranks(middle, ends["reg"])
    _draw_collapse(right, ends["width"])
    row = ends["reg"][0]
    figure.suptitle(
        f"ReLU, squared error, $n = 1$; training: $K = {row['classes']}$, $L = {row['depth']}$, learning rate {LR}, "
        f"{max(row['steps'] for rows in ends.values() for row in rows):,} steps; 95 % intervals",
        fontsize=10,
    )
    return figure


def _draw_ratios(axes: Axes, ratios: Sequence[Row]) -> None:
    for L in DEPTHS:
        rows = [row for row in ratios if row["depth"] == L]
        places = [row["points"] for row in rows]
        axes.plot(places, [row["srg"] for row in rows], color=DARK[L], marker="o", label=f"srg, $L = {L}$")
        axes.plot(places, [row["best"] for row in rows], color=DARK[L], linestyle=":", marker="_", markersize=11)
    axes.plot([], [], color="black", linestyle=":", marker="_", label="best named network")
    axes.axhline(1, color="0.4", linewidth=0.8)
    axes.set(xlabel="points $r$, $K = r(r-1)/2$", ylabel="loss / loss of collapse")
    axes.set_title(rf"$\lambda = {number(RATIO_REG)}$", fontsize=9)
    axes.legend(fontsize=8, frameon=False)


def _cells(rows: Sequence[Row], column: str) -> dict[float, list[Row]]:
    found: dict[float, list[Row]] = {}
    for row in rows:
        found.setdefault(row[column], []).append(row)
    return dict(sorted(found.items()))


def _draw_ranks(axes: Axes, rows: Sequence[Row]) -> None:
    """Mean ranks with 95 % intervals of Student's t, and every rank met."""
    from scipy.stats import t

    cells = _cells(rows, "reg")
    for reg, found in cells.items():
        for rank, count in Counter(row["rank"] for row in found).items():
            axes.scatter(reg, rank, s=140 * count / len(found), facecolor="#9fb4cf", edgecolor="#00204c", linewidth=0.6)
    ranks = [np.array([row["rank"] for row in found], dtype=float) for found in cells.values()]
    wide = [t.ppf(0.975, len(r) - 1) * r.std(ddof=1) / np.sqrt(len(r)) if len(r) > 1 else 0.0 for r in ranks]
    means = [float(r.mean()) for r in ranks]
    axes.errorbar(list(cells), means, wide, color="black", marker="_", linewidth=1.2, capsize=3, label="mean rank")
    axes.set_xscale("log", base=2)
    axes.set(xlabel=r"regularisation $\lambda$", ylabel="least rank of features", ylim=(0, rows[0]["classes"] + 0.8))
    axes.set_title(f"$d = {rows[0]['width']}$; circles: shares of the runs", fontsize=9)
    axes.legend(fontsize=8, frameon=False)


def _draw_collapse(axes: Axes, rows: Sequence[Row]) -> None:
    """P(DNC) with Wilson intervals, above the shares of what runs were heading for."""
    cells = _cells(rows, "width")
    places = np.arange(len(cells))
    base = np.zeros(len(cells))
    for outcome in OUTCOMES:
        part = np.array([np.mean([row["outcome"] == outcome for row in found]) for found in cells.values()])
        if part.any():
            axes.bar(places, part, 0.8, base, color=SHADES[outcome], label=outcome, zorder=1)
        base += part
    shares = [Share(COLLAPSE, sum(row["outcome"] == COLLAPSE for row in found), len(found)) for found in cells.values()]
    fractions = np.array([share.fraction for share in shares])
    low, high = np.array([share.interval for share in shares]).T
    whiskers = [np.maximum(fractions - low, 0), np.maximum(high - fractions, 0)]
    axes.errorbar(places, fractions, whiskers, color="black", marker="o", linewidth=1.2, capsize=3, label="P(DNC)")
    axes.set_xticks(places, [str(width) for width in cells])
    axes.set(xlabel="width $d$", ylabel="share of runs", ylim=(0, 1.02))
    axes.set_title(rf"$\lambda = {number(rows[0]['reg'])}$", fontsize=9)
    axes.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)


figure = Reproduction(
    "sukenik2024.fig3", "srg against collapse; rank against lambda and P(DNC) against width in training", _make
)

"""garrod2026depth, in settings of our own: how P(collapse) depends on when it is read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps

from optima.dynamics.collapse_chance import collapse_chance
from optima.plot.figure import Figure, defaults
from optima.progress import Part
from optima.reproduce.figure import Reproduction, Workplace
from optima.reproduce.rows import Row

CLASSES, START, SPREAD, TRIALS = 8, 0.1, 0.05, 1000
DEPTHS, MEANS = (1, 2, 3, 4, 5, 7, 10), (10.0, 20.0, 30.0, 50.0, 100.0, 1e3, 1e4, 1e6)
QUICK: tuple[tuple[int, ...], tuple[float, ...], int] = ((2, 4), (20.0, 1e3), 50)


def _make(place: Workplace) -> None:
    depths, means, trials = QUICK if place.quick else (DEPTHS, MEANS, TRIALS)
    rows: list[Row] = []
    for L in depths:
        for mean in means:
            chance = collapse_chance(CLASSES, L, START, SPREAD, trials, mean=mean)
            rows.append({"classes": CLASSES, "depth": L, "read_at_mean": mean} | chance.as_dict())
            place.tell(Part(len(rows), len(depths) * len(means)))
    place.table(rows)
    place.picture(_draw(rows))


@defaults
def _draw(rows: Sequence[Row]) -> Figure:
    depths = sorted({row["depth"] for row in rows})
    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    axes = figure.subplots()
    for L, shade in zip(depths, np.linspace(0.0, 0.85, len(depths)), strict=True):
        own = [row for row in rows if row["depth"] == L]
        # Starts that are lost will never collapse; those undecided may.
        seen = np.array([row["collapsed"] / row["trials"] for row in own])
        may = np.array([row["undecided"] / row["trials"] for row in own])
        means, colour = [row["read_at_mean"] for row in own], colormaps["cividis"](shade)
        axes.plot(means, seen, color=colour, marker="o", markersize=4, label=f"$L = {L}$")
        axes.fill_between(means, seen, seen + may, color=colour, alpha=0.12, linewidth=0)
    axes.set(xscale="log", ylim=(-0.03, 1.03), xlabel="mean singular value at which it is read")
    axes.set_ylabel("share of starts: collapsed, and shaded undecided")
    axes.set_title(
        f"{rows[0]['trials']} starts ${START:g}\\, e^{{{SPREAD:g} N(0, 1)}}$ without regularisation, $K = {CLASSES}$",
        fontsize=10,
    )
    figure.legend(fontsize=8, frameon=False, loc="outside right center")
    return figure


figure = Reproduction("garrod2026depth.readings", "P(collapse) against when it is read", _make)

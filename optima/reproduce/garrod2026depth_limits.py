"""garrod2026depth, in settings of our own: minima for lambda -> 0 beside limits of training without regularisation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps

from optima.plot.figure import Figure, defaults
from optima.reproduce.figure import Reproduction, Workplace
from optima.reproduce.limit_flows import KINDS, MARGIN, flows_and_codes, summary
from optima.reproduce.rows import Row
from optima.reproduce.spread import draw_medians


def _make(place: Workplace) -> None:
    rows, codes = flows_and_codes(place)
    short = summary(rows)
    place.table(short)
    place.text(_table(short, codes), place.file(".md"))
    place.picture(_draw(rows))


def _table(short: Sequence[Row], codes: Sequence[Row]) -> str:
    """Both limits side by side in Markdown, and below it the best code of every rank."""
    lines = [
        "# Minima for lambda -> 0 beside limits of training without regularisation",
        "",
        f"Made by `optima reproduce garrod2026depth.limits`: {short[0]['flows']} flows of each kind to margin "
        f"{MARGIN:g}. The code of a flow is the one of the rank of its direction that is reached from there (how many "
        "flows); above says by how many per cent its value exceeds that of the best code, median and range.",
        "",
        "| K | L | lambda -> 0 | rank | value | "
        + " | ".join(f"{kind} | rank | above (%)" for kind in KINDS.values())
        + " |",
        "|" + "---|" * (5 + 3 * len(KINDS)),
    ]
    for K, L in dict.fromkeys((row["classes"], row["depth"]) for row in short):
        own = [row for row in short if (row["classes"], row["depth"]) == (K, L)]
        cells = [K, L, own[0]["best"], own[0]["best_rank"], f"{own[0]['best_value']:.6f}"]
        cells += [cell for row in own for cell in (row["codes"], row["ranks"], _above(row))]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    lines += ["", "## The best code known of every rank", ""]
    lines += ["| K | L | rank | value | code |", "|---|---|---|---|---|"]
    lines += [f"| {c['classes']} | {c['depth']} | {c['rank']} | {c['value']:.6f} | {c['code']} |" for c in codes]
    return "\n".join(lines) + "\n"


def _above(row: Row) -> str:
    # Rounding of a code that is the best one is none.
    names = (f"code_excess_{what}" for what in ("median", "least", "largest"))
    middle, low, high = (100 * max(0.0, round(row[name], 8)) for name in names)
    return f"{middle:.3g} ({low:.3g} to {high:.3g})"


@defaults
def _draw(rows: Sequence[Row]) -> Figure:
    depths = sorted({row["depth"] for row in rows})
    classes = sorted({row["classes"] for row in rows})
    figure = Figure(figsize=(1.2 + 2.5 * len(depths), 5.8), layout="constrained")
    figure.suptitle(
        rf"Minima for $\lambda \to 0$ beside training without regularisation to margin {MARGIN:g}: "
        f"medians and ranges of {len({row['seed'] for row in rows})} starts"
    )
    panels = figure.subplots(2, len(depths), sharex=True, sharey="row", squeeze=False)
    for L, (top, bottom) in zip(depths, panels.T, strict=True):
        own = [row for row in rows if row["depth"] == L]
        best = [next(row["best_effective_rank"] for row in own if row["classes"] == K) for K in classes]
        top.plot(classes, best, color="0.3", marker="s", markersize=4, label=r"best code, $\lambda \to 0$")
        for kind, shade, aside in zip(KINDS, (0.0, 0.75), (-0.1, 0.1), strict=True):
            places, colour, label = np.array(classes) + aside, colormaps["cividis"](shade), f"flows from {KINDS[kind]}"
            for axes, name, factor in ((top, "effective_rank", 1.0), (bottom, "code_excess", 100.0)):
                of = lambda K, name=name, kind=kind, own=own: [
                    row[name] for row in own if (row["classes"], row["start"]) == (K, kind)
                ]
                draw_medians(axes, places, [factor * np.array(of(K)) for K in classes], colour, label)
        top.set_title(f"$L = {L}$", fontsize=9)
        bottom.axhline(0.0, color="0.3", linewidth=1)
        bottom.set(xlabel="classes $K$", xticks=classes[:: max(1, len(classes) // 6)])
    panels[0, 0].set(ylabel="effective rank")
    panels[1, 0].set(ylabel="value of the code reached\nabove the best, %")
    panels[0, 0].legend(fontsize=7, frameon=False, loc="upper left")
    return figure


figure = Reproduction(
    "garrod2026depth.limits", "best codes for lambda -> 0 beside where flows go, rank against classes", _make
)

"""Tables of the trained networks in Markdown: loss above the predicted, and what of it another minimum makes."""

from typing import Any

import numpy as np
from real_tables import SAME, place
from scipy.stats import binomtest

Rows = list[dict[str, Any]]


def overview(rows: Rows, layers: Rows) -> str:
    """A table for each decay, a row for each head, and one of all networks of a decay and a kind of head."""
    decays = list(dict.fromkeys(row["decay"] for row in rows))
    parts = [f"{decay} decay\n\n{losses([row for row in rows if row['decay'] == decay])}" for decay in decays]
    return "\n\n".join([*parts, totals(rows, layers)])


def above(row: dict[str, Any], name: str = "loss") -> float:
    """Per cent above the predicted loss."""
    return 100 * (row[name] / row["predicted_loss"] - 1)


def hit(row: dict[str, Any]) -> bool:
    """Whether a network heads for the predicted loss or a lower one."""
    return bool(row["heads_for_loss"] <= row["predicted_loss"] * (1 + SAME))


def losses(rows: Rows) -> str:
    """Medians over seeds of the loss above the predicted in %, in brackets of the minimum ahead, and how many hit."""
    bodies = list(dict.fromkeys((row["data"], row["body"]) for row in rows))
    lines = [line("head", "predicted", *map(", ".join, bodies)), "|---" * (len(bodies) + 2) + "|"]
    for head, depth in sorted({(row["head"], row["depth"]) for row in rows}):
        own = [row for row in rows if (row["head"], row["depth"]) == (head, depth)]
        cells = []
        for body in bodies:
            some = [row for row in own if (row["data"], row["body"]) == body]
            own_above, ahead = (np.median([above(row, name) for row in some]) for name in ("loss", "heads_for_loss"))
            cells.append(f"{two(own_above)} ({two(max(ahead, 0))}), {sum(map(hit, some))}" if some else "")
        names = ", ".join(dict.fromkeys(row["predicted"] for row in own))
        lines.append(line(f"{head} {depth:g}", names, *cells))
    return "\n".join(lines)


def totals(rows: Rows, layers: Rows) -> str:
    """Of each decay and kind of head, all data, bodies, depths and seeds together.

    The share that the minimum makes is the median over networks of (loss ahead - predicted) / (loss - predicted). W_1
    off its forecast is the median of those that head for the predicted loss, and of the others.
    """
    off = {place(row): row["forecast_distance"] for row in layers if row["layer"] == "W_1"}
    lines = [
        line(
            "decay, head", "networks", "least accuracy", "head for the predicted loss", "P, 95 %", "loss above it, %",
            "share made by the minimum", "W_1 off its forecast: these", "the others", "within the rank bound",
            "TCV bound / distance",
        ),
        "|---" * 11 + "|",
    ]  # fmt: skip
    for kind in dict.fromkeys((row["decay"], row["head"]) for row in rows):
        own = [row for row in rows if (row["decay"], row["head"]) == kind]
        hits = [row for row in own if hit(row)]
        low, high = binomtest(len(hits), len(own)).proportion_ci(0.95, method="wilson")
        share = np.median([max(above(row, "heads_for_loss"), 0.0) / above(row) for row in own])
        offs = [median([off[place(row)] for row in part]) for part in (hits, [row for row in own if not hit(row)])]
        bounded = [row for row in layers if (row["decay"], row["head"]) == kind and row["within"] is not None]
        bounded = [row for row in bounded if row["distance_to_bounded_rank"] > 1e-6]
        holds = sum(row["within"] + row["excess"] >= row["distance_to_bounded_rank"] for row in bounded)
        times = np.median([(row["product"] + row["excess"]) / row["distance_to_bounded_rank"] for row in bounded])
        lines.append(
            line(
                ", ".join(kind), len(own), f"{min(row['accuracy'] for row in own):.4g}", len(hits),
                f"{low:.2f} to {high:.2f}", f"{np.median([above(row) for row in own]):.2g}", f"{share:.2g}", *offs,
                f"{holds} of {len(bounded)}", f"{times:.2g}",
            )
        )  # fmt: skip
    return "\n".join(lines)


def two(value: float) -> str:
    """Two digits, or all before the point."""
    return f"{value:.0f}" if value >= 100 else f"{value:.2g}"


def median(values: list[float]) -> str:
    """Of no values: nothing."""
    return f"{np.median(values):.2g}" if values else ""


def line(*cells: Any) -> str:
    """A row of a table."""
    return "| " + " | ".join(map(str, cells)) + " |"

"""Rows of trained networks: files of them, and what they say in a line for each group."""

import csv
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binomtest

# Relative difference up to which a minimum counts as the predicted one: two structures of one loss are told apart by
# less than that of a network.
SAME = 2e-4


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    """Rows to a file, numbers to six digits; the file is whole at any time."""
    short = lambda value: f"{value:.6g}" if isinstance(value, float) else value
    fresh = path.with_suffix(".new")
    with fresh.open("w", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows({name: short(value) for name, value in row.items()} for row in rows)
    fresh.replace(path)


def read(path: Path) -> list[dict[str, Any]]:
    """Rows of a file, numbers as numbers."""
    with path.open(newline="") as file:
        return [{name: number(value) for name, value in row.items()} for row in csv.DictReader(file)]


def number(word: str) -> float | str | None:
    """A number where the word is one, None where it is empty."""
    try:
        return float(word) if word else None
    except ValueError:
        return word


def place(row: dict[str, Any]) -> tuple[Any, ...]:
    """Where a row stands in its file."""
    return tuple(row[name] for name in ("data", "body", "decay", "head", "depth", "seed"))


def summary(rows: list[dict[str, Any]], layers: list[dict[str, Any]]) -> str:
    """Of each setup, head and depth what P(structure) is, per cent above the prediction, and what training left.

    Of networks and of where they head: median and range over seeds. P is that of heading for the predicted loss, with
    the 95 % Wilson interval. What training left is the norm of the gradient at W_1 over lambda |W_1|; W_1 is off its
    forecast by |s(W_1) - s'| / |s'|, s' the singular values forecast.
    """
    first = [row for row in layers if row["layer"] == "W_1"]
    left = {place(row): row["excess"] / row["norm"] for row in first}
    off = {place(row): row["forecast_distance"] for row in first}
    lines = []
    for key in dict.fromkeys(place(row)[:-1] for row in rows):
        own = [row for row in rows if place(row)[:-1] == key]
        above = lambda name, own=own: spread([100 * (row[name] / row["predicted_loss"] - 1) for row in own])
        names = ", ".join(f"{name} {count}" for name, count in Counter(row["heads_for"] for row in own).most_common())
        predicted = ", ".join(dict.fromkeys(row["predicted"] for row in own))
        hits = sum(row["heads_for_loss"] <= row["predicted_loss"] * (1 + SAME) for row in own)
        low, high = binomtest(hits, len(own)).proportion_ci(0.95, method="wilson")
        minima = sum(row["heads_for_verdict"] == "minimum" for row in own)
        data, body, decay, head, depth = key
        lines.append(
            f"{data} {body} {decay} {head} {depth:g}: {len(own)} seeds, least accuracy "
            f"{min(row['accuracy'] for row in own):.4g}, {above('loss')} % above {predicted}; heading for {names}, "
            f"{above('heads_for_loss')} % above it; for its loss or less {hits} of {len(own)}, P {low:.2f} to "
            f"{high:.2f}; left {spread([left[place(row)] for row in own])}; W_1 off its forecast by "
            f"{spread([off[place(row)] for row in own])}; {minima} heads are for a minimum"
        )
    return "\n".join(lines)


def spread(values: list[float]) -> str:
    """Median and range."""
    return f"{np.median(values):.2g} ({min(values):.2g} to {max(values):.2g})"


def bounds(rows: list[dict[str, Any]]) -> str:
    """How often the bound on the distance from rank K or K - 1 holds, and how many times the distance bounds are."""
    own = [row for row in rows if row["within"] is not None and row["distance_to_bounded_rank"] > 1e-6]
    times = lambda name: [(row[name] + row["excess"]) / row["distance_to_bounded_rank"] for row in own]
    within, product_ = times("within"), times("product")
    return (
        f"rank bound: holds for {sum(value >= 1 for value in within)} of {len(own)} matrices, at least "
        f"{min(within):.3g} times the distance; the bound by TCV is {np.median(product_):.3g} times it in the median"
    )

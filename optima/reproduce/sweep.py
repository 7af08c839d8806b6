"""The two sweeps behind Figures 2 and 5 of garrod2025: many seeds at each width, and at each lambda."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes

from optima.model import DeepUFM
from optima.plot.figure import Figure
from optima.plot.numbers import number
from optima.reproduce.figure import Workplace
from optima.reproduce.rows import Row, read, run_row

SAMPLES, DEPTH = 5, 2
WIDTH, REG = "width", "reg"
# The problems of each sweep.
Problems = dict[str, list[DeepUFM]]


def sweeps(place: Workplace) -> list[Row]:
    """One row for each run of both sweeps, which are in the column ``sweep``.

    The rows are kept in a file of their own beside the figures; whatever needs them next reads them there, and
    removing it has them made again.
    """
    if place.quick:
        wanted, steps, seeds = _problems(6, (8, 40), (-6, -5)), 6000, 3
    else:
        wanted, steps, seeds = _problems(10, (15, 20, 30, 50, 70, 100, 140, 200), range(-10, -5)), 100_000, 20
    file = place.folder / f"garrod2025.sweeps{'.quick' if place.quick else ''}.csv"
    rows = read(file) if file.exists() else []
    keys = [
        (name, problem.classes, problem.width, problem.reg, seed)
        for name, problems in wanted.items()
        for problem in problems
        for seed in range(seeds)
    ]
    if [tuple(row.get(name) for name in ("sweep", "classes", "width", "reg", "seed")) for row in rows] != keys:
        rows = _make(place, wanted, steps, seeds)
        place.table(rows, file)
    return rows


def _problems(classes: int, widths: Sequence[int], powers: Sequence[int]) -> Problems:
    """Every width at the least lambda, and every lambda at the largest width."""
    problem = lambda power, width: DeepUFM(classes, DEPTH, 2.0**power, SAMPLES, width=width)
    return {
        WIDTH: [problem(powers[0], width) for width in widths],
        REG: [problem(power, widths[-1]) for power in powers],
    }


def _make(place: Workplace, wanted: Problems, steps: int, seeds: int) -> list[Row]:
    """Gaussian starts, trained until they converge or are out of steps, then polished.

    Every problem is trained once; one that both sweeps have gives its rows to both.
    """
    found: dict[DeepUFM, list[Row]] = {}
    for name, problems in wanted.items():
        new = [problem for problem in problems if problem not in found]
        training = place.train(new, f"sweeps.{name}", steps, seeds, record=False)
        for run in training.polished().runs:
            found.setdefault(run.problem, []).append(run_row(run))
    return [
        {"sweep": name, **row} for name, problems in wanted.items() for problem in problems for row in found[problem]
    ]


def cells(rows: Sequence[Row], sweep: str) -> dict[float, list[Row]]:
    """The rows of each setting of one sweep, by its width or lambda."""
    found: dict[float, list[Row]] = {}
    for row in rows:
        if row["sweep"] == sweep:
            found.setdefault(row[sweep], []).append(row)
    return found


def settings(sweep: str, rows: Sequence[Row]) -> dict[str, Any]:
    """The setting that rows are of, for a table of the settings."""
    return {"sweep": sweep, "width": rows[0]["width"], "reg": rows[0]["reg"]}


def panels(rows: Sequence[Row], title: str, ylabel: str, note: str = "") -> tuple[Figure, Axes, Axes]:
    """A figure with a panel over the widths and one over lambda, and their ``title``."""
    figure = Figure(figsize=(9.2, 4.0), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    by_width = cells(rows, WIDTH)
    left.set(xlabel="width $d$", ylabel=ylabel, xscale="log")
    left.set_xticks(list(by_width), [str(width) for width in by_width])
    left.minorticks_off()
    left.set_title(f"$\\lambda = {number(rows[0]['reg'])}$", fontsize=10)
    right.set_xscale("log", base=2)
    right.set_xlabel("regularisation $\\lambda$")
    right.set_title(f"$d = {rows[-1]['width']}$", fontsize=10)
    row, count = rows[0], len(next(iter(by_width.values())))
    problem = f"$K = {row['classes']}$, $n = {row['samples']}$, $L = {row['depth']}$"
    figure.suptitle(f"{title} ({problem}; {count} runs at each point{note})", fontsize=10)
    return figure, left, right

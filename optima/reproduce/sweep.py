"""The two sweeps behind Figures 2 and 5 of garrod2025: many seeds at each width, and at each lambda."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from optima.model import DeepUFM
from optima.reproduce.figure import Workplace
from optima.reproduce.table import Row, read, run_row
from optima.training import train

LR, SAMPLES, DEPTH = 0.5, 5, 2
WIDTH, REG = "width", "reg"


def sweeps(place: Workplace) -> list[Row]:
    """One row for each run of both sweeps, which are in the column ``sweep``.

    The rows are kept in a file of their own beside the figures; whatever needs them next reads them there, and
    removing it has them made again.
    """
    wanted = _quick() if place.quick else _full()
    file = place.folder / f"garrod2025.sweeps{'.quick' if place.quick else ''}.csv"
    rows = read(file) if file.exists() else []
    if [_key(row) for row in rows] != _keys(wanted):
        rows = _make(place, wanted)
        place.table(rows, file)
    return rows


def _make(place: Workplace, wanted: dict[str, dict[str, Any]]) -> list[Row]:
    """Train every problem once; one that both sweeps have gives its rows to both."""
    found: dict[DeepUFM, list[Row]] = {}
    for name, settings in wanted.items():
        new = [problem for problem in settings["problems"] if problem not in found]
        for problem, row in _train(place, name, new, settings["steps"], settings["seeds"]):
            found.setdefault(problem, []).append(row)
    return [
        {"sweep": name, **row}
        for name, settings in wanted.items()
        for problem in settings["problems"]
        for row in found[problem]
    ]


def _full() -> dict[str, dict[str, Any]]:
    """K = 10, n = 5, L = 2, learning rate 0.5; lambda = 2^-10 in the sweep over widths."""
    settings = {"steps": 100_000, "seeds": 20}
    widths, powers = (15, 20, 30, 50, 70, 100, 140, 200), (-10, -9, -8, -7, -6)
    return {
        WIDTH: {"problems": [_problem(10, 2.0**-10, d) for d in widths], **settings},
        REG: {"problems": [_problem(10, 2.0**power, 200) for power in powers], **settings},
    }


def _quick() -> dict[str, dict[str, Any]]:
    """Six classes, a few seeds, a strong penalty: the same programme in seconds."""
    settings = {"steps": 6000, "seeds": 3}
    return {
        WIDTH: {"problems": [_problem(6, 2.0**-6, d) for d in (8, 40)], **settings},
        REG: {"problems": [_problem(6, 2.0**power, 40) for power in (-6, -5)], **settings},
    }


def _problem(classes: int, reg: float, width: int) -> DeepUFM:
    return DeepUFM(classes, DEPTH, reg, SAMPLES, width=width)


def _train(
    place: Workplace, name: str, problems: Sequence[DeepUFM], steps: int, seeds: int
) -> list[tuple[DeepUFM, Row]]:
    """Gaussian starts, trained until they converge or are out of steps, then polished."""
    training = train(
        problems,
        lr=LR,
        steps=steps,
        seeds=seeds,
        record=False,
        checkpoint=place.checkpoint(f"sweeps.{name}"),
        progress=place.tell,
    )
    return [(run.problem, run_row(run)) for run in training.polished().runs]


def _keys(wanted: dict[str, dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [
        (name, problem.classes, problem.width, problem.reg, seed)
        for name in (WIDTH, REG)
        for problem in wanted[name]["problems"]
        for seed in range(wanted[name]["seeds"])
    ]


def _key(row: Row) -> tuple[Any, ...]:
    return tuple(row.get(name) for name in ("sweep", "classes", "width", "reg", "seed"))


def cells(rows: Sequence[Row], sweep: str) -> dict[float, list[Row]]:
    """The rows of each setting of one sweep, by its width or lambda."""
    found: dict[float, list[Row]] = {}
    for row in rows:
        if row["sweep"] == sweep:
            found.setdefault(row[sweep], []).append(row)
    return found

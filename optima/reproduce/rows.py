"""Rows of numbers behind a figure."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from optima.files import write_rows
from optima.training import Run

Row = dict[str, Any]


def run_row(run: Run) -> Row:
    """One run: its settings, where it ended and where it was heading for; None where there is no number."""
    problem, entry = run.problem, run.as_dict()
    names = ("classes", "depth", "samples", "activation", "width", "reg")
    row: Row = {name: getattr(problem, name) for name in names} | {"lr": run.lr}
    kept = ("seed", "steps", "converged", "diverged", "loss", "relative_gradient", "rank", "structure")
    row |= {name: entry[name] for name in (*kept, "polished_loss", "polished_structure", "polished_verdict")}
    row["polished_rank"] = run.polished.rank if run.polished else None
    return row


def curve_rows(runs: Sequence[Run]) -> list[Row]:
    """One row for each run and recorded step, with the structure at which the run ended."""
    return [
        {
            "seed": run.seed,
            "ended_at": run.structure,
            "converged": run.converged,
            **{name: _number(run.history[name][i]) for name in ("step", "loss", "fit", "penalty", "gradient_norm")},
            **{f"logit_singular_value_{k + 1}": value for k, value in enumerate(run.spectra[i])},
        }
        for run in runs
        for i in range(len(run.history["step"]))
    ]


def _number(value: float) -> float | int:
    return int(value) if float(value).is_integer() else float(value)


def write(path: Path, rows: Sequence[Row]) -> None:
    """As CSV, whole or not at all."""
    write_rows(path, list(rows[0]), rows)


def read(path: Path) -> list[Row]:
    """Rows as they were written."""
    with open(path, newline="", encoding="utf-8") as stream:
        return [{name: _value(text) for name, text in row.items()} for row in csv.DictReader(stream)]


def _value(text: str) -> Any:
    if text in ("", "True", "False"):
        return {"": None, "True": True, "False": False}[text]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text

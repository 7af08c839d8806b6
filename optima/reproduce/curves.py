"""Loss curves as rows."""

from __future__ import annotations

from collections.abc import Sequence

from optima.reproduce.table import Row
from optima.training import Run


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

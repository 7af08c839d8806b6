"""Runs at the setting of garrod2026spectra whose layer spectra are followed, as rows and as panels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from optima.model import DeepUFM
from optima.plot.figure import Figure
from optima.plot.numbers import settings
from optima.reproduce.figure import LR, Workplace
from optima.reproduce.rows import Row
from optima.training import Run
from optima.training.layer_spectra import predicted_layers

# The layer that is shown, linear and relu.
LAYER, RELU_LAYER = 3, 4


def model(classes: int, quick: bool, activation: str = "linear") -> DeepUFM:
    """K, n = 40, L = 5, d = 60 (relu: 65), lambda = 0.01, squared error; quick n = 8 and d = 12."""
    width = 12 if quick else 65 if activation == "relu" else 60
    samples = 8 if quick else 40
    return DeepUFM(classes, 5, 1e-2, samples, width, loss="mse", activation=activation)


def followed(place: Workplace, problem: DeepUFM, steps: int, seeds: int) -> list[Run]:
    """Runs with their spectra; those that diverged are left out."""
    part = f"{place.name}-K{problem.classes}"
    training = place.train(problem, part, steps, seeds, record="spectrum")
    return [run for run in training.runs if not run.diverged]


def spectra_rows(runs: Sequence[Run], layer: int, structure: str) -> list[Row]:
    """One row for each run and recorded step: eigenvalues of Hess_l, squared cosines, and the predicted value."""
    predicted = {run.problem: predicted_layers(run.problem, structure) for run in runs}
    rows = []
    for run in runs:
        value = predicted[run.problem][layer - 1][0].value
        for i, step in enumerate(run.history["step"]):
            products = run.history["product_eigenvectors"][i, layer - 1]
            row: Row = {"classes": run.problem.classes, "seed": run.seed, "ended_at": run.structure, "step": int(step)}
            row |= {"layer": layer, "loss": float(run.history["loss"][i]), "predicted": value}
            for name in ("gradient_in_outliers", "gradient_eigenvector", "gram_distance"):
                row[name] = float(run.history[name][i, layer - 1])
            row |= {"product_f_least": float(products.min()), "product_f_mean": float(products.mean())}
            values = run.history["hessian_eigenvalues"][i, layer - 1]
            # The same columns for all numbers of classes.
            row |= {f"eigenvalue_{k + 1}": float(values[k]) if k < values.size else None for k in range(20)}
            rows.append(row)
    return rows


def of_runs(runs: Sequence[Run]) -> str:
    """How many seeds of how many steps a figure is of."""
    steps = max(int(run.history["step"][-1]) for run in runs)
    seeds = "one seed" if len(runs) == 1 else f"{len(runs)} seeds"
    return f"{seeds}, up to {steps:,} steps"


def titled(figure: Figure, problem: DeepUFM, what: str, but: Sequence[str] = ()) -> None:
    """What is shown and where; settings that vary are left out."""
    parts = [part for part in settings(problem).split(", ") if not any(part.startswith(f"${name} ") for name in but)]
    figure.suptitle(f"{what}\n{', '.join(parts)}, learning rate {LR}", fontsize=10)


def nearest_record(run: Run, step: int) -> int:
    """Number of the record nearest to a step, in the logarithm."""
    return int(np.argmin(np.abs(np.log(np.maximum(run.history["step"], 0.5)) - np.log(max(step, 0.5)))))

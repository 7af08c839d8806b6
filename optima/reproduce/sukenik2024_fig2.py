"""sukenik2024, Figure 2 (top): loss, DNC1 and singular values of relu networks in training, K = 10, L = 4.

From the caption: lambda = 0.004, learning rate 0.5, width 30, ten runs. Ours: n, the steps, and the networks that runs
were heading for.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from optima.plot.figure import Figure, defaults
from optima.plot.numbers import settings
from optima.plot.training import draw_losses
from optima.reproduce.figure import LR, Reproduction, Workplace
from optima.reproduce.sukenik2024 import by_heading, draw_spectra, levels, model, run_rows
from optima.training import Run

FULL, STEPS, SEEDS = model(10, 4, 4e-3, 30, samples=5), 40_000, 10
QUICK = model(4, 3, 1e-2, 8, samples=2)


def _make(place: Workplace) -> None:
    problem, steps, seeds = (QUICK, 600, 2) if place.quick else (FULL, STEPS, SEEDS)
    runs = place.train(problem, place.name, steps, seeds).polished().runs
    seen = [{f"dnc1_{k + 1}": value for k, value in enumerate(dnc1)} for run in runs for dnc1 in run.history["dnc1"]]
    place.table([{**row, **more} for row, more in zip(run_rows(runs), seen, strict=True)])
    place.picture(_draw(runs))


@defaults
def _draw(runs: Sequence[Run]) -> Figure:
    problem = runs[0].problem
    figure = Figure(figsize=(13, 4.4), layout="constrained")
    losses, variability, spectra = figure.subplots(1, 3, width_ratios=[1.3, 1, 1])
    figure.suptitle(f"Gradient descent: {settings(problem)}, learning rate {LR}, {len(runs)} runs", fontsize=10)
    draw_losses(losses, by_heading(runs), levels(problem))
    _draw_variability(variability, runs)
    best = min(runs, key=lambda run: run.loss)
    assert best.polished is not None
    if (network := best.polished.network) is not None and network.logits.any():
        draw_spectra(spectra, network)
    spectra.set_title(f"the network that seed {best.seed} was heading for", fontsize=9)
    return figure


def _draw_variability(axes: Axes, runs: Sequence[Run]) -> None:
    """DNC1 of the features, the largest over the layers, of each run."""
    for run in runs:
        steps = np.maximum(run.history["step"], 1)
        axes.loglog(steps, np.maximum(run.history["dnc1"].max(axis=1), 1e-16), color="#00204c", linewidth=1)
    axes.set(xlabel="step of gradient descent", ylabel="DNC1, the largest of all layers")
    axes.set_title("variability within classes", fontsize=9)


figure = Reproduction(
    "sukenik2024.fig2", "relu networks in training, K = 10, L = 4: loss beside collapse and srg, DNC1, spectra", _make
)

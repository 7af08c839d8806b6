"""garrod2026spectra: histograms of the largest eigenvalues of the Hessian of a layer at some steps of training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from optima.plot.figure import Figure, defaults
from optima.plot.training_spectra import BULK, OUTLIER, PREDICTED
from optima.reproduce.figure import Reproduction, Workplace
from optima.reproduce.spectra_runs import LAYER, followed, model, nearest_record, spectra_rows, titled
from optima.spectra.result import outlier_count
from optima.training import Run
from optima.training.layer_spectra import predicted_layers

# Steps at which the histograms are taken, and the end.
STEPS = (0, 30, 100, 300)
BINS = 40


def _make(place: Workplace) -> None:
    steps = 2000 if place.quick else 20_000
    runs = [run for K in (3, 4) for run in followed(place, model(K, place.quick), steps, 1)]
    place.table(spectra_rows(runs, LAYER, "frame"))
    place.picture(_draw(runs))


@defaults
def _draw(runs: Sequence[Run]) -> Figure:
    figure = Figure(figsize=(13, 5.2), layout="constrained")
    panels = figure.subplots(len(runs), len(STEPS) + 1, sharex="row", sharey="row", squeeze=False)
    for row, run in zip(panels, runs, strict=True):
        values, count = run.history["hessian_eigenvalues"][:, LAYER - 1], outlier_count(run.problem)
        places = [*(nearest_record(run, step) for step in STEPS), len(values) - 1]
        edges = np.linspace(0, 1.05 * values[places].max(), BINS + 1)
        predicted = predicted_layers(run.problem, "frame")[LAYER - 1][0].value
        for axes, at in zip(row, places, strict=True):
            axes.hist([values[at, :count], values[at, count:]], edges, stacked=True, color=[OUTLIER, BULK])
            axes.axvline(predicted, color=PREDICTED, ls="--", lw=1)
            axes.set_title(f"step {run.history['step'][at]:.0f}", fontsize=9)
        row[0].set_ylabel(f"$K = {run.problem.classes}$: number of eigenvalues")
    for axes in panels[-1]:
        axes.set_xlabel("eigenvalue")
    what = (
        f"The $K^2$ largest eigenvalues of the Hessian of layer {LAYER}, in grey the next $K$, dashed the value "
        r"predicted, $\lambda \gamma / (1 - \gamma)$"
    )
    titled(figure, runs[0].problem, what, ("K",))
    return figure


figure = Reproduction("garrod2026spectra.fig3", "histograms of the eigenvalues of a layer at steps of training", _make)

"""garrod2026spectra: outliers of the Hessian of a middle layer during training, K^2 of them at the predicted value."""

from __future__ import annotations

from collections.abc import Sequence

from optima.plot.figure import Figure, defaults
from optima.plot.training_spectra import draw_outliers
from optima.reproduce.figure import Reproduction, Workplace
from optima.reproduce.spectra_runs import LAYER, followed, model, spectra_rows, titled
from optima.training import Run
from optima.training.layer_spectra import predicted_layers


def _make(place: Workplace) -> None:
    steps = 2000 if place.quick else 20_000
    runs = [run for K in (3, 4) for run in followed(place, model(K, place.quick), steps, 1)]
    place.table(spectra_rows(runs, LAYER, "frame"))
    place.picture(_draw(runs))


@defaults
def _draw(runs: Sequence[Run]) -> Figure:
    figure = Figure(figsize=(9.2, 4.2), layout="constrained")
    panels = figure.subplots(1, len(runs), sharey=True, squeeze=False)[0]
    for axes, run in zip(panels, runs, strict=True):
        draw_outliers(axes, run, LAYER - 1, predicted_layers(run.problem, "frame")[LAYER - 1])
        value = predicted_layers(run.problem, "frame")[LAYER - 1][0]
        axes.set_title(f"$K = {run.problem.classes}$: {value.multiplicity} at {value.value:.6g}", fontsize=10)
        axes.set_xlabel("step of gradient descent")
        axes.legend(fontsize=8, frameon=False, loc="lower left")
    panels[0].set_ylabel(f"eigenvalue of the Hessian in $W_{LAYER}$")
    titled(figure, runs[0].problem, f"Eigenvalues of the Hessian of layer {LAYER} during training", ("K",))
    return figure


figure = Reproduction(
    "garrod2026spectra.fig1", "outliers of the Hessian of a layer during training, K^2 at the predicted value", _make
)

"""garrod2026spectra: a relu network: outliers of a layer between what either derivative at zero predicts."""

from __future__ import annotations

from collections.abc import Sequence

from optima.plot.figure import Figure, defaults
from optima.plot.training_spectra import draw_alignment, draw_outliers
from optima.reproduce.figure import Reproduction, Workplace
from optima.reproduce.spectra_runs import RELU_LAYER, followed, model, of_runs, spectra_rows, titled
from optima.training import Run
from optima.training.layer_spectra import predicted_layers


def _make(place: Workplace) -> None:
    steps, seeds = (2000, 3) if place.quick else (20_000, 5)
    runs = followed(place, model(3, place.quick, "relu"), steps, seeds)
    place.table(spectra_rows(runs, RELU_LAYER, "collapse"))
    place.picture(_draw(_shown(runs), of_runs(runs)))


def _shown(runs: Sequence[Run]) -> list[Run]:
    """The run that ends nearest to collapse in its logits, and the one of least loss."""
    collapse = [run for run in runs if run.structure == "collapse"]
    least = min(runs, key=lambda run: run.loss)
    return [*collapse[:1], *([least] if least not in collapse[:1] else [])]


@defaults
def _draw(runs: Sequence[Run], which: str) -> Figure:
    figure = Figure(figsize=(max(1 + 4.6 * len(runs), 8.2), 7.4), layout="constrained")
    panels = figure.subplots(2, len(runs), sharex=True, sharey="row", squeeze=False)
    predicted = predicted_layers(runs[0].problem, "collapse")[RELU_LAYER - 1]
    for (above, below), run in zip(panels.T, runs, strict=True):
        draw_outliers(above, run, RELU_LAYER - 1, predicted)
        draw_alignment(below, run, RELU_LAYER - 1)
        above.set_title(f"seed {run.seed}: logits {run.structure}, loss {run.loss:.6g}", fontsize=9)
        below.set_xlabel("step of gradient descent")
    panels[0, 0].set_ylabel(f"eigenvalue of the Hessian in $W_{RELU_LAYER}$")
    panels[1, 0].set_ylabel("squared cosine")
    panels[0, 0].legend(fontsize=8, frameon=False, loc="lower left")
    panels[1, 0].legend(fontsize=8, frameon=False, loc="lower right")
    value = predicted[0]
    what = (
        f"ReLU, layer {RELU_LAYER}: at collapse {value.value:.6g} is predicted 3 times where $s'(0) = 0$, 9 times "
        f"where $s'(0) = 1$\nof {which}: the one that ends nearest to collapse, and the one of least loss"
    )
    titled(figure, runs[0].problem, what)
    return figure


figure = Reproduction("garrod2026spectra.fig4", "the outliers of a layer of a relu network during training", _make)

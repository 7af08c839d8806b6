"""garrod2026spectra: products of class means become eigenvectors of the Hessian of a layer, as does the gradient."""

from __future__ import annotations

from collections.abc import Sequence

from optima.plot.figure import Figure, defaults
from optima.plot.training_spectra import draw_alignment
from optima.reproduce.figure import Reproduction, Workplace
from optima.reproduce.spectra_runs import LAYER, followed, model, spectra_rows, titled
from optima.training import Run


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
        draw_alignment(axes, run, LAYER - 1)
        axes.set_title(f"$K = {run.problem.classes}$", fontsize=10)
        axes.set_xlabel("step of gradient descent")
    panels[0].set_ylabel("squared cosine")
    panels[0].legend(fontsize=8, frameon=False, loc="lower right")
    what = f"Layer {LAYER}: $f(v) = (v^T H v)^2 / (|v|^2 |H v|^2)$, one where $v$ is an eigenvector of the Hessian"
    titled(figure, runs[0].problem, what, ("K",))
    return figure


figure = Reproduction(
    "garrod2026spectra.fig2", "class means and the gradient become eigenvectors of the Hessian of a layer", _make
)

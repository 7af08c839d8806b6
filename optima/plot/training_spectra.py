"""The Hessians of the layers during training, against those predicted where the run ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from optima.model import Array
from optima.plot.figure import Figure, defaults
from optima.plot.numbers import settings
from optima.spectra.eigenvalues import Eigenvalue
from optima.spectra.result import outlier_count
from optima.training.layer_spectra import ended_at, predicted_layers

if TYPE_CHECKING:
    from optima.training.compare import Comparison
    from optima.training.run import Run

OUTLIER, BULK, PREDICTED, GRADIENT = "#b5367a", "#9a9a9a", "#00204c", "#a17000"
# Eigenvalues below this share of the largest are not shown.
LOWEST = 1e-5


@defaults
def plot_layers(comparison: Comparison) -> Figure:
    """Eigenvalues and alignment of every layer in the first run that did not diverge."""
    L = comparison.problem.depth
    figure = Figure(figsize=(1.2 + 2.7 * L, 5.2), layout="constrained")
    run = next((run for run in comparison.runs if not run.diverged), None)
    if run is None:
        figure.suptitle("every run diverged")
        return figure
    panels = figure.subplots(2, L, sharex=True, sharey="row", squeeze=False)
    predicted = predicted_layers(run.problem, ended_at(run))
    for layer in range(L):
        draw_outliers(panels[0, layer], run, layer, predicted[layer] if predicted else ())
        draw_alignment(panels[1, layer], run, layer)
        panels[0, layer].set_title(f"layer {layer + 1}", fontsize=10)
        panels[1, layer].set_xlabel("step")
    panels[0, 0].set_ylabel("eigenvalue of the Hessian")
    panels[1, 0].set_ylabel("squared cosine")
    panels[0, -1].legend(fontsize=7, frameon=False, loc="lower left")
    panels[1, -1].legend(fontsize=7, frameon=False, loc="lower right")
    figure.suptitle(
        f"{settings(run.problem)}, learning rate {run.lr:g}, seed {run.seed}: ended at {run.structure}", fontsize=10
    )
    return figure


def draw_outliers(axes: Axes, run: Run, layer: int, predicted: Sequence[Eigenvalue] = ()) -> None:
    """The eigenvalues recorded at every step: outliers, what comes after them, and dashed the predicted ones."""
    steps, values = _after_start(run), run.history["hessian_eigenvalues"][:, layer]
    count = outlier_count(run.problem)
    for column in range(values.shape[1]):
        first = {0: f"{count} largest", count: "next"}.get(column, "_more")
        shown = np.where(values[:, column] > LOWEST * values.max(), values[:, column], np.nan)
        colour = OUTLIER if column < count else BULK
        axes.plot(steps, shown, ".-", ms=2.5, lw=0.8, color=colour, label=first, zorder=2 if column < count else 1)
    label = "predicted"
    for each in predicted:
        if each.value > 0:
            axes.axhline(each.value, color=PREDICTED, ls="--", lw=1, label=label)
            label = "_more"
    axes.set(xscale="log", yscale="log")


def draw_alignment(axes: Axes, run: Run, layer: int) -> None:
    """Squared cosines: of the gradient with the outlier space and with its image, and of products of class means."""
    steps = _after_start(run)
    products = run.history["product_eigenvectors"][:, layer].reshape(len(steps), -1)
    axes.fill_between(steps, products.min(axis=1), products.max(axis=1), color=OUTLIER, alpha=0.2, lw=0)
    axes.plot(steps, products.mean(axis=1), color=OUTLIER, lw=1.2, label="products of class means, f: mean and range")
    axes.plot(
        steps, run.history["gradient_eigenvector"][:, layer], color=GRADIENT, lw=1.2, ls="--", label="gradient, f"
    )
    inside = run.history["gradient_in_outliers"][:, layer]
    axes.plot(steps, inside, color=PREDICTED, lw=1.2, ls=":", label="gradient in the outlier space")
    axes.set(xscale="log", ylim=(-0.03, 1.05))


def _after_start(run: Run) -> Array:
    """The recorded steps for an axis of logarithms, which has no place for the start."""
    return np.where(run.history["step"] > 0, run.history["step"], np.nan)

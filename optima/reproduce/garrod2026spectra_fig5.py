"""garrod2026spectra: early training of a relu network: negative pre-activations, and how class means become a frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from optima.plot.figure import Figure, defaults
from optima.reproduce.figure import Reproduction, Workplace
from optima.reproduce.rows import Row
from optima.reproduce.spectra_runs import followed, model, titled
from optima.training import Run

COLOURS = ("#00204c", "#4f7fb5", "#7c7b78", "#a17000", "#d9b500")


def _make(place: Workplace) -> None:
    steps, seeds = (300, 3) if place.quick else (3000, 5)
    runs = followed(place, model(3, place.quick, "relu"), steps, seeds)
    place.table([row for run in runs for row in _rows(run)])
    place.picture(_draw(runs))


def _rows(run: Run) -> list[Row]:
    """One row for each record and layer 2, ..., L."""
    return [
        {
            "seed": run.seed,
            "step": int(step),
            "layer": layer,
            "negative_share": float(run.history["negative_share"][i, layer - 2]),
            "gram_distance": float(run.history["gram_distance"][i, layer - 1]),
        }
        for i, step in enumerate(run.history["step"])
        for layer in range(2, run.problem.depth + 1)
    ]


@defaults
def _draw(runs: Sequence[Run]) -> Figure:
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    depth = runs[0].problem.depth
    steps = np.maximum(runs[0].history["step"], 0.7)
    for layer, colour in zip(range(2, depth + 1), COLOURS, strict=False):
        for axes, name, place in ((left, "negative_share", layer - 2), (right, "gram_distance", layer - 1)):
            each = np.array([run.history[name][: len(steps), place] for run in runs])
            axes.fill_between(steps, each.min(axis=0), each.max(axis=0), color=colour, alpha=0.15, lw=0)
            axes.plot(steps, each.mean(axis=0), color=colour, label=f"layer {layer}")
    for axes, label in (
        (left, "share of pre-activations below $-10^{-6}$"),
        (right, r"distance of $\bar H^T \bar H / \|\cdot\|$ from $I / \sqrt{K}$"),
    ):
        axes.set(xscale="log", xlabel="step of gradient descent", ylabel=label)
        axes.set_ylim(bottom=0)
    left.legend(fontsize=8, frameon=False)
    titled(figure, runs[0].problem, f"Relu, early training: mean and range over {len(runs)} seeds")
    return figure


figure = Reproduction("garrod2026spectra.fig5", "early training of a relu network: signs and class means", _make)

"""garrod2026spectra: early training of a relu network: negative pre-activations, and how class means become a frame."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from optima.plot.figure import Figure, defaults
from optima.reproduce.figure import Reproduction, Workplace
from optima.reproduce.rows import Row
from optima.reproduce.spectra_runs import followed, model, of_runs, titled
from optima.training import Run

COLOURS = ("#00204c", "#4f7fb5", "#7c7b78", "#a17000", "#d9b500")


def _make(place: Workplace) -> None:
    steps, seeds = (300, 3) if place.quick else (10_000, 3)
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
    layers = range(2, runs[0].problem.depth + 1)
    nearest = min(runs, key=lambda run: float(run.history["gram_distance"][-1, 1:].max()))
    for run, (layer, colour) in product(runs, zip(layers, COLOURS, strict=False)):
        steps = np.maximum(run.history["step"], 0.7)
        near = run is nearest
        style = {"color": colour, "lw": 2.0 if near else 0.7, "alpha": 1.0 if near else 0.45}
        left.plot(steps, run.history["negative_share"][:, layer - 2], **style)
        right.plot(steps, run.history["gram_distance"][:, layer - 1], label=f"layer {layer}" if near else None, **style)
    for axes, label in (
        (left, "share of pre-activations below $-10^{-6}$"),
        (right, r"distance of $\bar H^T \bar H / \|\cdot\|$ from $I / \sqrt{K}$"),
    ):
        axes.set(xscale="log", xlabel="step of gradient descent", ylabel=label)
        axes.set_ylim(bottom=0)
    right.legend(fontsize=8, frameon=False, loc="lower left")
    what = f"ReLU, {of_runs(runs)}; bold the one that ends nearest to collapse (seed {nearest.seed})"
    titled(figure, runs[0].problem, what)
    return figure


figure = Reproduction("garrod2026spectra.fig5", "early training of a relu network: signs and class means", _make)

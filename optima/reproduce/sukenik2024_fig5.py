"""sukenik2024, Figure 5: losses, M_3, M_4 and the Gram matrix of layer 3 for few classes, K = 3, 4, 5 and L = 4.

Ours: lambda, learning rate and width as in Figure 2, n = 1, ten runs; collapse loses from three classes on, and the
lines of the networks that are better are drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from optima.plot.figure import Figure, defaults
from optima.plot.numbers import number
from optima.plot.training import draw_losses
from optima.reproduce.figure import LR, Reproduction, Workplace
from optima.reproduce.sukenik2024 import by_heading, draw_matrix, levels, model, run_rows
from optima.training import Run

DEPTH, REG, WIDTH = 4, 4e-3, 30


def _make(place: Workplace) -> None:
    classes, steps, seeds = ((3,), 600, 2) if place.quick else ((3, 4, 5), 30_000, 10)
    problems = {K: model(K, DEPTH, REG, 8 if place.quick else WIDTH) for K in classes}
    runs = {
        K: place.train(problem, f"{place.name}.{K}", steps, seeds, record=False).polished().runs
        for K, problem in problems.items()
    }
    place.table([row for found in runs.values() for row in run_rows(found)])
    place.picture(_draw(runs))


@defaults
def _draw(runs: Mapping[int, Sequence[Run]]) -> Figure:
    figure = Figure(figsize=(13, 3.1 * len(runs) + 0.5), layout="constrained")
    panels = figure.subplots(len(runs), 4, width_ratios=[1.9, 1, 1, 1], squeeze=False)
    problem = next(iter(runs.values()))[0].problem
    figure.suptitle(
        f"Gradient descent: $L = {DEPTH}$, $n = 1$, $\\lambda = {number(REG)}$, $d = {problem.width}$, ReLU, squared "
        f"error, learning rate {LR}; on the right where the run of least loss was heading for (grey is zero)",
        fontsize=10,
    )
    for row, (K, found) in zip(panels, runs.items(), strict=True):
        draw_losses(row[0], by_heading(found), levels(found[0].problem))
        row[0].set_title(f"$K = {K}$", fontsize=9)
        end = min(found, key=lambda run: run.loss).polished
        assert end is not None
        if end.network is None or not end.network.logits.any():
            continue
        third, fourth = end.network.layers[1:3]
        draw_matrix(row[1], third, "$M_3$")
        draw_matrix(row[2], fourth, "$M_4$")
        draw_matrix(row[3], np.maximum(third, 0.0).T @ np.maximum(third, 0.0), "$X_3^T X_3$")
    return figure


figure = Reproduction(
    "sukenik2024.fig5", "relu networks in training, K = 3, 4, 5, L = 4: losses and the layers at the end", _make
)

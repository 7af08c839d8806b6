"""sukenik2024, Figure 6: M_2, M_6 and the singular values of a deep relu network after training, K = 15, L = 7.

Ours: lambda, width, n = 1, learning rate, steps and runs; the run of least loss is shown.
"""

from __future__ import annotations

from collections.abc import Sequence

from optima.plot.figure import Figure, defaults
from optima.plot.numbers import settings
from optima.plot.training import draw_losses
from optima.reproduce.figure import LR, Reproduction, Workplace
from optima.reproduce.sukenik2024 import by_heading, draw_matrix, draw_spectra, levels, model, run_rows
from optima.training import Run

FULL, QUICK = model(15, 7, 1e-3, 40), model(4, 4, 4e-3, 8)


def _make(place: Workplace) -> None:
    problem, steps, seeds = (QUICK, 600, 2) if place.quick else (FULL, 40_000, 4)
    runs = place.train(problem, place.name, steps, seeds, record=False).polished().runs
    place.table(run_rows(runs))
    place.picture(_draw(runs))


@defaults
def _draw(runs: Sequence[Run]) -> Figure:
    problem = runs[0].problem
    figure = Figure(figsize=(14, 4.2), layout="constrained")
    losses, first, late, spectra = figure.subplots(1, 4, width_ratios=[1.5, 1, 1, 1.2])
    figure.suptitle(f"Gradient descent: {settings(problem)}, learning rate {LR}, {len(runs)} runs", fontsize=10)
    draw_losses(losses, by_heading(runs), levels(problem))
    best = min(runs, key=lambda run: run.loss)
    end = best.polished
    assert end is not None
    if end.network is not None and end.network.logits.any():
        draw_matrix(first, end.network.layers[0], "$M_2$")
        draw_matrix(late, end.network.layers[-3], f"$M_{{{problem.depth - 1}}}$")
        draw_spectra(spectra, end.network)
    spectra.set_title(f"the network that seed {best.seed} was heading for", fontsize=9)
    return figure


figure = Reproduction(
    "sukenik2024.fig6", "a deep relu network after training, K = 15, L = 7: layers and spectra", _make
)

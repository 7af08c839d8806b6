"""garrod2025, Figure 6: relu networks against the least loss of deep neural collapse."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from optima.model import DeepUFM
from optima.plot.training import draw_losses, draw_means
from optima.reproduce.curves import curve_rows
from optima.reproduce.figure import Reproduction, Workplace
from optima.train import Run, predict, train

FULL = DeepUFM(10, 3, 2.0**-9, 5, width=70, activation="relu")
QUICK = DeepUFM(4, 3, 2.0**-6, 5, width=20, activation="relu")
LR = 0.5


def _make(place: Workplace) -> None:
    problem, steps, seeds = (QUICK, 2000, 2) if place.quick else (FULL, 100_000, 10)
    training = train(
        problem,
        lr=LR,
        steps=steps,
        seeds=seeds,
        checkpoint=place.checkpoint(place.name),
        progress=place.tell,
    )
    place.table(curve_rows(training.runs))
    place.picture(_draw(training.runs, problem))


def _draw(runs: Sequence[Run], problem: DeepUFM) -> Figure:
    bound = predict(problem)["dnc"]
    best = min(runs, key=lambda run: run.loss)
    figure = Figure(figsize=(9.0, 4.3), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1.25, 1.0])
    draw_losses(left, runs, {"bound on deep\nneural collapse": bound})
    draw_means(right, best)
    below = sum(run.loss < bound for run in runs)
    figure.suptitle(
        f"ReLU networks: $K = {problem.classes}$, $n = {problem.samples}$, $L = {problem.depth}$, "
        f"$d = {problem.width}$, $\\lambda = {problem.reg:.3g}$; {below} of {len(runs)} runs end below the bound",
        fontsize=10,
    )
    return figure


figure = Reproduction("garrod2025.fig6", "relu networks against the least loss of deep neural collapse", _make)

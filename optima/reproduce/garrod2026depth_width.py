"""garrod2026depth, in settings of our own: effective rank without regularisation, against width and depth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from scipy.stats import t as student

from optima.dynamics.systems import FactorSystem
from optima.model import Array, DeepUFM
from optima.plot.figure import Figure, defaults
from optima.reproduce.figure import Reproduction, Workplace
from optima.reproduce.rows import Row
from optima.training import Run, train
from optima.training.initial import Initialisation

CLASSES, LR, MARGIN, STEPS = 4, 0.1, 8.0, 20_000
DEPTHS, WIDTHS, SEEDS = (1, 2, 3, 5), (4, 8, 16, 32, 64, 128), 20
QUICK: tuple[tuple[int, ...], tuple[int, ...], int] = ((1, 3), (4, 16), 3)
CONFIDENCE = 0.95
POINTED: dict[str, Any] = {"marker": "o", "markersize": 4, "capsize": 2, "linewidth": 1.2}


def _make(place: Workplace) -> None:
    depths, widths, seeds = QUICK if place.quick else (DEPTHS, WIDTHS, SEEDS)
    rows = []
    for L in depths:
        training = train(
            DeepUFM(CLASSES, L, 0.0),
            widths,
            LR,
            STEPS,
            seeds,
            margin=MARGIN,
            record=False,
            checkpoint=place.checkpoint(f"{place.name}-{L}"),
            progress=place.tell,
        )
        rows += [_row(run) for run in training.runs]
    place.table(rows)
    place.picture(_draw(rows))


def _row(run: Run) -> Row:
    problem = run.problem
    return {
        "classes": problem.classes,
        "depth": problem.depth,
        "width": problem.width,
        "seed": run.seed,
        "ending": run.ending,
        "steps": run.steps,
        "margin": float(run.history["margin"][-1]),
        "loss": run.loss,
        "rank": run.rank,
        "effective_rank": float(run.effective_ranks[-1]),
        "first_cosine": first_cosine(problem, Initialisation(problem).factors(run.seed)),
    }


def first_cosine(problem: DeepUFM, factors: Sequence[Array]) -> float:
    """Cosine between the first move of the logits and the steepest descent of the fit in the logits alone.

    It tends to one with the width where products of factors with their transposes concentrate at multiples of I.
    """
    system = FactorSystem(problem, factors)
    # The derivative of the logits along the flow, by differences in a small time.
    small = 1e-6
    ahead, behind = (system.logits(system.start + h * system.rate(0.0, system.start)) for h in (small, -small))
    move, slope = (ahead - behind).ravel(), -problem.data_loss_gradient(system.logits(system.start)).ravel()
    return float(move @ slope / (np.linalg.norm(move) * np.linalg.norm(slope)))


def interval(values: Array) -> tuple[float, float]:
    """Mean of some runs and half of Student's interval at 95 %."""
    half = student.ppf((1 + CONFIDENCE) / 2, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
    return float(np.mean(values)), float(half)


@defaults
def _draw(rows: Sequence[Row]) -> Figure:
    figure = Figure(figsize=(10.4, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    figure.suptitle(f"Training without regularisation from Gaussian starts, $K = {CLASSES}$, to margin {MARGIN:g}")
    _draw_lines(left, rows, "effective_rank")
    _draw_lines(right, rows, "first_cosine")
    left.axhline(CLASSES - 1, color="0.4", linestyle=":", linewidth=1)
    left.set(ylabel="effective rank of the logits at the end")
    left.set_title("the wider, the higher the rank; the deeper, the lower", fontsize=9)
    right.set(ylabel="cosine, first move of $Z$ and $-\\nabla g(Z)$")
    right.set_title("why: in wide networks $Z$ first moves straight down", fontsize=9)
    left.legend(fontsize=8, frameon=False)
    return figure


def _draw_lines(axes: Axes, rows: Sequence[Row], name: str) -> None:
    depths = sorted({row["depth"] for row in rows})
    for L, shade in zip(depths, np.linspace(0.0, 0.85, len(depths)), strict=True):
        widths = sorted({row["width"] for row in rows})
        found = [np.array([r[name] for r in rows if (r["depth"], r["width"]) == (L, d)]) for d in widths]
        means, halves = zip(*map(interval, found), strict=True)
        axes.errorbar(widths, means, halves, color=colormaps["cividis"](shade), label=f"$L = {L}$", **POINTED)
    axes.set(xscale="log", xlabel="width $d$")
    axes.set_xticks(widths, [str(d) for d in widths])
    axes.minorticks_off()


figure = Reproduction("garrod2026depth.width", "effective rank without regularisation, against width and depth", _make)

"""garrod2026depth, in settings of our own: effective rank without regularisation, against width and depth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from scipy.stats import t as student

from optima.dynamics import flow
from optima.dynamics.systems import FactorSystem
from optima.model import Array, DeepUFM
from optima.plot.figure import Figure, defaults
from optima.reproduce.figure import Reproduction, Workplace
from optima.reproduce.rows import Row
from optima.training import Run, train
from optima.training.initial import Initialisation

LR, MARGIN, STEPS, TOLERANCE = 0.1, 8.0, 20_000, 1e-6
# Widths in units of K; of the first seeds the same logits are followed from balanced factors too.
CLASSES, DEPTHS, WIDTHS, SEEDS, BALANCED = (4, 8, 16), (1, 2, 3, 4), (1, 2, 4, 8, 16), 20, 5
QUICK: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], int, int] = ((3, 4), (1, 3), (1, 4), 3, 2)
CONFIDENCE = 0.95
POINTED: dict[str, Any] = {"marker": "o", "markersize": 4, "capsize": 2, "linewidth": 1.2}


def _make(place: Workplace) -> None:
    classes, depths, widths, seeds, balanced = QUICK if place.quick else (CLASSES, DEPTHS, WIDTHS, SEEDS, BALANCED)
    rows = []
    for K, L in product(classes, depths):
        training = train(
            DeepUFM(K, L, 0.0),
            [K * times for times in widths],
            LR,
            STEPS,
            seeds,
            margin=MARGIN,
            record=False,
            checkpoint=place.checkpoint(f"{place.name}-{K}-{L}"),
            progress=place.tell,
        )
        rows += [_row(run, balanced) for run in training.runs]
    place.table(rows)
    place.picture(_draw(rows))


def _row(run: Run, balanced: int) -> Row:
    problem = run.problem
    start = Initialisation(problem).factors(run.seed)
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
        "first_cosine": first_cosine(problem, start),
        "balanced_effective_rank": _of_balanced(problem, start) if run.seed < balanced else None,
    }


def _of_balanced(problem: DeepUFM, factors: Sequence[Array]) -> float:
    """Effective rank at the same margin from balanced factors with the same logits: what width does goes with them."""
    run = flow(replace(problem, width=None), problem.logits(factors), until={"margin": MARGIN}, tolerance=TOLERANCE)
    return float(run.effective_ranks[-1])


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
    classes = sorted({row["classes"] for row in rows})
    figure = Figure(figsize=(1 + 3.7 * len(classes), 7.0), layout="constrained")
    panels = figure.subplots(2, len(classes), sharex="col", squeeze=False)
    seeds = len({row["seed"] for row in rows})
    figure.suptitle(
        f"Training without regularisation from Gaussian factors of variance $1/d$ to margin {MARGIN:g}: means of "
        f"{seeds} seeds, 95 % intervals",
        fontsize=10,
    )
    for K, (above, below) in zip(classes, panels.T, strict=True):
        own = [row for row in rows if row["classes"] == K]
        _draw_lines(above, own, "effective_rank", lambda x: x, "-")
        _draw_lines(above, own, "balanced_effective_rank", lambda x: x, ":")
        _draw_lines(below, own, "first_cosine", lambda x: 1 - x, "-")
        above.set(ylim=(1, K - 0.8))
        above.set_title(f"$K = {K}$", fontsize=9)
        widths = np.array(sorted({row["width"] for row in own}))
        below.plot(widths, 0.5 * K / widths, color="0.5", linestyle="--", linewidth=1, label=r"slope $-1$")
        below.set(yscale="log", xlabel="width $d$")
    panels[0, 0].set_ylabel("effective rank of the logits at the end\n(dotted: balanced factors, same logits)")
    panels[1, 0].set_ylabel("1 - cosine of the first move of $Z$\nand $-\\nabla g(Z)$")
    panels[0, 0].legend(fontsize=8, frameon=False)
    panels[1, 0].legend(fontsize=8, frameon=False)
    return figure


def _draw_lines(axes: Axes, rows: Sequence[Row], name: str, of: Callable[[Array], Array], line: str) -> None:
    depths, widths = (sorted({row[column] for row in rows}) for column in ("depth", "width"))
    for L, shade in zip(depths, np.linspace(0.0, 0.85, len(depths)), strict=True):
        at = lambda d, L=L: [r[name] for r in rows if (r["depth"], r["width"]) == (L, d) and r[name] is not None]
        means, halves = zip(*(interval(of(np.array(at(d)))) for d in widths), strict=True)
        label = f"$L = {L}$" if line == "-" else None
        axes.errorbar(widths, means, halves, color=colormaps["cividis"](shade), label=label, linestyle=line, **POINTED)
    axes.set(xscale="log")
    axes.set_xticks(widths, [str(d) for d in widths])
    axes.minorticks_off()


figure = Reproduction("garrod2026depth.width", "effective rank without regularisation, against width and depth", _make)

"""garrod2025, Figure 6: relu networks against the least loss of deep neural collapse.

Runs of relu networks come to rest where many units are at their kink. There the gradient does not vanish: descent at a
fixed learning rate goes to and fro between the pieces, and does not meet the convergence rule however long it is. So
the figure also says how much the losses still fell over the second half of the steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from optima.model import DeepUFM
from optima.plot.figure import Figure, defaults
from optima.plot.names import short
from optima.plot.numbers import settings
from optima.plot.training import descent_figure
from optima.reproduce.figure import LR, Reproduction, Workplace
from optima.reproduce.rows import curve_rows
from optima.training import Run, predict

FULL = DeepUFM(10, 3, 2.0**-9, 5, width=70, activation="relu")
QUICK = DeepUFM(4, 3, 2.0**-6, 5, width=20, activation="relu")
# Smaller starts lose more rank on the way and end lower; at 0.3 most runs end at zero logits instead.
SCALES = (0.6, 1.0)
BOUND = "bound on deep\nneural collapse"


def _make(place: Workplace) -> None:
    problem, steps, seeds = (QUICK, 2000, 2) if place.quick else (FULL, 300_000, 10)
    runs = {scale: place.train(problem, f"{place.name}.{scale}", steps, seeds, scale=scale).runs for scale in SCALES}
    place.table([{"scale": scale, **row} for scale, found in runs.items() for row in curve_rows(found)])
    place.picture(_draw(runs, problem))


@defaults
def _draw(runs: Mapping[float, Sequence[Run]], problem: DeepUFM) -> Figure:
    levels = _levels(problem)
    bound = levels[BOUND]
    below = lambda found: f"{sum(run.loss < bound for run in found)} of {len(found)} below"
    groups = {f"starts of deviation ${scale:g} / \\sqrt{{d}}$: {below(found)}": found for scale, found in runs.items()}
    best = min((run for found in runs.values() for run in found), key=lambda run: run.loss)
    title = f"Gradient descent: {settings(problem)}, learning rate {LR}\n"
    title += _rest([run for found in runs.values() for run in found])
    return descent_figure((10.0, 5.0), groups, levels, [best], title)


def _levels(problem: DeepUFM) -> dict[str, float]:
    """The bound, collapse itself, lifted pairs, which improve on the construction of the paper, and the best named."""
    named = predict(problem)
    bound = named.pop("dnc")
    kept = dict.fromkeys(("collapse", "lifted(pairs)", min(named, key=lambda name: named[name])))
    return {BOUND: bound} | {short(name): named[name] for name in kept if name in named}


def _rest(runs: Sequence[Run]) -> str:
    """How many runs met the convergence rule, and how far from rest the loss of the others is."""
    converged = sum(run.converged for run in runs)
    going = [run for run in runs if not run.converged]
    text = f"{converged} of {len(runs)} runs met the convergence rule"
    if not going:
        return text
    steps = max(run.steps for run in going)
    return f"{text}; in the second half of {steps:,} steps losses of the rest fell by up to {_fall(going):.1g} %"


def _fall(runs: Sequence[Run]) -> float:
    """The largest fall of a loss since the last check within the first half of the steps, in percent."""
    falls = []
    for run in runs:
        half = np.flatnonzero(run.history["step"] <= run.steps / 2)[-1]
        falls.append(1 - run.loss / run.history["loss"][half])
    return 100 * float(max(falls))


figure = Reproduction("garrod2025.fig6", "relu networks against the least loss of deep neural collapse", _make)

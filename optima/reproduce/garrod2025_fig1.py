"""garrod2025, Figure 1: loss curves that end at the simplex and at pairs, and the mean logits there."""

from __future__ import annotations

from collections.abc import Sequence

from optima.model import DeepUFM
from optima.plot.figure import Figure, defaults
from optima.plot.numbers import settings
from optima.plot.training import by_structure, descent_figure
from optima.reproduce.figure import LR, Reproduction, Workplace
from optima.reproduce.rows import curve_rows
from optima.scales.losses import structure_losses
from optima.training import Run

FULL = DeepUFM(10, 2, 2.0**-10, 5, width=70)
QUICK = DeepUFM(6, 2, 2.0**-6, 5, width=16)
# At scale 1 one of the first hundred seeds ends at the simplex and 90 at pairs; larger starts collapse more often.
SCALE = 2.0
ENDS = ("simplex", "pairs")


def _make(place: Workplace) -> None:
    problem, steps, seeds = (QUICK, 6000, 6) if place.quick else (FULL, 100_000, 10)
    training = place.train(problem, place.name, steps, seeds, scale=SCALE)
    firsts = {run.structure: run for run in reversed(training.runs)}
    shown = [firsts[name] for name in ENDS if name in firsts]
    place.table(curve_rows(training.runs))
    place.picture(_draw(training.runs, shown, problem))


@defaults
def _draw(runs: Sequence[Run], shown: Sequence[Run], problem: DeepUFM) -> Figure:
    met = dict.fromkeys([*ENDS, *(run.structure for run in runs)])
    predicted = {name: entry.loss for name, entry in structure_losses(problem).items() if name in met}
    title = (
        f"Gradient descent on all parameters: {settings(problem)}, learning rate {LR},\n"
        f"Gaussian starts of standard deviation ${SCALE:g} / \\sqrt{{d}}$"
    )
    return descent_figure((5.4 + 3.6 * len(shown), 4.6), by_structure(runs), predicted, shown, title)


figure = Reproduction(
    "garrod2025.fig1", "loss curves that end at the simplex and at pairs, and the mean logits there", _make
)

"""Pictures of training: loss curves against the predicted losses, and the logits where runs ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from optima.plot.figure import Figure, defaults
from optima.plot.logits import draw_logits, logit_bar
from optima.plot.numbers import settings

if TYPE_CHECKING:
    from optima.training.compare import Comparison
    from optima.training.run import Run

# Dark to light, and each with a dash of its own, so that they stay apart in grey and for every kind of eye.
STYLES = (
    ("#00204c", "-"),
    ("#a17000", "--"),
    ("#4f7fb5", "-."),
    ("#7c7b78", ":"),
    ("#d9b500", (0, (5, 1, 1, 1, 1, 1))),
)


@defaults
def plot_training(comparison: Comparison) -> Figure:
    """Loss curves with the predicted losses, and the mean logits of one run of each of the two commonest ends."""
    ends = _commonest(comparison.runs, 2)
    title = f"Gradient descent: {settings(comparison.problem)}, learning rate {comparison.lr:g}"
    size = 5.6 + 4.2 * len(ends), 4.6
    return descent_figure(size, by_structure(comparison.runs), levels(comparison), ends, title)


def descent_figure(
    size: tuple[float, float],
    groups: Mapping[str, Sequence[Run]],
    predicted: dict[str, float],
    ends: Sequence[Run],
    title: str,
) -> Figure:
    """Loss curves of groups of runs with the predicted losses, and the mean logits where some of the runs ended."""
    figure = Figure(figsize=size, layout=ConstrainedLayoutEngine(h_pad=0.12))
    panels = figure.subplots(1, 1 + len(ends), width_ratios=[1.25] + [1.0] * len(ends), squeeze=False)[0]
    figure.suptitle(title, fontsize=10)
    draw_losses(panels[0], groups, predicted)
    for panel, run in zip(panels[1:], ends, strict=True):
        draw_means(panel, run)
    if ends:
        logit_bar(figure, panels[1:])
    return figure


def levels(comparison: Comparison) -> dict[str, float]:
    """The predicted losses worth a line: those of the ends met, the simplex, and the least of all.

    The least is the best minimum known; where it has a name, that names it.
    """
    predicted = dict(comparison.predicted)
    least = predicted.pop("global", None)
    met = {run.structure for run in comparison.runs} | {"simplex", "collapse", "dnc"}
    met |= {run.polished.structure for run in comparison.runs if run.polished}
    chosen = {name: loss for name, loss in predicted.items() if name in met}
    if least is None:
        return chosen
    level = least * (1 + 1e-9)
    if not any(loss <= level for loss in chosen.values()):
        chosen[min((name for name in predicted if predicted[name] <= level), default="best known")] = least
    return chosen


def draw_means(axes: Axes, run: Run) -> None:
    """Heat map of the class-mean logits of a run, titled with its end."""
    draw_logits(axes, run.means, run.problem.loss)
    largest = np.abs(run.means).max()
    axes.set_title(f"seed {run.seed}: {run.structure}\nloss {run.loss:.7g}, largest logit {largest:.3g}", fontsize=9)


def draw_losses(axes: Axes, groups: Mapping[str, Sequence[Run]], predicted: dict[str, float]) -> None:
    """Loss against steps, one line for each run in the style of its group, and dotted predicted levels.

    The window shows the ends of the runs and the levels; the descent from the start is cut off above.
    """
    ended = [run for runs in groups.values() for run in runs if not run.diverged]
    for (name, runs), (colour, dash) in zip(groups.items(), cycle(STYLES), strict=False):
        label = name
        for run in runs:
            if not run.diverged:
                steps = np.maximum(run.history["step"], 1)
                axes.plot(steps, run.history["loss"], color=colour, linestyle=dash, linewidth=1.2, label=label)
                label = "_same group"
    low, high = _window([*(run.loss for run in ended), *predicted.values()])
    entered = [run.history["step"][np.argmax(run.history["loss"] <= high)] for run in ended]
    axes.set(xscale="log", xlabel="step of gradient descent", ylabel="loss", ylim=(low, high))
    axes.set_xlim(left=max(1.0, 0.7 * float(min(entered, default=1.0))))
    _tick_steps(axes)
    _draw_levels(axes, predicted, high - low)
    if ended:
        axes.legend(fontsize=8, frameon=False, loc="upper right")


def _tick_steps(axes: Axes) -> None:
    """Powers of ten; over less than two decades also twice and five times them, all as plain numbers."""
    low, high = axes.get_xlim()
    axes.xaxis.set_minor_formatter(NullFormatter())
    if high < 100 * low:
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))


def by_structure(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """The runs that did not diverge, by where they ended and how many did so; the largest loss first."""
    groups: dict[str, list[Run]] = {}
    for run in sorted((run for run in runs if not run.diverged), key=lambda run: -run.loss):
        groups.setdefault(run.structure, []).append(run)
    return {f"{name}: {len(found)} of {len(runs)} runs": found for name, found in groups.items()}


def _window(losses: list[float]) -> tuple[float, float]:
    if not losses:
        return 0.0, 1.0
    low, high = min(losses), max(losses)
    span = max(high - low, 0.05 * high)
    return low - 0.1 * span, high + 1.5 * span


def _draw_levels(axes: Axes, predicted: dict[str, float], height: float) -> None:
    """Dotted lines, named at the right; names of close levels are moved apart."""
    lowest = -np.inf
    for name, level in sorted(predicted.items(), key=lambda item: item[1]):
        axes.axhline(level, color="0.35", linestyle=":", linewidth=0.9)
        place = max(level, lowest + 0.075 * height)
        text = f"{name}\n{level:.6g}"
        axes.annotate(text, (1.01, place), xycoords=("axes fraction", "data"), va="center", fontsize=7, color="0.2")
        lowest = place


def _commonest(runs: Sequence[Run], count: int) -> list[Run]:
    """The run of least loss of each of the commonest structures."""
    ends = [run for run in runs if not run.diverged]
    names = [name for name, _ in Counter(run.structure for run in ends).most_common(count)]
    return [min((run for run in ends if run.structure == name), key=lambda run: run.loss) for name in names]

"""Ours: whether flatness orders the minima as training prefers them, and how outliers change from one to the next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
from matplotlib.axes import Axes

from optima.model import Array, DeepUFM
from optima.plot.figure import Figure, defaults
from optima.plot.numbers import settings
from optima.reduction import Reduction
from optima.reproduce.figure import LR, Reproduction, Workplace
from optima.reproduce.rows import Row
from optima.scales import stationary_scales
from optima.search.ladder import search
from optima.spectra import lifted_spectrum, spectrum
from optima.structures import catalogue
from optima.training import Training

# Classes, depths, lambdas, widths over K, seeds and steps.
FULL = ((4, 6, 8), (2, 3, 4), (1e-3, 3e-3, 1e-2), (2, 6), 24, 8000)
QUICK = ((4,), (2, 3), (3e-3,), (2,), 6, 3000)
SAMPLES = 2
# Smaller is better: the loss, and four measures of sharpness.
MEASURES = ("loss", "trace", "top", "layer_trace", "layer_top")
WORDS = {
    "loss": "loss",
    "trace": "trace, all parameters",
    "top": "top value, all parameters",
    "layer_trace": "trace, mean of the layers",
    "layer_top": "top value, mean of the layers",
}
# The cell whose outliers are shown, and differences that count as none.
SHOWN, SAME = (6, 3, 1e-3), 1e-9
COLOURS = ("#00204c", "#b5367a", "#a17000", "#4f7fb5", "#7c7b78", "#d9b500")


@dataclass(frozen=True)
class Minimum:
    """A minimum of a cell: its class-mean logits, how many runs went there, and how sharp it is."""

    problem: DeepUFM
    structure: str
    runs: int
    means: Array
    loss: float
    trace: float
    top: float
    layer_trace: float
    layer_top: float

    @property
    def row(self) -> Row:
        """For the file."""
        problem = self.problem
        row: Row = {"classes": problem.classes, "depth": problem.depth, "reg": problem.reg}
        row |= {"width": problem.width, "structure": self.structure, "runs": self.runs}
        return row | {name: getattr(self, name) for name in MEASURES}


def _make(place: Workplace) -> None:
    classes, depths, regs, widths, seeds, steps = QUICK if place.quick else FULL
    grid = product(classes, depths, regs, widths)
    problems = [DeepUFM(K, L, reg, SAMPLES, width=wide * K) for K, L, reg, wide in grid]
    training = place.train(problems, place.name, steps, seeds, record=False)
    cells = [minima(problem, _of(training, problem)) for problem in problems]
    cells = [cell for cell in cells if cell]
    place.table([each.row for cell in cells for each in cell])
    place.picture(_draw(cells))


def _of(training: Training, problem: DeepUFM) -> Training:
    """The runs of one problem, with where they were heading."""
    return Training(tuple(run for run in training.runs if run.problem == problem)).polished()


def minima(problem: DeepUFM, training: Training) -> list[Minimum]:
    """The minima that runs went to, that the search finds, and that have a name, best first; zero is none of them."""
    found: dict[str, Array] = {}
    runs: Counter[str] = Counter()
    for run in training.runs:
        if run.polished is not None and run.polished.verdict == "minimum" and run.polished.rank:
            name = f"{run.polished.structure} {run.polished.loss:.9g}"
            found.setdefault(name, run.polished.means)
            runs[name] += 1
    best = search(problem, effort="quick")
    others = [("best known", best.means)] if best.rank else []
    for structure in catalogue(problem.classes):
        points = stationary_scales(structure, problem.depth, Reduction(problem).reg, SAMPLES)
        point = next(
            (point for point in points if point.kind == "minimum" and point.scales and all(point.scales)), None
        )
        if point is not None:
            others.append((structure.name, np.asarray(structure.shape(point.scales), dtype=float)))
    entries = [_minimum(problem, name.rsplit(" ", 1)[0], runs[name], means) for name, means in found.items()]
    for name, means in others:
        entry = _minimum(problem, name, 0, means)
        if entry is not None and not any(old is not None and _alike(old, entry) for old in entries):
            entries.append(entry)
    return sorted((entry for entry in entries if entry is not None), key=lambda entry: entry.loss)


def _minimum(problem: DeepUFM, name: str, runs: int, means: Array) -> Minimum | None:
    """The sharpness of balanced factors of the logits, None where they are no minimum."""
    try:
        if lifted_spectrum(problem, means).least < -SAME * problem.regs[0]:
            return None
    except ValueError:
        # Published shapes need not be critical.
        return None
    reduction = Reduction(problem)
    bare = lifted_spectrum(problem, means, regularised=False)
    factors = reduction.lift(means)
    layers = [spectrum(problem, factors=factors, layer=layer) for layer in range(1, problem.depth + 1)]
    return Minimum(
        problem,
        name,
        runs,
        means,
        reduction.value(means),
        float(bare.values @ bare.counts),
        float(bare.values[-1]),
        float(np.mean([each.trace for each in layers])),
        float(np.mean([each.top for each in layers])),
    )


def _alike(one: Minimum, other: Minimum) -> bool:
    return abs(one.loss - other.loss) <= 1e-7 * one.loss and abs(one.trace - other.trace) <= 1e-5 * abs(one.trace)


def concordance(cells: Sequence[Sequence[Minimum]], measure: str) -> tuple[int, int]:
    """Of the pairs of minima of one cell that unequally many runs went to, those where more went to less of a measure.

    The second number is that of all such pairs.
    """
    right = total = 0
    for cell in cells:
        for one, other in combinations(cell, 2):
            if one.runs != other.runs:
                more, less = (one, other) if one.runs > other.runs else (other, one)
                total += 1
                right += getattr(more, measure) < getattr(less, measure)
    return right, total


@defaults
def _draw(cells: Sequence[Sequence[Minimum]]) -> Figure:
    figure = Figure(figsize=(12.5, 4.6), layout="constrained")
    left, middle, right = figure.subplots(1, 3, width_ratios=(1.0, 1.15, 1.25))
    wide = sorted({_wide(cell) for cell in cells})
    _draw_concordance(left, {each: [cell for cell in cells if _wide(cell) == each] for each in wide})
    _draw_shares(middle, cells)
    at = lambda cell: (cell[0].problem.classes, cell[0].problem.depth, cell[0].problem.reg)
    _draw_outliers(right, next((cell for cell in cells if at(cell) == SHOWN), cells[0]))
    figure.suptitle(
        f"Does flatness order minima as training prefers them? Gradient descent, $n = {SAMPLES}$, learning rate {LR}, "
        f"{len(cells)} cells of $K$, $L$, $\\lambda$, $d$",
        fontsize=10,
    )
    return figure


def _wide(cell: Sequence[Minimum]) -> int:
    """d over K."""
    problem = cell[0].problem
    return (problem.width or problem.classes) // problem.classes


def _draw_concordance(axes: Axes, groups: Mapping[int, Sequence[Sequence[Minimum]]]) -> None:
    """The share of pairs that each measure orders as training does, at each width."""
    height = 0.8 / len(groups)
    for number, (wide, cells) in enumerate(groups.items()):
        for place, measure in enumerate(MEASURES):
            right, total = concordance(cells, measure)
            share, at = right / total if total else 0.0, place + (number - (len(groups) - 1) / 2) * height
            label = f"$d = {wide} K$" if place == 0 else None
            axes.barh(at, share, 0.9 * height, color=COLOURS[number], label=label)
            words = f"{right} of {total}"
            axes.annotate(words, (share, at), (4, 0), textcoords="offset points", va="center", fontsize=8)
    axes.axvline(0.5, color="0.4", ls=":", lw=1)
    axes.set_yticks(range(len(MEASURES)), [WORDS[measure] for measure in MEASURES], fontsize=9)
    axes.set_ylim(len(MEASURES) + 0.2, -0.7)
    axes.set_xlim(0, 1.3)
    axes.set_xlabel("pairs of minima of a cell where the one with\nless of it was met more often", fontsize=9)
    axes.legend(fontsize=8, frameon=False, loc="lower right")


def _draw_shares(axes: Axes, cells: Sequence[Sequence[Minimum]]) -> None:
    """Loss and trace of every minimum relative to the best of its cell, as large as the share of runs."""
    for cell in cells:
        runs = sum(each.runs for each in cell)
        for each in cell:
            x, y = each.loss / cell[0].loss - 1, each.trace / cell[0].trace
            size = 160 * each.runs / runs if runs else 0
            axes.plot(x, y, "x", ms=3, color="0.6", zorder=1)
            axes.scatter([x], [y], s=size, color=COLOURS[1], alpha=0.45, lw=0, zorder=2)
    axes.set_xscale("symlog", linthresh=1e-3)
    axes.set_xlim(left=-2e-4)
    axes.axhline(1, color="0.4", ls=":", lw=1)
    axes.set_xlabel("loss above that of the best minimum of the cell, relative", fontsize=9)
    axes.set_ylabel("trace of the Hessian over that of the best minimum", fontsize=9)
    axes.set_title("minima (crosses), and the share of runs (areas)", fontsize=9)


def _draw_outliers(axes: Axes, cell: Sequence[Minimum]) -> None:
    """The eigenvalues of a middle layer at the minima of one cell."""
    layer = 2 if cell[0].problem.depth > 2 else 1
    named = {each.structure: each for each in reversed(cell)}
    chosen = [each for name in ("simplex", "pairs", "polygon") if (each := named.get(name))]
    chosen += [each for each in cell if each not in chosen][: len(COLOURS) - len(chosen)]
    for each, colour in zip(chosen, COLOURS, strict=False):
        found = spectrum(each.problem, factors=Reduction(each.problem).lift(each.means), layer=layer)
        values = found.values[: found.rank]
        label = f"{each.structure}: {found.rank}, met {each.runs}, loss {each.loss:.5g}"
        axes.plot(range(1, values.size + 1), values, ".-", ms=4, lw=1, color=colour, label=label)
    axes.set_yscale("log")
    axes.set_xlabel("number of the outlier", fontsize=9)
    axes.set_title(f"Hessian of layer {layer}: {settings(cell[0].problem)}", fontsize=9)
    axes.legend(fontsize=7, frameon=False, loc="upper right")


figure = Reproduction(
    "ours.flatness", "whether flatness orders minima as training prefers them, and their outliers", _make
)

"""Where gradient descent ends over two numbers of the model: the probability of one structure in colour."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_lowercase
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from optima.model import Array
from optima.plot.code import COLOURS
from optima.plot.figure import Figure, defaults
from optima.plot.numbers import NAMES, fixed_words, number
from optima.plot.ranks import ink

if TYPE_CHECKING:
    from optima.phases.training_diagram import TrainingCell, TrainingDiagram

Pair = tuple[float, float]

LOGARITHMIC = ("reg", "width", "samples")
# Inches of a side of a cell: enough for its number, for all that is written in it; and of the axes.
NUMBER, DETAILS = 0.33, 0.66
SMALLEST, LARGEST = 2.4, (11.0, 7.5)
# Hatches of cells in which most runs diverged, or had not settled.
HATCHES = {"diverged": "xx", "out of steps": "//"}
WORDS = {"diverged": "diverged", "out of steps": "not settled"}


@defaults
def plot_training_diagram(
    diagram: TrainingDiagram, structure: str | None = None, polished: bool | None = None
) -> Figure:
    """P(structure) in colour, with the number and its 95 % Wilson interval in each cell.

    Letters stand for structures: at the upper left that of the commonest end, where it is another one; at the upper
    right, boxed, that of the global minimum. Runs that diverged or had not settled at the last step are counted at
    the foot of their cell, which is hatched where they are the most.

    Parameters
    ----------
    structure
        Whose probability is drawn: a name, or ``"global"`` for the global minimum of each cell; default the simplex
        where any run ends there, else the most frequent end.
    polished
        By the critical points that the runs were heading for, or by where they stopped; default the former where
        they are known.
    """
    name = structure or diagram.telling
    beyond = diagram.polished if polished is None else polished
    sides = (_Side.of(diagram.x, diagram.columns, LARGEST[0]), _Side.of(diagram.y, diagram.rows, LARGEST[1]))
    figure = Figure(figsize=(sides[0].inches + 3.7, sides[1].inches + 1.3), layout="constrained")
    picture = _Picture(figure.add_subplot(), diagram, name, beyond, *sides)
    picture.draw()
    picture.draw_borders()
    picture.finish()
    bar = figure.colorbar(ScalarMappable(Normalize(0, 1), COLOURS), ax=picture.axes, pad=0.015, aspect=28)
    bar.set_label(f"P({_words(name)})")
    figure.legend(handles=picture.legend(), loc="outside right upper", fontsize=7.5, frameon=False)
    return figure


@dataclass(frozen=True)
class _Side:
    """An axis cut into cells around its values; ``edges`` are in its scale, logarithms or plain numbers."""

    name: str
    values: tuple[int | float, ...]
    edges: Array
    inches: float

    @classmethod
    def of(cls, name: str, values: Sequence[int | float], largest: float) -> _Side:
        """Cells that meet half-way between neighbours, and room for what is written in the narrowest."""
        places = np.log(values) if name in LOGARITHMIC else np.asarray(values, dtype=np.float64)
        steps = np.diff(places) if len(places) > 1 else np.ones(1)
        edges = np.concatenate([[-steps[0] / 2], np.cumsum(steps) - steps / 2, [steps.sum() + steps[-1] / 2]])
        edges = places[0] + (edges if len(places) > 1 else np.array([-0.5, 0.5]))
        wanted = DETAILS * (edges[-1] - edges[0]) / float(np.diff(edges).min())
        return cls(name, tuple(values), edges, min(max(wanted, SMALLEST), largest))

    def at(self, cell: int, part: float) -> float:
        """A place in a cell, 0 at its lower end and 1 at its upper, in the numbers of the axis."""
        place = float(self.edges[cell] + part * (self.edges[cell + 1] - self.edges[cell]))
        return math.exp(place) if self.name in LOGARITHMIC else place

    def room(self, cell: int) -> float:
        """Inches of a cell."""
        whole = float(self.edges[-1] - self.edges[0])
        return self.inches * float(self.edges[cell + 1] - self.edges[cell]) / whole


class _Picture:
    """The cells, and what was needed to explain them."""

    def __init__(
        self, axes: Axes, diagram: TrainingDiagram, structure: str, polished: bool, x: _Side, y: _Side
    ) -> None:
        self.axes, self.diagram, self.x, self.y = axes, diagram, x, y
        self.structure, self.polished = structure, polished
        self.minima = [[cell.global_structure for cell in row] for row in diagram.cells]
        minima = {name for row in self.minima for name in row if name}
        # One global minimum everywhere is said once.
        self.several = len(minima) > 1
        ends = {name for cell in diagram.flat if (name := self.rival(cell))}
        order = [*diagram.structures(polished), *sorted(minima)]
        names = sorted(ends | (minima if self.several else set()), key=order.index)
        self.letters = dict(zip(names, ascii_lowercase, strict=False))
        self.everywhere = next(iter(minima)) if len(minima) == 1 else None
        self.hatched: list[str] = []

    def rival(self, cell: TrainingCell) -> str | None:
        """The structure at which more runs of a cell end than at the one that is drawn."""
        drawn = cell.share(self.structure, self.polished).count
        shares = cell.shares(self.polished)
        first = next((share for name, share in shares.items() if name != "diverged"), None)
        return None if first is None or first.count <= drawn else first.structure

    def draw(self) -> None:
        for i, row in enumerate(self.diagram.cells):
            for j, cell in enumerate(row):
                ink = self._fill(cell, i, j)
                room = self.x.room(j), self.y.room(i)
                if min(room) >= NUMBER:
                    self._write(cell, i, j, ink, min(room) >= 0.95 * DETAILS)

    def _fill(self, cell: TrainingCell, i: int, j: int) -> dict[str, Any]:
        """Colour a cell; the style in which its words can be read, which on a hatched cell have its plain colour."""
        colour = colormaps[COLOURS](cell.share(self.structure, self.polished).fraction)
        low, high = (self.x.at(j, 0), self.y.at(i, 0)), (self.x.at(j, 1), self.y.at(i, 1))
        patch = Rectangle(low, high[0] - low[0], high[1] - low[1], facecolor=colour, edgecolor="none", linewidth=0)
        self.axes.add_patch(patch)
        style: dict[str, Any] = {"color": ink(colour), "ha": "center", "va": "center"}
        for ending, hatch in HATCHES.items():
            if 2 * cell.count(ending) > len(cell.runs):
                patch.set(hatch=hatch, edgecolor=(0.6, 0.6, 0.6, 0.8))
                style["bbox"] = {"boxstyle": "square,pad=0.1", "facecolor": colour, "edgecolor": "none"}
                if ending not in self.hatched:
                    self.hatched.append(ending)
        return style

    def _write(self, cell: TrainingCell, i: int, j: int, ink: dict[str, Any], details: bool) -> None:
        put = lambda u, v, text, **style: self.axes.text(self.x.at(j, u), self.y.at(i, v), text, **(ink | style))
        share = cell.share(self.structure, self.polished)
        put(0.5, 0.56 if details else 0.5, f"{share.fraction:.2f}", fontsize=10 if details else 8)
        rival = self.rival(cell)
        if rival in self.letters:
            put(0.07, 0.86, self.letters[rival], fontsize=8, style="italic", ha="left")
        minimum = self.minima[i][j]
        if self.several and minimum in self.letters:
            box = {"boxstyle": "square,pad=0.15", "facecolor": "none", "edgecolor": ink["color"], "linewidth": 0.6}
            put(0.9, 0.86, self.letters[minimum], fontsize=7, ha="right", bbox=box)
        if not details:
            return
        low, high = share.interval
        put(0.5, 0.33, f"{low:.2f}–{high:.2f}", fontsize=6.5)
        notes = [f"{count} {WORDS[ending]}" for ending in HATCHES if (count := cell.count(ending))]
        if notes:
            put(0.5, 0.12, ", ".join(notes), fontsize=5.5)

    def draw_borders(self) -> None:
        """White between cells, black where the global minimum changes."""
        for side, line in ((self.x, self.axes.axvline), (self.y, self.axes.axhline)):
            for cell in range(1, len(side.values)):
                line(side.at(cell, 0), color="white", linewidth=0.5)
        lines = self._borders()
        # White around black is seen on every colour.
        for colour, width in (("white", 3.4), ("black", 1.8)):
            for x, y in lines:
                self.axes.plot(x, y, color=colour, linewidth=width, solid_capstyle="projecting", zorder=3)

    def _borders(self) -> list[tuple[Pair, Pair]]:
        """Sides between cells with different global minima."""
        found: list[tuple[Pair, Pair]] = []
        rows, columns = len(self.y.values), len(self.x.values)
        for i in range(rows):
            for j in range(columns):
                if j + 1 < columns and self.minima[i][j] != self.minima[i][j + 1]:
                    found.append(((self.x.at(j, 1),) * 2, (self.y.at(i, 0), self.y.at(i, 1))))
                if i + 1 < rows and self.minima[i][j] != self.minima[i + 1][j]:
                    found.append(((self.x.at(j, 0), self.x.at(j, 1)), (self.y.at(i, 1),) * 2))
        return found

    def finish(self) -> None:
        axes, diagram = self.axes, self.diagram
        for side, set_scale, set_limits, axis in (
            (self.x, axes.set_xscale, axes.set_xlim, axes.xaxis),
            (self.y, axes.set_yscale, axes.set_ylim, axes.yaxis),
        ):
            if side.name in LOGARITHMIC:
                set_scale("log")
            last = len(side.values) - 1
            set_limits(side.at(0, 0), side.at(last, 1))
            axis.set_ticks(side.values, [f"${number(value)}$" for value in side.values])
            axis.set_ticks([], minor=True)
        axes.set(xlabel=NAMES[diagram.x], ylabel=NAMES[diagram.y])
        fixed = fixed_words(diagram.fixed)
        relu = ", relu" if diagram.fixed.get("activation") == "relu" else ""
        settings, seeds = diagram.hyperparameters, len(diagram.flat[0].runs)
        axes.set_title(
            f"P({_words(self.structure)}) after gradient descent at {', '.join(fixed)}{relu}\n"
            f"{seeds} seeds a cell, learning rate {settings.lr:g}, at most ${number(settings.steps)}$ steps,\n"
            f"by {'the critical points that runs were heading for' if self.polished else 'where the runs stopped'}",
            fontsize=9,
        )

    def legend(self) -> list[Any]:
        """What the letters, hatches and lines stand for."""
        note = lambda text: Line2D([], [], linestyle="none", label=text)
        handles: list[Any] = [note("fraction of all runs that end there,\nwith its 95 % Wilson interval")]
        if any(self.rival(cell) for cell in self.diagram.flat):
            handles.append(note("upper left: commonest end,\nwhere it is another one"))
        if self.several:
            handles.append(note("upper right, boxed: best minimum known"))
        if self.letters:
            handles.append(note("\n".join(f"    {letter}  {name}" for name, letter in self.letters.items())))
        if self.everywhere is not None:
            handles.append(note(f"best minimum known,\nin every cell:\n    {self.everywhere}"))
        if self.several:
            handles.append(Line2D([], [], color="black", linewidth=1.8, label="best minimum known changes"))
        for ending in self.hatched:
            label = f"most runs {WORDS[ending]}"
            handles.append(Patch(facecolor="white", edgecolor="0.5", hatch=HATCHES[ending], label=label))
        return handles


def _words(structure: str) -> str:
    return "best minimum known" if structure == "global" else structure

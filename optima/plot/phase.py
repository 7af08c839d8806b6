"""Phase diagrams: strips of one structure, with the boundaries as solved."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patches import Polygon as PolygonPatch

from optima.model import Array, DeepUFM
from optima.phases.ties import BETWEEN, BIFURCATION
from optima.plot.figure import Figure, defaults
from optima.plot.names import short
from optima.plot.numbers import NAMES, fixed_words
from optima.plot.ranks import rank_colour
from optima.plot.region_names import Polygon, name_regions
from optima.plot.tie_labels import Segment, label_ties
from optima.reduction import mean_reg
from optima.solution.knowledge import PROVED

if TYPE_CHECKING:
    from optima.phases.diagram import Diagram, Phase
    from optima.phases.ties import Cell

# Colours by structure are those of Okabe and Ito; the commonest structures have their own.
OWN = {"zero": "#f0f0f0", "simplex": "#0072b2", "pairs": "#e69f00", "polygon": "#009e73"}
OTHERS = ("#56b4e9", "#d55e00", "#cc79a7", "#f0e442", "#8c8c8c")
# Hatches of the second and third turn through the colours.
HATCHES = (None, "....", "oo", "++")
# Deep neural collapse, whose rank is K - 1, and of hidden layers K, has a hatch of its own where colours show ranks.
COLLAPSE = {"simplex": "simplex: rank $K - 1$", "collapse": "collapse: rank $K$"}
SIMPLEX: dict[str, Any] = {"hatch": "..", "edgecolor": (1, 1, 1, 0.55)}
THEOREM: dict[str, Any] = {"facecolor": "none", "hatch": "//", "edgecolor": (1, 1, 1, 0.4)}
# A cell counts as proved when its relative gap is at most this; the band around it, half its height in rows.
HALF = 0.13
BAND: dict[str, Any] = {"facecolor": (1, 1, 1, 0.5), "edgecolor": "black", "linewidth": 0.8}
# The strips in which boundaries are proved to lie, about as wide as the lines.
STRIP: dict[str, Any] = {"facecolor": "#b0004b", "edgecolor": "#b0004b", "linewidth": 1.2}
LEGEND: dict[str, Any] = {"fontsize": 7.5, "title_fontsize": 8, "frameon": False}
# By how much, in rows, a piece goes beyond its upper end.
OVERLAP = 0.02
# Rows that the boundaries of one kind must span to be in the legend.
SEEN = 0.1
# How a boundary is drawn that is no tie of two minima, and what the legend calls it.
DASHES: dict[str, Any] = {BIFURCATION: (0, (4, 2)), BETWEEN: (0, (1, 1.5))}
LINES = {BIFURCATION: "bifurcation: one minimum\nloses its symmetry", BETWEEN: "between two cells, not solved"}

Pair = tuple[float, float]
Pairing = tuple[str, str]


@defaults
def plot_phase(diagram: Diagram, colour: str = "rank") -> Figure:
    """The diagram coloured by rank or by structure, its regions named, what is proved marked.

    A rank has the same colour in every diagram (:func:`optima.plot.ranks.rank_colour`). Bands mark the cells whose
    loss is proved to be within 1 % of the global minimum; where theorem 1 of garrod2025 excludes the simplex is
    hatched.
    """
    levels = 8 if diagram.y == "reg" else len(diagram.rows if diagram.across == diagram.y else diagram.ticks)
    figure = Figure(figsize=(7.2, 1.9 + 0.4 * min(levels, 12)), layout="constrained")
    picture = _Picture(figure.add_subplot(), diagram, colour)
    picture.draw_phases()
    theorem = picture.draw_theorem()
    picture.draw_boundaries()
    picture.draw_proved()
    picture.finish()
    kinds = _structures(diagram, picture.styles) if picture.styles else _ranks(diagram)
    rank = "least rank of\na hidden layer" if diagram.networks else "rank of the logits"
    title = "structure" if picture.styles else rank
    figure.legend(handles=kinds, title=title, loc="outside right upper", **LEGEND)
    strips = any(tie.passage for ties in diagram.ties for tie in ties)
    marks = _marks(theorem, bool(picture.bands), strips, picture.drawn, diagram.networks)
    figure.legend(handles=marks, ncols=2 if len(marks) == 4 else 3, loc="outside lower left", **LEGEND)
    named = name_regions(picture.axes, picture.areas, picture.bands)
    # Between two regions that carry their names the line says enough.
    unclear = {pairing: pieces for pairing, pieces in picture.segments.items() if not named.issuperset(pairing)}
    label_ties(picture.axes, unclear, picture.words)
    return figure


class _Picture:
    """Draws in coordinates (along, row), whichever of them is horizontal."""

    def __init__(self, axes: Axes, diagram: Diagram, colour: str) -> None:
        self.axes, self.diagram = axes, diagram
        self.styles = None if colour == "rank" else _styles(diagram)
        self.across_y = diagram.across == diagram.y
        self.low, self.high = self._ends_of_data()
        self.strips = [[phase for phase in map(self._within, strip) if phase] for strip in diagram.strips]
        self.joined = any(low[0].row + 1 > high[0].row for low, high in pairwise(self.strips))
        # The boundaries, by what ties there, what that is called in full and in short, and how they are known.
        self.segments: dict[Pairing, list[Segment]] = {}
        self.words: dict[Pairing, tuple[str, str]] = {}
        # Rows that the boundaries of each kind span.
        self.drawn: defaultdict[str, float] = defaultdict(float)
        # The pieces of the regions of each name, and the bands of proved cells.
        self.areas: defaultdict[str, list[Polygon]] = defaultdict(list)
        self.bands: list[Polygon] = []
        # By how much the colours go beyond the first and the last row: rows that nothing joins are bars.
        self.rim = 0.0 if self.joined else 0.5

    def _ends_of_data(self) -> Pair:
        if self.diagram.along == "depth":
            return float(self.diagram.ticks[0]), float(self.diagram.ticks[-1])
        return self.diagram.strips[0][0].low, self.diagram.strips[0][-1].high

    def _within(self, phase: Phase) -> Phase | None:
        """The part of a phase that lies between the solved cells."""
        low, high = max(phase.low, self.low), min(phase.high, self.high)
        return replace(phase, low=low, high=high) if low < high else None

    def alike(self, low: Sequence[Phase], high: Sequence[Phase]) -> bool:
        """Whether the phases of two strips go over into each other."""
        return [phase.label for phase in low] == [phase.label for phase in high]

    def near(self, low: Sequence[Phase], high: Sequence[Phase]) -> bool:
        """Whether nothing but real depths lies between two strips."""
        return high[0].row - low[0].row < 1

    def _pieces(self) -> Iterator[tuple[Sequence[Phase], Sequence[Phase], Pair]]:
        """What is drawn between two rows: strips that go over into each other, or one of them as a bar."""
        first, last = self.strips[0], self.strips[-1]
        yield first, first, (first[0].row - self.rim, first[0].row)
        for low, high in pairwise(self.strips):
            rows = low[0].row, high[0].row
            if self.near(low, high) and self.alike(low, high):
                yield low, high, rows
            else:
                half = (rows[1] - rows[0]) / 2
                yield low, low, (rows[0], rows[0] + half)
                yield high, high, (rows[1] - half, rows[1])
        yield last, last, (last[0].row, last[0].row + self.rim)

    def draw_phases(self) -> None:
        for low, high, rows in self._pieces():
            for a, b in zip(low, high, strict=True):
                self._fill((a.low, b.low), (a.high, b.high), rows, a)

    def _fill(self, left: Pair, right: Pair, rows: Pair, phase: Phase) -> None:
        self._between(left, right, rows, self.styles[phase.label] if self.styles else _rank_style(phase.record))
        self.areas[phase.label].append(self._polygon(left, right, rows))

    def _polygon(self, left: Pair, right: Pair, rows: Pair) -> Polygon:
        corners = zip([*self.along(left), *self.along(right)[::-1]], [*rows, *rows[::-1]], strict=True)
        return [corner if self.across_y else corner[::-1] for corner in corners]

    def _between(self, left: Pair, right: Pair, rows: Pair, style: dict) -> None:
        draw = self.axes.fill_betweenx if self.across_y else self.axes.fill_between
        # The next piece covers the overlap, without which a hair of background would show between the two.
        top = min(rows[1] + OVERLAP, len(self.diagram.rows) - 1 + self.rim)
        draw((rows[0], top), self.along(left), self.along(right), linewidth=0, **style)

    def along(self, values: Sequence[float] | Array) -> Array:
        return np.exp(values) if self.diagram.along == "reg" else np.asarray(values)

    def draw_boundaries(self) -> None:
        for low, high, rows in self._pieces():
            for before, a, b in zip(low, low[1:], high[1:], strict=False):
                if before.label != a.label:
                    self._tie(before, a, (a.low, b.low), rows)
        for low, high in pairwise(self.strips):
            if self.near(low, high) and not self.alike(low, high):
                self._step(low, high)

    def _step(self, low: Sequence[Phase], high: Sequence[Phase]) -> None:
        """Across the rows, where the phases of two near strips differ."""
        row = (low[0].row + high[0].row) / 2
        for a in low:
            for b in high:
                ends = max(a.low, b.low), min(a.high, b.high)
                if ends[0] < ends[1] and a.label != b.label:
                    self._tie(a, b, ends, (row, row), "")

    def _tie(self, a: Phase, b: Phase, values: Pair, rows: Pair, known_by: str | None = None) -> None:
        """A piece of the boundary of two phases; how it is known says the second."""
        known_by = b.known_by if known_by is None else known_by
        self._line(values, rows, linestyle=DASHES.get(known_by, "solid"))
        self.drawn[known_by] += rows[1] - rows[0]
        pairing = (a.label, b.label) if a.label < b.label else (b.label, a.label)
        points = zip(self.along(values).tolist(), rows, strict=True)
        segment = tuple(point if self.across_y else point[::-1] for point in points)
        self.segments.setdefault(pairing, []).append(segment)
        self.words.setdefault(pairing, (" | ".join(pairing), " | ".join(map(short, pairing))))

    def _line(self, values: Sequence[float] | Array, rows: Sequence[float] | Array, **style: object) -> None:
        points = (self.along(values), np.asarray(rows))
        (line,) = self.axes.plot(*(points if self.across_y else points[::-1]), color="black", linewidth=0.9)
        line.set(solid_capstyle="round", **style)

    def draw_theorem(self) -> bool:
        """Hatch where the simplex is proved never to be global; whether there is such a place."""
        drawn = False
        for row, cells in enumerate(self.diagram.cells):
            hit = [theorem1(record.problem) for record in cells]
            if not any(hit):
                continue
            low = self.low if self.diagram.along == "reg" else self._first(cells, hit)
            last = row == len(self.diagram.cells) - 1
            below = 0.0 if self.joined else 0.5
            above = self.rim if last or not self.joined else 1.0
            if not below + above:
                continue
            self._between((low,) * 2, (self.high,) * 2, (row - below, row + above), THEOREM)
            drawn = True
        return drawn

    def _first(self, cells: Sequence[Cell], hit: Sequence[bool]) -> float:
        """Where the theorem begins on a row: at an integer depth, or at the border of a cell."""
        place = float(self._places(cells)[hit.index(True)])
        return place if self.diagram.along == "depth" else place - 0.5

    def _places(self, cells: Sequence[Cell]) -> Array:
        if self.diagram.along == "reg":
            return np.log([mean_reg(record.problem) for record in cells])
        if self.diagram.along == "depth":
            return np.array([float(record.problem.depth) for record in cells])
        return np.arange(len(cells), dtype=float)

    def draw_proved(self) -> None:
        """Bands along the cells whose loss is proved, from the first to the last of neighbours."""
        pads = {"reg": 0.012 * (self.high - self.low), "depth": HALF}
        pad = pads.get(str(self.diagram.along), 0.5)
        for row, cells in enumerate(self.diagram.cells):
            places = self._places(cells)
            proved = [record.gap <= PROVED for record in cells]
            starts = [i for i, now in enumerate(proved) if now and not (i and proved[i - 1])]
            ends = [i for i, now in enumerate(proved) if now and not (i + 1 < len(cells) and proved[i + 1])]
            for start, end in zip(starts, ends, strict=True):
                low, high = max(places[start] - pad, self.low), min(places[end] + pad, self.high)
                rows = max(row - HALF, -self.rim), min(row + HALF, len(self.diagram.rows) - 1 + self.rim)
                band = self._polygon((low,) * 2, (high,) * 2, rows)
                self.axes.add_patch(PolygonPatch(band, zorder=2.5, **BAND))
                self.bands.append(band)
        for row, ties in enumerate(self.diagram.ties):
            for passage in (tie.passage for tie in ties if tie.passage):
                rows = max(row - HALF, -self.rim), min(row + HALF, len(self.diagram.rows) - 1 + self.rim)
                low, high = math.log(passage.low), math.log(passage.high)
                self.axes.add_patch(PolygonPatch(self._polygon((low,) * 2, (high,) * 2, rows), zorder=2.6, **STRIP))

    def finish(self) -> None:
        diagram, axes = self.diagram, self.axes
        rows = range(len(diagram.rows))
        low, high = self.along((self.low, self.high)).tolist()
        free, fixed = (axes.xaxis, axes.yaxis) if self.across_y else (axes.yaxis, axes.xaxis)
        (axes.set_xlim if self.across_y else axes.set_ylim)(low, high)
        (axes.set_ylim if self.across_y else axes.set_xlim)(-self.rim, len(rows) - 1 + self.rim)
        fixed.set_ticks(list(rows), [f"{row:g}" for row in diagram.rows])
        if diagram.along == "reg":
            (axes.set_xscale if self.across_y else axes.set_yscale)("log")
        elif diagram.along == "depth":
            free.set_ticks(list(diagram.ticks))
        else:
            free.set_ticks(range(len(diagram.ticks)), [f"{tick:g}" for tick in diagram.ticks])
        if not self.joined:
            for row in rows[1:]:
                (axes.axhline if self.across_y else axes.axvline)(row - 0.5, color="white", linewidth=0.7)
        names = NAMES | ({"depth": "depth $L$ (real between the integers)"} if self.joined else {})
        axes.set(xlabel=names[diagram.x], ylabel=names[diagram.y])
        axes.set_title(_title(diagram), fontsize=10)


def _phases(diagram: Diagram) -> list[Phase]:
    return [phase for strip in diagram.strips for phase in strip]


def _rank_style(record: Cell) -> dict[str, Any]:
    simplex = record.structure in COLLAPSE
    return {"facecolor": rank_colour(record.rank), **(SIMPLEX if simplex else {})}


def _styles(diagram: Diagram) -> dict[str, dict[str, Any]]:
    """Colour and hatch of each structure, the highest rank first."""
    ranks = {phase.label: phase.record.rank for phase in _phases(diagram)}
    styles: dict[str, dict[str, Any]] = {}
    turn = 0
    for name in sorted(ranks, key=lambda name: (-ranks[name], name)):
        if name in OWN:
            styles[name] = {"facecolor": OWN[name]}
            continue
        hatch = HATCHES[turn // len(OTHERS) % len(HATCHES)]
        styles[name] = {"facecolor": OTHERS[turn % len(OTHERS)], "hatch": hatch, "edgecolor": "white"}
        turn += 1
    return styles


def _structures(diagram: Diagram, styles: dict[str, dict[str, Any]]) -> list[Any]:
    """The legend of colours by structure."""
    ranks: defaultdict[str, set[int]] = defaultdict(set)
    for phase in _phases(diagram):
        ranks[phase.label].add(phase.record.rank)
    return [Patch(**style, label=_words(name, ranks[name])) for name, style in styles.items()]


def _words(name: str, ranks: set[int]) -> str:
    """The name with its rank, where that is one and not in the name."""
    known = "(rank" in name or name == "zero" or len(ranks) > 1
    return name if known else f"{name} (rank {max(ranks)})"


def _ranks(diagram: Diagram) -> list[Any]:
    """The legend of colours by rank, with the structures that have it."""
    names: defaultdict[int, dict[str, None]] = defaultdict(dict)
    varies = "classes" in (diagram.x, diagram.y)
    for phase in _phases(diagram):
        # Collapse has one patch for all K, below.
        if not (varies and phase.label in COLLAPSE):
            names[phase.record.rank].setdefault(phase.label, None)
    handles: list[Any] = []
    for rank in sorted(names, reverse=True):
        hatch = SIMPLEX if COLLAPSE.keys() & names[rank].keys() else {}
        label = f"{rank}  " + "\n    ".join(names[rank])
        handles.append(Patch(**({"facecolor": rank_colour(rank), "label": label} | hatch)))
    met = {phase.label for phase in _phases(diagram)} if varies else set()
    handles += [Patch(**({"facecolor": "0.5", "label": COLLAPSE[name]} | SIMPLEX)) for name in COLLAPSE if name in met]
    return handles


def theorem1(problem: DeepUFM) -> bool:
    """Whether theorem 1 of garrod2025 says that the simplex is not a global minimum, whatever lambda."""
    K, L = problem.classes, problem.depth
    wide = problem.max_rank == K and not problem.nonlinear
    return problem.loss == "ce" and wide and ((K >= 4 and L >= 3) or (K >= 6 and L == 2))


def _title(diagram: Diagram) -> str:
    """Which minimum is drawn: the best one known, unless every cell is proved; of networks the best with a name."""
    squared = ["squared error"] if diagram.fixed.get("loss") == "mse" else []
    if diagram.networks:
        words = ["ReLU", *(squared or ["cross-entropy"])]
        return f"Best named network; others may cost less\n{', '.join([*fixed_words(diagram.fixed), *words])}"
    proved = all(record.gap <= PROVED for cells in diagram.cells for record in cells)
    minimum = f"Global minimum (proved within {100 * PROVED:g} %)" if proved else "Best minimum known"
    return f"{minimum}: {', '.join([*fixed_words(diagram.fixed), *squared])}"


def _marks(theorem: bool, proved: bool, strips: bool, lines: Mapping[str, float], networks: bool) -> list[Any]:
    """The legend of lines, hatches and bands."""
    handles: list[Any] = [
        Line2D([], [], color="black", linewidth=0.9, label=f"tie of two {'networks' if networks else 'minima'}")
    ]
    for known_by in (known_by for known_by in LINES if lines[known_by] > SEEN):
        line = Line2D([], [], color="black", linewidth=0.9, linestyle=DASHES[known_by], label=LINES[known_by])
        handles.append(line)
    if proved:
        words = f"proved: loss within {100 * PROVED:g} %\nof the global minimum"
        handles.append(Patch(**(BAND | {"facecolor": "0.85"}), label=words))
    if strips:
        handles.append(Patch(**STRIP, label="proved: the minimum changes\nwithin this strip"))
    if theorem:
        words = "simplex excluded\n(garrod2025, theorem 1)"
        handles.append(Patch(**(THEOREM | {"facecolor": "0.5"}), label=words))
    return handles

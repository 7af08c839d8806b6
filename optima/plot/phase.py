"""Phase diagrams: strips of one structure, with the boundaries as solved."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from optima.atlas.ties import BETWEEN, BIFURCATION
from optima.model import Array, DeepUFM
from optima.plot.figure import Figure, defaults
from optima.plot.tie_labels import Segment, label_ties
from optima.reduction import Reduction

if TYPE_CHECKING:
    from optima.atlas.phase import Diagram, Phase
    from optima.atlas.record import Record

# The colours of Okabe and Ito, which every kind of eye tells apart; the commonest structures have their own.
OWN = {"zero": "#e4e4e4", "simplex": "#0072b2", "pairs": "#e69f00", "polygon": "#009e73"}
OTHERS = ("#56b4e9", "#d55e00", "#cc79a7", "#f0e442", "#8c8c8c")
# Hatches of the second and third turn through the colours.
HATCHES = (None, "....", "oo", "++")
THEOREM = "//"
# A cell counts as certified when its relative gap is at most this.
CERTIFIED = 0.01
# Strips narrower than this share of the axis carry no number.
ROOM = 0.045
# Regions that span fewer rows carry none either.
SHALLOW = 0.2
# By how much, in rows, a piece goes beyond its upper end.
OVERLAP = 0.02
# Rows that the boundaries of one kind must span to be in the legend.
SEEN = 0.1
# How a boundary is drawn that is no tie of two minima, and what the legend calls it.
DASHES = {BIFURCATION: (0, (4, 2)), BETWEEN: (0, (1, 1.5))}
LINES = {BIFURCATION: "bifurcation: one minimum\nloses its symmetry", BETWEEN: "between two cells, not solved"}

Pair = tuple[float, float]
Pairing = tuple[str, str]

NAMES = {"classes": "classes $K$", "depth": "depth $L$", "reg": r"regularisation $\lambda$"}
NAMES |= {"width": "width $d$", "samples": "samples per class $n$"}


@defaults
def plot_phase(diagram: Diagram, colour: str = "structure") -> Figure:
    """The diagram coloured by structure or by rank; theorem 1 of garrod2025 hatched, certified cells joined."""
    styles = _styles(diagram, colour)
    levels = 8 if diagram.y == "reg" else len(diagram.rows if diagram.across == diagram.y else diagram.ticks)
    figure = Figure(figsize=(8.6, 1.9 + 0.42 * min(levels, 12)), layout="constrained")
    picture = _Picture(figure.add_subplot(), diagram, colour, styles)
    picture.draw_phases()
    theorem = picture.draw_theorem()
    picture.draw_boundaries()
    certified = picture.draw_certified()
    picture.draw_numbers()
    picture.finish()
    _legend(figure, styles, theorem, certified, picture.drawn)
    label_ties(picture.axes, picture.segments, picture.words)
    return figure


class _Picture:
    """Draws in coordinates (along, row), whichever of them is horizontal."""

    def __init__(self, axes: Axes, diagram: Diagram, colour: str, styles: dict[str, dict]) -> None:
        self.axes, self.diagram, self.colour, self.styles = axes, diagram, colour, styles
        self.across_y = diagram.across == diagram.y
        self.strips = diagram.strips
        self.low, self.high = self.strips[0][0].low, self.strips[0][-1].high
        self.joined = any(low[0].row + 1 > high[0].row for low, high in pairwise(self.strips))
        # The boundaries, by what ties there, what that is called in full and in short, and how they are known.
        self.segments: dict[Pairing, list[Segment]] = {}
        self.words: dict[Pairing, tuple[str, str]] = {}
        # Rows that the boundaries of each kind span.
        self.drawn: defaultdict[str, float] = defaultdict(float)
        # Beyond the first and the last row.
        self.rim = 0.3 if self.joined else 0.5

    def kinds(self, strip: Sequence[Phase]) -> list[str]:
        return [_kind(phase.record, self.colour) for phase in strip]

    def alike(self, low: Sequence[Phase], high: Sequence[Phase]) -> bool:
        """Whether the phases of two strips go over into each other."""
        return [phase.label for phase in low] == [phase.label for phase in high]

    def near(self, low: Sequence[Phase], high: Sequence[Phase]) -> bool:
        """Whether nothing but real depths lies between two strips."""
        return high[0].row - low[0].row < 1

    def draw_phases(self) -> None:
        self._bar(self.strips[0], -self.rim, 0)
        for low, high in pairwise(self.strips):
            half = (high[0].row - low[0].row) / 2
            if self.near(low, high) and self.alike(low, high):
                for a, b in zip(low, high, strict=True):
                    self._fill((a.low, b.low), (a.high, b.high), (a.row, b.row), _kind(a.record, self.colour))
            else:
                self._bar(low, 0, half)
                self._bar(high, -half, 0)
        self._bar(self.strips[-1], 0, self.rim)

    def _bar(self, strip: Sequence[Phase], below: float, above: float) -> None:
        for phase in strip:
            rows = (phase.row + below, phase.row + above)
            self._fill((phase.low,) * 2, (phase.high,) * 2, rows, _kind(phase.record, self.colour))

    def _fill(self, left: Pair, right: Pair, rows: Pair, kind: str) -> None:
        style = {name: value for name, value in self.styles[kind].items() if name != "label"}
        self._between(left, right, rows, style)

    def _between(self, left: Pair, right: Pair, rows: Pair, style: dict) -> None:
        fill = self.axes.fill_betweenx if self.across_y else self.axes.fill_between
        # The next piece covers the overlap, without which a hair of background would show between the two.
        fill((rows[0], rows[1] + OVERLAP), self.along(left), self.along(right), linewidth=0, **style)

    def along(self, values: Sequence[float] | Array) -> Array:
        return np.exp(values) if self.diagram.along == "reg" else np.asarray(values)

    def draw_boundaries(self) -> None:
        self._ends(self.strips[0], -self.rim, 0)
        for low, high in pairwise(self.strips):
            half = (high[0].row - low[0].row) / 2
            if self.near(low, high) and self.alike(low, high):
                for before, a, b in zip(low, low[1:], high[1:], strict=False):
                    self._tie(before, a, (a.low, b.low), (a.row, b.row))
            else:
                self._ends(low, 0, half)
                self._ends(high, -half, 0)
                if self.near(low, high):
                    self._step(low, high)
        self._ends(self.strips[-1], 0, self.rim)

    def _ends(self, strip: Sequence[Phase], below: float, above: float) -> None:
        for before, after in pairwise(strip):
            if before.label != after.label:
                self._tie(before, after, (after.low,) * 2, (after.row + below, after.row + above))

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
        numbers = self.number(a), self.number(b)
        short = " = ".join(numbers) if numbers[0] != numbers[1] else ""
        self.words.setdefault(pairing, (f"{a.label} = {b.label}", short))

    def number(self, phase: Phase) -> str:
        """What stands for a kind in the picture: its number in the legend, or its rank."""
        kind = _kind(phase.record, self.colour)
        return str(phase.record.rank if self.colour == "rank" else list(self.styles).index(kind) + 1)

    def _line(self, values: Sequence[float] | Array, rows: Sequence[float] | Array, **style: object) -> None:
        points = (self.along(values), np.asarray(rows))
        (line,) = self.axes.plot(*(points if self.across_y else points[::-1]), color="black", linewidth=0.9)
        line.set(solid_capstyle="round", **style)

    def draw_theorem(self) -> bool:
        """Hatch where the simplex is proved never to be global; whether there is such a place."""
        style = {"facecolor": "none", "hatch": THEOREM, "edgecolor": (1, 1, 1, 0.45)}
        drawn = False
        for row, cells in enumerate(self.diagram.cells):
            hit = [theorem1(record.problem) for record in cells]
            if not any(hit):
                continue
            low = self.low if self.diagram.along == "reg" else self._first(cells, hit)
            last = row == len(self.diagram.cells) - 1
            below = 0.0 if self.joined else 0.5
            above = self.rim if last or not self.joined else 1.0
            self._between((low,) * 2, (self.high,) * 2, (row - below, row + above), style)
            drawn = True
        return drawn

    def _first(self, cells: Sequence[Record], hit: Sequence[bool]) -> float:
        """Where the theorem begins on a row: at an integer depth, or at the border of a cell."""
        place = float(self._places(cells)[hit.index(True)])
        return place if self.diagram.along == "depth" else place - 0.5

    def _places(self, cells: Sequence[Record]) -> Array:
        if self.diagram.along == "reg":
            return np.log([Reduction(record.problem).reg for record in cells])
        if self.diagram.along == "depth":
            return np.array([float(record.problem.depth) for record in cells])
        return np.arange(len(cells), dtype=float)

    def draw_certified(self) -> bool:
        """Join the cells whose loss is certified; whether there are any."""
        drawn = False
        for row, cells in enumerate(self.diagram.cells):
            certified = np.array([record.gap <= CERTIFIED for record in cells])
            places = np.where(certified, self._places(cells), np.nan)
            self._line(
                places, np.full(len(cells), float(row)), linewidth=1.1, marker="o", markersize=2.2, clip_on=False
            )
            drawn |= bool(certified.any())
        return drawn

    def draw_numbers(self) -> None:
        """A number in every connected region that has room for one."""
        for region in self._regions():
            widest = max(phase.high - phase.low for phase in region)
            wide = [phase for phase in region if phase.high - phase.low > 0.8 * widest]
            tall = region[-1].row - region[0].row + (self.rim if not self.joined else 0)
            if widest < ROOM * (self.high - self.low) or tall < SHALLOW:
                continue
            # Off the rows, where the marks of certified cells are.
            clear = [phase for phase in wide if self.joined and 0.2 < phase.row % 1 < 0.8] or wide
            phase = clear[len(clear) // 2]
            middle = float(self.along(((phase.low + phase.high) / 2,))[0])
            x, y = (middle, phase.row) if self.across_y else (phase.row, middle)
            box = {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.85}
            self.axes.text(x, y, self.number(phase), ha="center", va="center", fontsize=7.5, bbox=box)

    def _regions(self) -> list[list[Phase]]:
        """Phases of one kind that touch, by row."""
        regions: list[list[Phase]] = []
        for strip in self.strips:
            for phase in strip:
                touching = [region for region in regions if any(self._touch(phase, other) for other in region)]
                merged = [*(other for region in touching for other in region), phase]
                regions = [region for region in regions if region not in touching] + [merged]
        return [sorted(region, key=lambda phase: phase.row) for region in regions]

    def _touch(self, a: Phase, b: Phase) -> bool:
        near = abs(a.row - b.row) <= 1 and a.low <= b.high and b.low <= a.high
        return near and _kind(a.record, self.colour) == _kind(b.record, self.colour)

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


def _kind(record: Record, colour: str) -> str:
    from optima.atlas.phase import label

    return f"rank {record.rank}" if colour == "rank" else label(record)


def _styles(diagram: Diagram, colour: str) -> dict[str, dict]:
    """Colour and hatch of each kind, the highest rank first."""
    ranks: dict[str, set[int]] = {}
    for phase in (phase for strip in diagram.strips for phase in strip):
        ranks.setdefault(_kind(phase.record, colour), set()).add(phase.record.rank)
    kinds = sorted(ranks, key=lambda kind: (-max(ranks[kind]), kind))
    if colour == "rank":
        scale = colormaps["cividis"]
        top = math.log1p(max(map(max, ranks.values())) or 1)
        return {kind: {"facecolor": scale(math.log1p(max(ranks[kind])) / top)} for kind in kinds}
    styles: dict[str, dict] = {}
    turn = 0
    for kind in kinds:
        if kind in OWN:
            styles[kind] = {"facecolor": OWN[kind]}
            continue
        hatch = HATCHES[turn // len(OTHERS) % len(HATCHES)]
        styles[kind] = {"facecolor": OTHERS[turn % len(OTHERS)], "hatch": hatch, "edgecolor": "white"}
        turn += 1
    return {kind: style | {"label": _words(kind, ranks[kind])} for kind, style in styles.items()}


def _words(kind: str, ranks: set[int]) -> str:
    """The kind with its rank, where that is one and not in the name."""
    plain = kind.startswith("rank-") or kind == "zero" or len(ranks) > 1
    return kind if plain else f"{kind} (rank {max(ranks)})"


def theorem1(problem: DeepUFM) -> bool:
    """Whether theorem 1 of garrod2025 says that the simplex is not a global minimum, whatever lambda."""
    K, L = problem.classes, problem.depth
    return problem.loss == "ce" and problem.max_rank == K and ((K >= 4 and L >= 3) or (K >= 6 and L == 2))


def _title(diagram: Diagram) -> str:
    symbols = {"classes": "K", "depth": "L", "reg": r"\lambda", "width": "d", "samples": "n"}
    fixed = [
        f"${symbols[name]} = {_number(value)}$" for name, value in diagram.fixed.items() if name in symbols and value
    ]
    return "global minimum at " + ", ".join(fixed)


def _number(value: float) -> str:
    mantissa, _, power = f"{value:g}".partition("e")
    if not power:
        return mantissa
    return ("" if mantissa == "1" else rf"{mantissa} \times ") + f"10^{{{int(power)}}}"


def _legend(
    figure: Figure, styles: dict[str, dict], theorem: bool, certified: bool, lines: Mapping[str, float]
) -> None:
    handles: list = []
    for number, (kind, style) in enumerate(styles.items(), 1):
        words = f"{number}  {style['label']}" if "label" in style else kind
        handles.append(Patch(**(style | {"label": words})))
    if theorem:
        note = "simplex excluded\nby theorem 1"
        handles.append(Patch(facecolor="0.6", hatch=THEOREM, edgecolor="white", label=note))
    handles.append(Line2D([], [], color="black", linewidth=0.9, label="tie of two minima"))
    for known_by in (known_by for known_by in LINES if lines[known_by] > SEEN):
        style = {"linestyle": DASHES[known_by], "linewidth": 0.9, "color": "black"}
        handles.append(Line2D([], [], label=LINES[known_by], **style))
    if certified:
        note = f"certified within {100 * CERTIFIED:g} %"
        handles.append(Line2D([], [], color="black", linewidth=1.1, marker="o", markersize=2.2, label=note))
    figure.legend(handles=handles, loc="outside right upper", fontsize=7.5, frameon=False)

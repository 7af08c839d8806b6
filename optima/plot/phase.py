"""Phase diagrams: strips of one structure, with the boundaries as solved."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from optima.model import Array

if TYPE_CHECKING:
    from optima.atlas.phase import Boundary, Diagram, Phase
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

NAMES = {"classes": "classes $K$", "depth": "depth $L$", "reg": r"regularisation $\lambda$"}
NAMES |= {"width": "width $d$", "samples": "samples per class $n$"}


def plot_phase(diagram: Diagram, colour: str = "structure") -> Figure:
    """The diagram coloured by structure or by rank; theorem 1 of garrod2025 hatched, certified cells joined."""
    styles = _styles(diagram, colour)
    figure = Figure(figsize=(8.6, 1.9 + 0.42 * min(len(diagram.rows), 12)), layout="constrained")
    axes = figure.add_subplot()
    across_y = diagram.across == diagram.y
    place = _Place(axes, diagram, across_y)
    for phase in diagram.phases:
        place.fill(*_outline(diagram, phase), styles[_kind(phase.record, colour)])
    theorem = _draw_theorem(place, diagram)
    for boundary in diagram.boundaries:
        place.line(*_path(diagram, boundary))
    certified = _draw_certified(place, diagram)
    for number, phase in _numbered(diagram, list(styles), colour):
        place.text(number, phase)
    place.finish()
    axes.set_title(_title(diagram), fontsize=10)
    _legend(figure, styles, theorem, certified)
    return figure


class _Place:
    """Draws in (along, row) coordinates, whichever of them is horizontal."""

    def __init__(self, axes: Axes, diagram: Diagram, across_y: bool) -> None:
        self.axes, self.diagram, self.across_y = axes, diagram, across_y
        low = min(phase.low for phase in diagram.phases)
        high = max(phase.high for phase in diagram.phases)
        self.span = (low, high)

    def along(self, values: Array) -> Array:
        return np.exp(values) if self.diagram.along == "reg" else np.asarray(values)

    def fill(self, left: Array, right: Array, rows: Array, style: dict) -> None:
        fill = self.axes.fill_betweenx if self.across_y else self.axes.fill_between
        fill(rows, self.along(left), self.along(np.maximum(left, right)), linewidth=0, **style)

    def line(self, values: Array, rows: Array, **style: object) -> None:
        points = (self.along(values), rows)
        (line,) = self.axes.plot(*(points if self.across_y else points[::-1]), color="black", linewidth=0.9)
        line.set(**style)

    def text(self, text: str, phase: Phase) -> None:
        middle = float(self.along(np.array((phase.low + phase.high) / 2)))
        x, y = (middle, phase.row) if self.across_y else (phase.row, middle)
        box = {"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.85}
        self.axes.text(x, y, text, ha="center", va="center", fontsize=7.5, bbox=box)

    def finish(self) -> None:
        diagram, axes = self.diagram, self.axes
        rows = range(len(diagram.rows))
        labels = [f"{row:g}" for row in diagram.rows]
        low, high = self.along(np.array(self.span)).tolist()
        free, fixed = (axes.xaxis, axes.yaxis) if self.across_y else (axes.yaxis, axes.xaxis)
        (axes.set_xlim if self.across_y else axes.set_ylim)(low, high)
        (axes.set_ylim if self.across_y else axes.set_xlim)(-0.5, len(rows) - 0.5)
        fixed.set_ticks(list(rows), labels)
        if diagram.along == "reg":
            (axes.set_xscale if self.across_y else axes.set_yscale)("log")
        elif diagram.along == "depth":
            free.set_ticks(list(diagram.ticks))
        else:
            free.set_ticks(range(len(diagram.ticks)), [f"{tick:g}" for tick in diagram.ticks])
        for row in rows[1:]:
            (axes.axhline if self.across_y else axes.axvline)(row - 0.5, color="white", linewidth=0.7)
        axes.set(xlabel=NAMES[diagram.x], ylabel=NAMES[diagram.y])


def _kind(record: Record, colour: str) -> str:
    from optima.atlas.phase import label

    return f"rank {record.rank}" if colour == "rank" else label(record)


def _styles(diagram: Diagram, colour: str) -> dict[str, dict]:
    """Colour and hatch of each kind, the highest rank first."""
    ranks: dict[str, int] = {}
    for phase in diagram.phases:
        ranks.setdefault(_kind(phase.record, colour), phase.record.rank)
    kinds = sorted(ranks, key=lambda kind: (-ranks[kind], kind))
    if colour == "rank":
        scale = colormaps["cividis"]
        top = math.log1p(max(ranks.values()) or 1)
        return {kind: {"facecolor": scale(math.log1p(ranks[kind]) / top)} for kind in kinds}
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


def _words(kind: str, rank: int) -> str:
    return kind if kind.startswith("rank-") or kind == "zero" else f"{kind} (rank {rank})"


def _outline(diagram: Diagram, phase: Phase) -> tuple[Array, Array, Array]:
    """Left and right ends of a strip over the rows from half below it to half above."""
    rows = np.linspace(-0.5, 0.5, 9) + phase.row
    ends = []
    for end in (phase.low, phase.high):
        boundary = next((b for b in diagram.boundaries if b.row == phase.row and b.tie.at == end), None)
        if boundary is None:
            ends.append(np.full(rows.shape, end))
        else:
            along, at = _path(diagram, boundary)
            ends.append(np.interp(rows, at, along))
    return ends[0], ends[1], rows


def _path(diagram: Diagram, boundary: Boundary) -> tuple[Array, Array]:
    """A boundary within its row: its curve where it was followed, straight elsewhere."""
    known = np.isfinite(boundary.logs)
    if known.sum() < 2:
        return np.full(2, boundary.tie.at), boundary.row + np.array([-0.5, 0.5])
    return boundary.logs[known], boundary.depths[known] - diagram.rows[boundary.row] + boundary.row


def _draw_theorem(place: _Place, diagram: Diagram) -> bool:
    """Hatch the strips of cells where the simplex is proved never to be global; whether there are any."""
    drawn = False
    for row, cells in enumerate(diagram.cells):
        for phase in (phase for phase in diagram.phases if phase.row == row):
            # Depth may run along the row.
            hit = [record for record in cells if theorem1(record.problem.classes, record.problem.depth)]
            if not hit or hit[0].problem.loss != "ce":
                continue
            low, high = phase.low, phase.high
            if diagram.along == "depth":
                low = max(low, min(record.problem.depth for record in hit) - 0.5)
            elif phase.record not in hit and not theorem1(phase.record.problem.classes, phase.record.problem.depth):
                continue
            if low < high:
                rows = np.array([row - 0.5, row + 0.5])
                style = {"facecolor": "none", "hatch": THEOREM, "edgecolor": (1, 1, 1, 0.45)}
                place.fill(np.full(2, low), np.full(2, high), rows, style)
                drawn = True
    return drawn


def theorem1(classes: int, depth: int) -> bool:
    """Whether theorem 1 of garrod2025 says that the simplex is not a global minimum, whatever lambda."""
    return (classes >= 4 and depth >= 3) or (classes >= 6 and depth == 2)


def _draw_certified(place: _Place, diagram: Diagram) -> bool:
    drawn = False
    for row, cells in enumerate(diagram.cells):
        steps = [np.nan if record.gap > CERTIFIED or math.isnan(record.gap) else 1.0 for record in cells]
        if diagram.along == "reg":
            at = np.log([record.problem.regs[0] for record in cells])
        elif diagram.along == "depth":
            at = np.array([float(record.problem.depth) for record in cells])
        else:
            at = np.arange(len(cells), dtype=float)
        certified = np.isfinite(steps)
        place.line(at * steps, np.full(len(at), float(row)), linewidth=1.1, marker="o", markersize=2.2)
        drawn |= bool(certified.any())
    return drawn


def _numbered(diagram: Diagram, kinds: Sequence[str], colour: str) -> list[tuple[str, Phase]]:
    """A number for the widest strip of every connected region that has room for one."""
    low = min(phase.low for phase in diagram.phases)
    high = max(phase.high for phase in diagram.phases)
    regions: list[list[Phase]] = []
    for phase in diagram.phases:
        touching = [region for region in regions if any(_touch(phase, other, colour) for other in region)]
        merged = [phase, *(other for region in touching for other in region)]
        regions = [region for region in regions if region not in touching] + [merged]
    out = []
    for region in regions:
        widest = max(region, key=lambda phase: phase.high - phase.low)
        if widest.high - widest.low >= ROOM * (high - low):
            out.append((str(kinds.index(_kind(widest.record, colour)) + 1), widest))
    return out


def _touch(a: Phase, b: Phase, colour: str) -> bool:
    near = abs(a.row - b.row) <= 1 and a.low < b.high and b.low < a.high
    return near and _kind(a.record, colour) == _kind(b.record, colour)


def _title(diagram: Diagram) -> str:
    symbols = {"classes": "K", "depth": "L", "reg": r"\lambda", "width": "d", "samples": "n"}
    fixed = [f"${symbols[name]} = {value:g}$" for name, value in diagram.fixed.items() if name in symbols and value]
    return "global minimum at " + ", ".join(fixed)


def _legend(figure: Figure, styles: dict[str, dict], theorem: bool, certified: bool) -> None:
    handles: list = []
    for number, (kind, style) in enumerate(styles.items(), 1):
        handles.append(Patch(**(style | {"label": f"{number}  {style.get('label', kind)}"})))
    if theorem:
        note = "simplex excluded\nby theorem 1"
        handles.append(Patch(facecolor="0.6", hatch=THEOREM, edgecolor="white", label=note))
    handles.append(Line2D([], [], color="black", linewidth=0.9, label="tie of two minima"))
    if certified:
        note = f"certified within {100 * CERTIFIED:g} %"
        handles.append(Line2D([], [], color="black", linewidth=1.1, marker="o", markersize=2.2, label=note))
    figure.legend(handles=handles, loc="outside right upper", fontsize=7.5, frameon=False)

"""Phase diagrams: which structure is the global minimum, over any two of the numbers of the model."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from optima import brief
from optima.atlas.build import build
from optima.atlas.record import Record
from optima.atlas.store import Store, at_hand
from optima.limits import check_cells
from optima.model import DeepUFM
from optima.model.inputs import one_of, positive_integer, shown
from optima.phases.envelope import envelope
from optima.phases.proving import Prover
from optima.phases.ties import BETWEEN, BIFURCATION, Branch, Cell, Curve, Tie, tie_in_depth, tie_in_reg
from optima.presented import drawn_by
from optima.progress import Progress, Tell, Words, silent
from optima.reduction import mean_reg
from optima.search.ladder import search
from optima.structures.recognition.result import UNNAMED
from optima.workers.executors import Executors, processes

AXES = ("classes", "depth", "reg", "width", "samples")
# A code at a tie of two others is a third phase when its loss is this much (relative) below theirs.
THIRD = 1e-8
# Phases found between two neighbouring cells of the first grid, at most.
NESTED = 12
# Width in log lambda below which a tie that could not be solved is the middle between two cells.
NARROW = 0.01
# Strips of real depth between two rows, and how often their distance is halved where the phases change or an end moves
# this far in log lambda.
STRIPS, HALVINGS, FAR = 8, 4, 0.7
# Values of lambda sampled on each.
SAMPLED = 40


@dataclass(frozen=True)
class Phase:
    """A piece of a row between two ends, ties or those of the axis: log lambda, depth, or the number of the cell.

    ``row`` is the number of the row, between two of them a fraction. ``known_by`` says how the lower end is known;
    it is empty at the end of the axis.
    """

    row: float
    low: float
    high: float
    record: Cell
    known_by: str = ""

    @property
    def label(self) -> str:
        """What the phase is called."""
        return self.record.label


@dataclass(frozen=True)
class Diagram:
    """A phase diagram.

    Attributes
    ----------
    x, y
        Names of the axes, two of ``AXES``.
    along
        The axis on which boundaries are solved: reg, else depth; None for pairs without them.
    across
        The other axis; its values are the ``rows``.
    rows, ticks
        Values of ``across``, and the solved values of ``along`` that were asked for.
    cells
        All solved cells, by row, in the order of ``along``.
    ties
        The boundaries of each row.
    strips
        The phases of each row and, where depth runs across consecutive rows, of real depths between them: there the
        lowest of the minima that are global on the rows around.
    fixed
        The numbers that do not vary.
    networks
        Whether the cells are the best named relu networks, and ranks the least of their hidden layers.
    """

    x: str
    y: str
    along: str | None
    across: str
    rows: tuple[int | float, ...]
    ticks: tuple[int | float, ...]
    cells: tuple[tuple[Cell, ...], ...]
    ties: tuple[tuple[Tie, ...], ...]
    strips: tuple[tuple[Phase, ...], ...]
    fixed: Mapping[str, Any]
    networks: bool = False

    def __repr__(self) -> str:
        cells = brief.counted(sum(map(len, self.cells)), "cell")
        ties = brief.counted(sum(map(len, self.ties)), "boundary point")
        return f"<Diagram of {self.y} against {self.x}: {cells}, {ties}>"

    def plot(self, path: str | Path | None = None, colour: str = "rank") -> Any:
        """The diagram with its regions named, coloured by ``rank`` or by ``structure``: a matplotlib figure."""
        one_of("colour", colour, ("rank", "structure"))
        return drawn_by("plot.phase:plot_phase", self, path, colour)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns of :meth:`table`."""
        return self.across, self.along or self.x, "loss", "structure", "rank", "gap", "known_by"

    @property
    def boundary_columns(self) -> tuple[str, ...]:
        """Names of the columns of :meth:`boundaries`."""
        proved = ("proved_from", "proved_to") if self._proves else ()
        return self.across, self.along or self.x, "first", "second", "known_by", *proved

    @property
    def _proves(self) -> bool:
        """Whether a boundary is proved to lie in a strip."""
        return any(tie.passage for ties in self.ties for tie in ties)

    def table(self) -> list[dict[str, Any]]:
        """The solved cells, for a file of data."""
        at = lambda problem: problem.regs[0] if self.along == "reg" else getattr(problem, self.along or self.x)
        rows = [
            (row, at(r.problem), r.loss, r.structure, r.rank, None if math.isnan(r.gap) else r.gap, r.known_by)
            for row, records in zip(self.rows, self.cells, strict=True)
            for r in records
        ]
        return [dict(zip(self.columns, row, strict=True)) for row in rows]

    def boundaries(self) -> list[dict[str, Any]]:
        """The ties, for a file of data, with the strips that they are proved to lie in."""
        at = lambda place: math.exp(place) if self.along == "reg" else place
        strip = lambda tie: (tie.passage.low, tie.passage.high) if tie.passage else (None, None)
        proved = strip if self._proves else lambda tie: ()
        rows = [
            (row, at(tie.at), tie.first.label, tie.second.label, tie.known_by, *proved(tie))
            for row, ties in zip(self.rows, self.ties, strict=True)
            for tie in ties
        ]
        return [dict(zip(self.boundary_columns, row, strict=True)) for row in rows]


def phase_diagram(
    x: str,
    y: str,
    axes: Mapping[str, Sequence[int | float]],
    fixed: Mapping[str, Any],
    store: Store | None = None,
    seed: int = 0,
    effort: str = "normal",
    certify: bool = True,
    boxes: int | None = None,
    executors: Executors | None = None,
    progress: Tell[Progress] = silent,
) -> Diagram:
    r"""The global structure over two numbers of the model, with the boundaries solved.

    .. math:: \arg\min_M f(M; K, L, \lambda, n, d), \qquad V_A(L, \lambda) = V_B(L, \lambda) \text{ on a boundary}

    A grid of cells is solved by :func:`optima.atlas.build`. With lambda on an axis, every two neighbours in lambda
    whose structures differ are followed to their tie; there the problem is solved once more, from both, and a third
    structure found below them opens two boundaries in place of one. Where a code loses its symmetry the boundary is the
    bifurcation, the zero of its smallest curvature. With depth but not lambda on an axis the ties are
    at real depths between the integers. Phases thinner than the first grid that have one neighbour on both sides
    are not seen.

    Parameters
    ----------
    axes
        The values of both axes.
    fixed
        The other parameters of :class:`optima.DeepUFM`.
    store
        The atlas that the cells are taken from and added to; None keeps them for this call only.
    boxes
        Prove each cell within 1 %, and with lambda on an axis each boundary to a strip of 1 / 400 of the axis
        (:mod:`optima.phases.passages`), or as close as so many boxes do; None leaves it at the bounds of ``build``.
        Proofs are kept in the store as they end.
    executors
        As of :func:`optima.atlas.build`.

    Raises ValueError for an unknown axis, one that is given twice, an axis of fewer than two values, and no boxes.
    """
    boxes = None if boxes is None else positive_integer("boxes", boxes)
    plane = Plane.of(x, y, axes, fixed)
    along, across, rows, grid = plane.along, plane.across, plane.rows, plane.grid
    flat = [problem for line in grid for problem in line]
    with at_hand(store) as atlas:
        build(atlas, flat, seed, effort, certify, executors=executors, progress=progress)
        lines = [[_stored(atlas, problem) for problem in line] for line in grid]
    ties: list[list[Tie]] = [[] for _ in rows]
    for i, line in enumerate(lines):
        if along == "reg":
            lines[i], ties[i] = _refined(line, seed)
        elif along == "depth":
            ties[i] = [tie_in_depth(a, b) for a, b in pairwise(line) if a.label != b.label]
        progress(Words(f"{across} {rows[i]}: {len(ties[i])} boundaries"))
    if boxes is not None:
        with at_hand(store) as atlas:
            prover = Prover(boxes, atlas, executors or processes(), progress)
            if along == "reg":
                ties = [prover.boundaries(line, met, seed) for line, met in zip(lines, ties, strict=True)]
            lines = prover.cells(lines, ties)
    strips = [phases_of(i, line, ties[i], along) for i, line in enumerate(lines)]
    return plane.diagram(lines, ties, strips, _branch, progress)


@dataclass(frozen=True)
class Plane:
    """Two numbers of the model that vary, and the problems of the plane, by row in the order of ``along``."""

    x: str
    y: str
    along: str | None
    across: str
    rows: tuple[int | float, ...]
    steps: tuple[int | float, ...]
    fixed: Mapping[str, Any]
    grid: list[list[DeepUFM]]

    @classmethod
    def of(cls, x: str, y: str, axes: Mapping[str, Sequence[int | float]], fixed: Mapping[str, Any]) -> Plane:
        """Raises ValueError for an unknown axis, one that is given twice, and an axis of fewer than two values."""
        for name in (x, y):
            one_of("axis", name, AXES)
            if len(axes[name]) < 2:
                raise ValueError(f"the axis {name} has {len(axes[name])} value; pass at least two")
        if x == y:
            raise ValueError(f"both axes are {shown(x)}; pass two that differ")
        check_cells(len(axes[x]) * len(axes[y]))
        along = next((name for name in ("reg", "depth") if name in (x, y)), None)
        across = y if (along or x) == x else x
        steps, rows = tuple(sorted(axes[along or x])), tuple(sorted(axes[across]))
        rest = {name: value for name, value in fixed.items() if name not in (x, y)}
        grid = [[DeepUFM(**{**rest, across: row, along or x: step}) for step in steps] for row in rows]
        return cls(x, y, along, across, rows, steps, rest, grid)

    def diagram(
        self,
        lines: Sequence[Sequence[Cell]],
        ties: Sequence[Sequence[Tie]],
        strips: list[list[Phase]],
        curve: Callable[[Cell], Curve],
        tell: Tell[Words],
        networks: bool = False,
    ) -> Diagram:
        """The diagram of solved rows; where depth runs across, what lies between them follows the ``curve`` of each."""
        if self.along == "reg" and self.across == "depth":
            strips = _with_real_depths(strips, self.rows, curve, tell)
        cells, met, drawn = (tuple(map(tuple, lines)), tuple(map(tuple, ties)), tuple(map(tuple, strips)))
        plane = (self.x, self.y, self.along, self.across, self.rows, self.steps)
        return Diagram(*plane, cells, met, drawn, self.fixed, networks)


def _branch(cell: Cell) -> Branch:
    assert isinstance(cell, Record)
    return Branch.of(cell)


def _stored(store: Store, problem: DeepUFM) -> Record:
    record = store.get(problem)
    assert record is not None
    return record


def _refined(line: list[Record], seed: int) -> tuple[list[Record], list[Tie]]:
    """A row with the cells at its ties, and the ties, by lambda."""
    cells, ties = [line[0]], []
    for first, second in pairwise(line):
        more, between = _between(first, second, seed, NESTED)
        cells += [*more, second]
        ties += between
    return cells, ties


def _between(first: Record, second: Record, seed: int, room: int) -> tuple[list[Record], list[Tie]]:
    """The cells solved between two neighbours that differ, and the ties there."""
    if first.label == second.label:
        return [], []
    low, high = (math.log(mean_reg(record.problem)) for record in (first, second))
    tie = tie_in_reg(first, second, low, high)
    if room == 0 or high - low < NARROW:
        return [], [tie]
    problem = dataclasses.replace(first.problem, reg=math.exp(tie.at))
    middle = Record.of(search(problem, seed, "quick", starts=[first.means, second.means], many=True))
    if tie.known_by == BETWEEN or middle.loss < tie.loss * (1 - THIRD):
        left, before = _between(first, middle, seed, room - 1)
        right, after = _between(middle, second, seed, room - 1)
        return [*left, middle, *right], [*before, *after]
    if tie.known_by == BIFURCATION:
        return [], [tie]
    # A code that was followed to the tie may have become another on its way.
    near = [Branch.of(record).at(problem) for record in (first, second)]
    if [record.label for record in near] == [first.label, second.label]:
        return [], [tie]
    there = dataclasses.replace(tie, first=near[0], second=near[1])
    return [], [*_parted(first, near[0]), there, *_parted(near[1], second)]


def _parted(first: Record, second: Record) -> list[Tie]:
    """The bifurcation between two names of one code that was followed."""
    if first.label == second.label:
        return []
    ends = (math.log(mean_reg(record.problem)) for record in (first, second))
    return [tie_in_reg(first, second, *ends)]


def phases_of(row: int, line: Sequence[Cell], ties: Sequence[Tie], along: str | None) -> list[Phase]:
    """The strips of a row between the ends of its axis and its ties, or its cells where nothing is solved."""
    if along is None:
        return [Phase(row, i - 0.5, i + 0.5, record) for i, record in enumerate(line)]
    place = lambda record: math.log(mean_reg(record.problem)) if along == "reg" else float(record.problem.depth)
    half = 0.5 if along == "depth" else 0.0
    ends = [place(line[0]) - half, *(tie.at for tie in ties), place(line[-1]) + half]
    began = [(line[0], ""), *((tie.second, tie.known_by) for tie in ties)]
    return [Phase(row, low, high, *how) for (low, high), how in zip(pairwise(ends), began, strict=True)]


def _with_real_depths(
    strips: Sequence[list[Phase]], rows: Sequence[int | float], curve: Callable[[Cell], Curve], tell: Tell[Words]
) -> list[list[Phase]]:
    """The strips, with those of real depths between neighbouring integers."""
    out = [strips[0]]
    for low, high in pairwise(strips):
        depth = rows[round(low[0].row)]
        if rows[round(high[0].row)] == depth + 1:
            tell(Words(f"between depths {depth} and {depth + 1}"))
            candidates = _candidates([*low, *high], curve)
            known = [low, *(_strip(candidates, low, depth, i / STRIPS) for i in range(1, STRIPS)), high]
            for before, after in pairwise(known):
                out += [*_halved(candidates, before, after, depth, HALVINGS), after]
        else:
            out.append(high)
    return out


def _candidates(phases: Sequence[Phase], curve: Callable[[Cell], Curve]) -> list[Curve]:
    """One branch for each closed form, one for each code that is only followed; those without a name come last."""
    found: dict[object, Curve] = {}
    for phase in phases:
        branch = curve(phase.record)
        found.setdefault(phase.label if branch.structure is not None else (phase.label, phase.row), branch)
    return sorted(found.values(), key=lambda branch: branch.record.structure == UNNAMED)


def _strip(candidates: Sequence[Curve], row: Sequence[Phase], depth: float, part: float) -> list[Phase]:
    """The phases at a depth some part of the way from a row to the next."""
    ends = [row[0].low, *(phase.high for phase in row)]
    middles = [(low + high) / 2 for low, high in pairwise(ends)]
    logs = np.unique([*np.linspace(ends[0], ends[-1], SAMPLED), *ends, *middles])
    runs = envelope(candidates, depth + part, logs)
    merged: list[Phase] = []
    for low, high, winner, known_by in runs:
        phase = Phase(math.floor(row[0].row) + part, low, high, candidates[winner].record, known_by)
        if merged and merged[-1].label == phase.label:
            before = merged.pop()
            phase = dataclasses.replace(phase, low=before.low, known_by=before.known_by)
        merged.append(phase)
    return merged


def _halved(
    candidates: Sequence[Curve], before: Sequence[Phase], after: Sequence[Phase], depth: float, times: int
) -> list[list[Phase]]:
    """Strips between two whose phases differ, or whose ends are far apart, closer and closer."""
    if times == 0 or _smooth(before, after):
        return []
    part = (before[0].row + after[0].row) / 2 - math.floor(before[0].row)
    middle = _strip(candidates, before, depth, part)
    return [
        *_halved(candidates, before, middle, depth, times - 1),
        middle,
        *_halved(candidates, middle, after, depth, times - 1),
    ]


def _smooth(before: Sequence[Phase], after: Sequence[Phase]) -> bool:
    """Whether straight lines between the ends of two strips are good enough."""
    alike = [phase.label for phase in before] == [phase.label for phase in after]
    return alike and all(abs(a.high - b.high) < FAR for a, b in zip(before, after, strict=True))

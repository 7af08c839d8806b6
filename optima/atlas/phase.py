"""Phase diagrams: which structure is the global minimum, over any two of the numbers of the model."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from optima.atlas.build import build
from optima.atlas.executors import Executors
from optima.atlas.record import Record
from optima.atlas.store import Store
from optima.atlas.ties import BETWEEN, Tie, curve, tie_in_depth, tie_in_reg
from optima.model import Array, DeepUFM, one_of, shown
from optima.reduction import Reduction
from optima.solve.search import solve
from optima.structures.recognition.result import UNNAMED

AXES = ("classes", "depth", "reg", "width", "samples")
# A code at a tie of two others is a third phase when its loss is this much (relative) below theirs.
THIRD = 1e-8
# Phases found between two neighbouring cells of the first grid, at most.
NESTED = 12
# Width in log lambda below which a tie that could not be solved is the middle between two cells.
NARROW = 0.01
# Points of a boundary within the strip of one depth.
POINTS = 9


@dataclass(frozen=True)
class Phase:
    """One strip of a row between two ends, ties or those of the axis: log lambda, depth, or the number of the cell."""

    row: int
    low: float
    high: float
    record: Record

    @property
    def label(self) -> str:
        """What the phase is called."""
        return label(self.record)


@dataclass(frozen=True)
class Boundary:
    """A tie on one row and, where depth runs across the rows, its curve: real depths and log lambda (P,)."""

    row: int
    tie: Tie
    depths: Array
    logs: Array


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
    phases, boundaries
        The strips of one structure, and the ties between them.
    fixed
        The numbers that do not vary.
    """

    x: str
    y: str
    along: str | None
    across: str
    rows: tuple[int | float, ...]
    ticks: tuple[int | float, ...]
    cells: tuple[tuple[Record, ...], ...]
    phases: tuple[Phase, ...]
    boundaries: tuple[Boundary, ...]
    fixed: Mapping[str, Any]

    def table(self) -> list[dict[str, Any]]:
        """The solved cells, for a file of data."""
        return [
            {
                self.across: row,
                self.along or self.x: _value(record.problem, self.along or self.x),
                "loss": record.loss,
                "structure": record.structure,
                "rank": record.rank,
                "gap": None if math.isnan(record.gap) else record.gap,
                "known_by": record.known_by,
            }
            for row, records in zip(self.rows, self.cells, strict=True)
            for record in records
        ]

    def ties(self) -> list[dict[str, Any]]:
        """The boundaries, for a file of data."""
        return [
            {
                self.across: self.rows[each.row],
                str(self.along): math.exp(each.tie.at) if self.along == "reg" else each.tie.at,
                "first": label(each.tie.first),
                "second": label(each.tie.second),
                "known_by": each.tie.known_by,
            }
            for each in self.boundaries
        ]


def label(record: Record) -> str:
    """The name of a structure; codes without one are told apart by their rank."""
    return f"rank-{record.rank} code" if record.name == UNNAMED else record.name


def phase_diagram(
    x: str,
    y: str,
    axes: Mapping[str, Sequence[int | float]],
    fixed: Mapping[str, Any],
    store: Store,
    seed: int = 0,
    effort: str = "normal",
    certify: bool = True,
    executors: Executors | None = None,
    progress: Callable[[str], None] | None = None,
) -> Diagram:
    r"""The global structure over two numbers of the model, with the boundaries solved.

    .. math:: \arg\min_M f(M; K, L, \lambda, n, d), \qquad V_A(L, \lambda) = V_B(L, \lambda) \text{ on a boundary}

    A grid of cells is solved by :func:`optima.atlas.build`. With lambda on an axis, every two neighbours in lambda
    whose structures differ are followed to their tie; there the problem is solved once more, from both, and a third
    structure found below them opens two boundaries in place of one. With depth but not lambda on an axis the ties are
    at real depths between the integers. Phases thinner than the first grid that have one neighbour on both sides
    are not seen.

    Parameters
    ----------
    axes
        The values of both axes.
    fixed
        The other parameters of :class:`optima.DeepUFM`.
    store
        The atlas that the cells are taken from and added to.

    Raises ValueError for an unknown axis, one that is given twice, and an axis of fewer than two values.
    """
    for name in (x, y):
        one_of("axis", name, AXES)
        if len(axes[name]) < 2:
            raise ValueError(f"the axis {name} has {len(axes[name])} value; pass at least two")
    if x == y:
        raise ValueError(f"both axes are {shown(x)}; pass two that differ")
    tell = progress or (lambda line: None)
    along = next((name for name in ("reg", "depth") if name in (x, y)), None)
    across = y if (along or x) == x else x
    steps, rows = tuple(sorted(axes[along or x])), tuple(sorted(axes[across]))
    rest = {name: value for name, value in fixed.items() if name not in (x, y)}
    grid = [[DeepUFM(**{**rest, across: row, along or x: step}) for step in steps] for row in rows]
    build(
        store,
        [problem for line in grid for problem in line],
        seed,
        effort,
        certify,
        executors=executors,
        progress=lambda now: tell(str(now)),
    )
    lines = [[_stored(store, problem) for problem in line] for line in grid]
    ties: list[list[Tie]] = [[] for _ in rows]
    for i, line in enumerate(lines):
        if along == "reg":
            lines[i], ties[i] = _refined(line, seed)
        elif along == "depth":
            ties[i] = [tie_in_depth(a, b) for a, b in pairwise(line) if label(a) != label(b)]
        tell(f"{across} {rows[i]}: {len(ties[i])} boundaries")
    return Diagram(
        x,
        y,
        along,
        across,
        rows,
        steps,
        tuple(map(tuple, lines)),
        tuple(phase for i, line in enumerate(lines) for phase in _phases(i, line, ties[i], along)),
        tuple(_boundary(i, tie, across, along) for i in range(len(rows)) for tie in ties[i]),
        rest,
    )


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
    if label(first) == label(second):
        return [], []
    low, high = (math.log(Reduction(record.problem).reg) for record in (first, second))
    tie = tie_in_reg(first, second, low, high)
    if room == 0 or high - low < NARROW:
        return [], [tie]
    problem = dataclasses.replace(first.problem, reg=math.exp(tie.at))
    middle = Record.of(solve(problem, seed, "quick", starts=[first.means, second.means]))
    if tie.known_by != BETWEEN and middle.loss >= tie.loss * (1 - THIRD):
        return [], [tie]
    left, before = _between(first, middle, seed, room - 1)
    right, after = _between(middle, second, seed, room - 1)
    return [*left, middle, *right], [*before, *after]


def _phases(row: int, line: Sequence[Record], ties: Sequence[Tie], along: str | None) -> list[Phase]:
    """The strips of a row between the ends of its axis and its ties, or its cells where nothing is solved."""
    if along is None:
        return [Phase(row, i - 0.5, i + 0.5, record) for i, record in enumerate(line)]
    place = lambda record: math.log(Reduction(record.problem).reg) if along == "reg" else float(record.problem.depth)
    half = 0.5 if along == "depth" else 0.0
    ends = [place(line[0]) - half, *(tie.at for tie in ties), place(line[-1]) + half]
    records = [line[0], *(tie.second for tie in ties)]
    return [Phase(row, low, high, record) for (low, high), record in zip(pairwise(ends), records, strict=True)]


def _boundary(row: int, tie: Tie, across: str, along: str | None) -> Boundary:
    if along != "reg" or across != "depth" or tie.known_by == BETWEEN:
        return Boundary(row, tie, np.empty(0), np.empty(0))
    depths = np.linspace(-0.5, 0.5, POINTS) + tie.first.problem.depth
    # The strip of depth one begins there.
    depths = depths[depths >= 1]
    return Boundary(row, tie, depths, curve(tie, depths))


def _value(problem: DeepUFM, axis: str) -> Any:
    """The number of a problem on an axis."""
    return problem.regs[0] if axis == "reg" else getattr(problem, axis)

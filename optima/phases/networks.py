"""Phase diagrams of named relu networks: which of them costs least, from the prices alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

from optima.model import Array, DeepUFM
from optima.phases.diagram import SAMPLED, Diagram, Phase, Plane, phases_of
from optima.phases.envelope import envelope
from optima.phases.ties import CLOSED_FORM, FOLLOWED, Cell, Tie, losses_of, tie_of_curves
from optima.progress import Progress, Tell, Words, silent
from optima.proofs.gap import relative_gap
from optima.proofs.one_direction import bounding_structures
from optima.reduction import mean_reg
from optima.structures import Structure, catalogue
from optima.structures.networks import NamedNetwork


@dataclass(frozen=True)
class BestNetwork:
    """The named network of least loss in one problem; ``rank`` is its middle rank, zero for the zero logits."""

    problem: DeepUFM
    structure: str
    rank: int
    loss: float
    gap: float
    known_by: str = CLOSED_FORM

    @property
    def label(self) -> str:
        """The name."""
        return self.structure


@dataclass(frozen=True)
class NetworkCurve:
    """The loss of one network as a function of depth and lambda."""

    record: BestNetwork
    structure: Structure

    def loss(self, depth: float, log_reg: float) -> float:
        """The loss at one lambda; infinite below its least depth."""
        return float(self.losses(depth, np.array([log_reg]))[0])

    def losses(self, depth: float, log_reg: Array) -> Array:
        """Losses at several lambda."""
        return losses_of(self.structure, self.record.problem, depth, np.exp(log_reg))

    def curvature(self, depth: float, log_reg: float) -> float:
        """Not known."""
        return math.nan


def network_diagram(
    x: str,
    y: str,
    axes: Mapping[str, Sequence[int | float]],
    fixed: Mapping[str, Any],
    progress: Tell[Progress] = silent,
) -> Diagram:
    r"""The best named relu network over two numbers of the model, with the boundaries solved.

    .. math:: \arg\min_S V_S(K, L, \lambda, n), \qquad V_S = \min_{a \ge 0} G_S(a) + \tfrac{L+1}{2} \lambda
        n^{1/(L+1)} \rho_S\, a^{2/(L+1)}

    Nothing is searched: other networks may cost less. With lambda on an axis each row is the lower envelope of all
    networks that exist there; their ties are roots of the difference of two such curves. With depth but not lambda on
    an axis ties are at real depths between the integers.

    Parameters
    ----------
    axes
        The values of both axes.
    fixed
        The other parameters of :class:`optima.DeepUFM`, among them ``activation="relu"``.

    Raises ValueError for an unknown axis, one that is given twice, an axis of fewer than two values, linear models and
    depth one. Source: derivations/network_price.py.
    """
    plane = Plane.of(x, y, axes, fixed)
    if not all(problem.nonlinear for line in plane.grid for problem in line):
        raise ValueError(
            "named networks need the activation relu and depths from 2 on: a network of one weight matrix has no relu"
        )
    lines, ties, strips = [], [], []
    for number, problems in enumerate(plane.grid):
        cells = [_cell(problem) for problem in problems]
        if plane.along == "reg":
            strips.append(_envelope(number, cells))
            ties.append([_tie(a, b) for a, b in pairwise(strips[-1])])
        else:
            pairs = pairwise(cells) if plane.along == "depth" else ()
            ties.append([tie_of_curves(_curve(a), _curve(b)) for a, b in pairs if a.label != b.label])
            strips.append(phases_of(number, cells, ties[-1], plane.along))
        lines.append(cells)
        progress(Words(f"{plane.across} {plane.rows[number]}: {len(ties[-1])} boundaries"))
    return plane.diagram(lines, ties, strips, _curve, progress, networks=True)


def _cell(problem: DeepUFM) -> BestNetwork:
    """The best network of one problem, and how far below its loss the bound by the nuclear norm lies."""
    reg = np.array([mean_reg(problem)])
    losses = [float(losses_of(network, problem, problem.depth, reg)[0]) for network in _networks(problem)]
    bounding = bounding_structures(problem.classes, problem.loss, problem.width, "relu")
    lower = min(float(losses_of(each, problem, problem.depth, reg)[0]) for each in bounding)
    best = int(np.argmin(losses))
    return _named(problem, _networks(problem)[best], losses[best], relative_gap(lower, losses[best]))


def _named(problem: DeepUFM, network: Structure, loss: float, gap: float) -> BestNetwork:
    rank = network.middle_rank(problem.depth) if isinstance(network, NamedNetwork) else 0
    return BestNetwork(problem, network.name, rank, loss, gap)


def _networks(problem: DeepUFM) -> tuple[Structure, ...]:
    return _at_depth(problem.classes, problem.loss, problem.width, problem.depth)


@lru_cache(maxsize=1024)
def _at_depth(classes: int, loss: str, width: int | None, depth: int) -> tuple[Structure, ...]:
    """The zero logits, and the named networks of a depth and width."""
    everything = catalogue(classes, None, loss, width, "relu")
    return tuple(structure for structure in everything if structure.least_depth <= depth)


def _curve(cell: Cell) -> NetworkCurve:
    assert isinstance(cell, BestNetwork)
    found = next(each for each in _networks(cell.problem) if each.name == cell.structure)
    return NetworkCurve(cell, found)


def _envelope(row: int, cells: Sequence[BestNetwork]) -> list[Phase]:
    """The lower envelope of all networks between the first and the last cell of a row in lambda."""
    problem = cells[0].problem
    curves = [NetworkCurve(_named(problem, each, math.inf, math.nan), each) for each in _networks(problem)]
    ticks = np.log([mean_reg(cell.problem) for cell in cells])
    logs = np.unique([*ticks, *np.linspace(ticks[0], ticks[-1], SAMPLED)])
    runs = envelope(curves, float(problem.depth), logs)
    # Both curves of a crossing are closed forms.
    how = {FOLLOWED: CLOSED_FORM}
    return [Phase(row, low, high, curves[who].record, how.get(known, known)) for low, high, who, known in runs]


def _tie(before: Phase, after: Phase) -> Tie:
    first, second = _curve(before.record), _curve(after.record)
    loss = min(curve.loss(first.record.problem.depth, after.low) for curve in (first, second))
    return Tie(first.record, second.record, after.low, after.known_by, loss)

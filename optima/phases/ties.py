"""Where two minima have the same loss or become one, in lambda and in real depth, with a name or without."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from optima.atlas.record import Record
from optima.model import Array, DeepUFM
from optima.reduction import Reduction, balanced_factors, exponent, mean_reg
from optima.scales import boundary, boundary_depth
from optima.scales.scale import best_scales
from optima.search.descent import Batch, balanced, descend
from optima.search.rung_objective import RungObjective, gauge
from optima.search.starts import best_scale
from optima.structures import Structure, find, named
from optima.structures.recognition import recognise

if TYPE_CHECKING:
    from optima.phases.passages import Passage

# Steps and gradient norm of the descent that follows a code to another lambda or depth.
STEPS, TOLERANCE = 2000, 1e-9
# Relative difference of the two losses at a tie; more shows that one of the minima ended before it.
TIED = 1e-6
# How far, relative, a structure whose best scale is zero is put above the zero logits.
LOST = 1e-6
# Relative difference of losses up to which two branches are taken for one minimum, which both have run into.
SAME = 1e-9
# How far in log lambda or depth beyond two points that seem to enclose it a bifurcation is looked for.
REACH = 0.01
# How the place of a tie is known.
CLOSED_FORM, FOLLOWED, BIFURCATION, BETWEEN = "closed form", "minima followed", "bifurcation", "between cells"

# Depth and log lambda, as a function of the one that varies.
Place = Callable[[float], tuple[float, float]]


class Cell(Protocol):
    """What a diagram tells of the best minimum of one problem: a record of an atlas, or a named network."""

    @property
    def problem(self) -> DeepUFM:
        """The model."""

    @property
    def structure(self) -> str:
        """The name of the structure."""

    @property
    def label(self) -> str:
        """What its region is called."""

    @property
    def rank(self) -> int:
        """What its colour shows."""

    @property
    def loss(self) -> float:
        """The loss."""

    @property
    def gap(self) -> float:
        """1 - lower bound / loss; nan where none is known."""

    @property
    def known_by(self) -> str:
        """How the loss is known."""


class Curve(Protocol):
    """The loss of one minimum as a function of depth and lambda, and the cell that it was met in."""

    @property
    def record(self) -> Cell:
        """Where it was met."""

    @property
    def structure(self) -> Structure | None:
        """Its closed form, where it has one."""

    def loss(self, depth: float, log_reg: float) -> float:
        """V at one lambda; infinite where there is no such minimum."""

    def losses(self, depth: float, log_reg: Array) -> Array:
        """V at several lambda."""

    def curvature(self, depth: float, log_reg: float) -> float:
        """Smallest curvature; nan where it is not known."""


@dataclass(frozen=True)
class Branch:
    r"""One minimum as a function of (L, lambda), L real: in closed form, or followed by descent from its code.

    .. math:: V(L, \lambda) = \min_{M \text{ near the code}} \operatorname{fit}(M)
        + \tfrac{L+1}{2} \lambda \sum_i s_i(Z)^{2/(L+1)}
    """

    record: Record
    structure: Structure | None
    objective: RungObjective
    factors: Array

    @classmethod
    def of(cls, record: Record) -> Branch:
        """The branch through the minimum of a record."""
        problem = record.problem
        structure = find(record.structure, problem.classes) if problem.balanced else None
        if record.rank == 0:
            structure = named("zero", problem.classes)
        # A structure cut to the width of the model is not the one of that name.
        if structure is not None and structure.rank != record.rank:
            structure = None
        objective = RungObjective.of(problem)
        factors = balanced_factors([record.means / objective.column], record.rank)
        return cls(record, structure, objective, factors)

    def loss(self, depth: float, log_reg: float) -> float:
        """V; infinite where the code loses rank, and just above the zero logits where these are the minimum."""
        return float(self.losses(depth, np.array([log_reg]))[0])

    def losses(self, depth: float, log_reg: Array) -> Array:
        """V at several lambda, shape (G,)."""
        problem, reg = self.record.problem, np.exp(log_reg)
        if self.structure is not None:
            return losses_of(self.structure, problem, depth, reg)
        ends = self._followed(self._objective(depth, reg))
        return np.where(ends.dropped, np.inf, ends.loss)

    def _objective(self, depth: float, reg: Array) -> RungObjective:
        base = self.objective
        return RungObjective(base.loss, reg, np.full(reg.shape, float(exponent(depth))), base.column, base.weight)

    def _followed(self, here: RungObjective) -> Batch:
        """Descents from the code, which keep its symmetries, to stationary points of other problems."""
        starts, _ = best_scale(here, np.repeat(self.factors, here.reg.size, axis=0), 4)
        return descend(here, starts, STEPS, TOLERANCE)

    def curvature(self, depth: float, log_reg: float) -> float:
        """Smallest eigenvalue of the Hessian outside rotations, where the code is followed to; nan where it ends."""
        here = self._objective(depth, np.array([math.exp(log_reg)]))
        ends = self._followed(here)
        if ends.dropped[0]:
            return math.nan
        point = ends.factors[0]
        flat = gauge(point)
        hessian = here.hessian(point)
        # Rotations go above all other eigenvalues.
        lifted = hessian + np.linalg.norm(hessian) * (flat @ flat.T)
        return float(np.linalg.eigvalsh(lifted)[0])

    def at(self, problem: DeepUFM) -> Record:
        """The code followed to another lambda or integer depth, under the name that it has there."""
        reduction = Reduction(problem)
        if self.structure is not None:
            return self.record
        here = self._objective(float(problem.depth), np.array([reduction.reg]))
        factors = balanced(self._followed(here).factors)[0]
        factors[1] *= self.objective.column[:, None]
        means = factors[0] @ factors[1].T
        description = recognise(means, loss=problem.loss, rank=reduction.rank(means)).description
        loss = reduction.value(means)
        found = replace(self.record, problem=problem, factors=factors, loss=loss, description=description)
        return replace(found, certificate=None)


@dataclass(frozen=True)
class Tie:
    """Where the global minimum passes from ``first`` to ``second``, at log lambda or at real depth ``at``.

    ``loss`` is that of both there, infinite where the tie was not solved. At a bifurcation the two are one minimum,
    which loses its symmetry there. ``passage`` proves between which lambda the global minimum passes from the price of
    the one to that of the other.
    """

    first: Cell
    second: Cell
    at: float
    known_by: str
    loss: float = math.inf
    passage: Passage | None = None


def tie_in_reg(first: Record, second: Record, low: float, high: float) -> Tie:
    """The tie of two records of one row with log lambda between ``low`` and ``high``, where first and second win.

    Without one (a minimum that ends before it) the middle stands for it, known by ``"between cells"``.
    """
    A, B = Branch.of(first), Branch.of(second)
    problem = first.problem
    roots: list[float] = []
    if A.structure is not None and B.structure is not None:
        samples = float(problem.class_sizes[0])
        found = boundary(A.structure, B.structure, problem.classes, problem.depth, samples, problem.loss)
        roots = [x for x in np.log(found).tolist() if low <= x <= high]
    return _tie(A, B, low, high, roots, at_depth(float(problem.depth)))


def tie_in_depth(first: Record, second: Record) -> Tie:
    """The tie at real depth between two records that differ only in it, as :func:`tie_in_reg`."""
    return tie_of_curves(Branch.of(first), Branch.of(second))


def tie_of_curves(A: Curve, B: Curve) -> Tie:
    """The tie at real depth between the two problems, which differ only in it, that two curves were met in."""
    problem, reg = A.record.problem, mean_reg(A.record.problem)
    low, high = float(problem.depth), float(B.record.problem.depth)
    roots: list[float] = []
    if A.structure is not None and B.structure is not None:
        samples = float(problem.class_sizes[0])
        found = boundary_depth(A.structure, B.structure, problem.classes, reg, samples, problem.loss, (low, high))
        roots = found.tolist()
    return _tie(A, B, low, high, roots, lambda depth: (depth, math.log(reg)))


def losses_of(structure: Structure, problem: DeepUFM, depth: float, reg: Array) -> Array:
    """Losses of a structure at its best scales, for the samples and the loss of a problem; infinite below its depth."""
    if depth < structure.least_depth:
        return np.full(reg.shape, np.inf)
    best = best_scales(structure, depth, reg, float(problem.class_sizes[0]), problem.loss)
    # A structure of scale zero is the zero logits; it must not win under another name.
    gone = (best.scales == 0).all(axis=0) & bool(structure.blocks())
    return np.where(gone, best.loss * (1 + LOST), best.loss)


def at_depth(depth: float) -> Place:
    """The places of a row, by log lambda."""
    return lambda log_reg: (depth, log_reg)


def _tie(A: Curve, B: Curve, low: float, high: float, roots: Sequence[float], place: Place) -> Tie:
    """The one root of a closed form, else the crossing or the bifurcation of the branches, else the middle."""
    at, known_by = (roots[0], CLOSED_FORM) if len(roots) == 1 else change(A, B, low, high, place)
    if at is None:
        return Tie(A.record, B.record, (low + high) / 2, BETWEEN)
    return Tie(A.record, B.record, at, known_by, min(branch.loss(*place(at)) for branch in (A, B)))


def change(A: Curve, B: Curve, low: float, high: float, place: Place) -> tuple[float | None, str]:
    """Where one branch takes over from the other, as :func:`crossing` or :func:`bifurcation`, and which of them."""
    at = crossing(A, B, low, high, place)
    return (at, FOLLOWED) if at is not None else (bifurcation(A, B, low, high, place), BIFURCATION)


def crossing(A: Curve, B: Curve, low: float, high: float, place: Place) -> float | None:
    """Where two branches cross between two ends, in log lambda at a given depth or in depth; None where they do not."""
    from scipy.optimize import brentq

    difference = _difference(A, B, place)
    ends = difference(low), difference(high)
    # Branches that are one minimum at an end differ there by noise.
    if ends[0] * ends[1] >= 0 or min(map(abs, ends)) <= SAME:
        return None
    at = float(brentq(difference, low, high, xtol=1e-12, rtol=1e-12))
    return at if abs(difference(at)) <= TIED else None


def bifurcation(A: Curve, B: Curve, low: float, high: float, place: Place) -> float | None:
    r"""Where a branch loses its symmetry to another that begins there: the root of its smallest curvature.

    .. math:: \lambda_{\min}\bigl(\nabla^2 F|_{\text{outside rotations}}\bigr) = 0

    None where neither branch has one between the two ends, or a little beyond them.
    """
    from scipy.optimize import brentq

    if A.record.rank != B.record.rank or A.record.rank == 0:
        return None
    difference = _difference(A, B, place)
    ends = difference(low), difference(high)
    # The symmetric branch is the higher one where the two differ.
    parted = max(ends, key=abs)
    if min(map(abs, ends)) > TIED or not abs(parted) > SAME or not math.isfinite(parted):
        return None
    symmetric = A if parted > 0 else B

    curvature = lambda x: symmetric.curvature(*place(x))
    # Close to the bifurcation the losses differ too little to see on which side of it an end lies.
    width = max(high - low, REACH)
    if ends[0] == parted:
        high += width
    else:
        low -= width
    if not curvature(low) * curvature(high) < 0:
        return None
    return float(brentq(curvature, low, high, xtol=1e-9, rtol=1e-12))


def _difference(A: Curve, B: Curve, place: Place) -> Callable[[float], float]:
    def difference(x: float) -> float:
        a, b = (branch.loss(*place(x)) for branch in (A, B))
        # A branch that ended has lost.
        return (a - b) / (a + b) if math.isfinite(a + b) else float(math.isinf(a)) - float(math.isinf(b))

    return difference

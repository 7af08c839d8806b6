"""A certificate beside what the conic solver finds: whether both agree, and how far."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from optima.model import DeepUFM
from optima.proofs.certificate import Certificate
from optima.proofs.convex.box_program import bound_at, least_on_box
from optima.proofs.convex.depth_one import check_depth_one, minimum
from optima.proofs.convex.sampled import Sampled, sampled
from optima.proofs.convex.solver import SOLVER, NoAnswer

# Relative difference of the two minima at depth one that still counts as agreement.
ALIKE = 1e-6
# Parts of the loss by which a bound may be above the value that it bounds (rounding), and below it (2e-6 was measured,
# and 0.03 for four classes, where our formula for caps of directions is not exact).
ABOVE, BELOW, BELOW_IN_SPACE = 1e-9, 1e-4, 0.1


@dataclass(frozen=True)
class BoxComparison:
    """One box, number ``node`` of the tree.

    ``bound`` is ours at the multiplier in the certificate, ``dual`` ours at the solver's multiplier, ``value`` the
    least value of the convex program: bound <= value, and dual = value but for rounding.
    """

    node: int
    bound: float
    dual: float
    value: float
    status: str

    @property
    def best(self) -> float:
        """The better of our bounds."""
        return max(self.bound, self.dual)


@dataclass(frozen=True)
class Comparison:
    """A certificate against the solver.

    Attributes
    ----------
    compared
        ``"minimum"`` at depth one, else ``"boxes"``.
    solver, status
        Its name, and its own word on how it ended (several where they differ).
    ours, value
        Our minimum and that of the solver's logits; or our bound of the first box and the least value there. Nan where
        the solver has no answer.
    difference
        ours - value.
    tolerance
        How large that may be; or how far the better of our bounds of a box may be below the least value.
    boxes, of
        The boxes compared, and how many the tree has that such a program bounds.
    objection
        Why they do not agree, in one sentence; empty where they do.
    """

    compared: str
    solver: str
    status: str
    ours: float
    value: float
    tolerance: float
    objection: str
    boxes: tuple[BoxComparison, ...] = ()
    of: int = 0

    @property
    def difference(self) -> float:
        """ours - value."""
        return self.ours - self.value

    @property
    def agrees(self) -> bool:
        """Whether nothing contradicts the certificate beyond the tolerance."""
        return not self.objection

    def as_dict(self) -> dict[str, Any]:
        """What JSON shows: no numbers where there is no answer."""
        shown = {"library": "cvxpy", **asdict(self), "difference": self.difference, "agrees": self.agrees}
        return {name: None if value != value else value for name, value in shown.items()}

    def __str__(self) -> str:
        """What was compared, and how far it agrees."""
        by = f"{self.solver} through cvxpy (status: {self.status})"
        if math.isnan(self.value):
            return f"{by} tells nothing: {self.objection}"
        if self.objection:
            return f"{by} does not agree: {self.objection}"
        if not self.boxes:
            return (
                f"{by} solved the same convex problem: minimum {self.value:.12g}, ours {self.ours:.12g}, difference "
                f"{self.difference:.1e}, within the tolerance of {self.tolerance:.1e}"
            )
        first, room = self.boxes[0], [box.value - box.best for box in self.boxes]
        return (
            f"{by} solved the convex programs of {len(self.boxes)} of {self.of} boxes that the bound is made from. "
            f"First box: least value {first.value:.9g}; our bound, which may not exceed it, {first.bound:.9g}, and "
            f"{first.dual:.9g} at the solver's multiplier. On all of them the least value is above the better of these "
            f"bounds, by {min(room):.1e} to {max(room):.1e}, within the tolerance of {self.tolerance:.1e}"
        )


def check_comparable(problem: DeepUFM) -> None:
    """Raise ValueError where :func:`compare` has nothing to say, before a certificate is worked for."""
    if problem.depth == 1:
        check_depth_one(problem)
    elif problem.loss == "mse":
        raise ValueError(
            "squared error is known in closed form at depth 2 and more, so cvxpy has nothing to compare; pass depth 1 "
            "or cross-entropy"
        )


def compare(certificate: Certificate) -> Comparison:
    r"""A certificate beside an independent solution of the convex problems that it rests on.

    .. math:: \min_M \operatorname{fit}(M) + \lambda \|M \sqrt{n}\|_* \ (L = 1), \qquad
        \phi(D) + \min_{M \in \text{box}} [c \operatorname{tr} M^q - \langle D, M\rangle] \le
        \min_{M, \mu} h(M) + c \sum_v \mu_v \sum_i t_i^{(v)} \ (L > 1)

    At depth one the minima have to agree to a relative 1e-6, and both have to respect the lower bound of the other.
    Else the first box of the branch and bound and up to five others are compared: our bound may not exceed the least
    value of the convex program, and the better of ours and that at the solver's multipliers has to come within 1e-4 of
    the loss to it (0.1 for four classes). See :func:`optima.proofs.convex.minimum` and
    :func:`optima.proofs.convex.least_on_box`.

    A solver without an answer does not agree, and the objection says so. Raises ValueError where there is nothing to
    compare: see :func:`optima.proofs.convex.minimum`; and for squared error with L > 1.
    Source: derivations/convex_concave.py, derivations/depth_one.py.
    """
    check_comparable(certificate.problem)
    depth_one = certificate.problem.depth == 1
    try:
        return _minima(certificate) if depth_one else _bounds(certificate)
    except NoAnswer as reason:
        compared = "minimum" if depth_one else "boxes"
        return Comparison(compared, SOLVER, "no answer", math.nan, math.nan, math.nan, str(reason))


def _minima(certificate: Certificate) -> Comparison:
    found = minimum(certificate.problem)
    ours, tolerance = certificate.upper, ALIKE * found.value
    objection = ""
    if ours < found.lower * (1 - ABOVE):
        objection = f"our minimum {ours:.12g} is below {found.lower:.12g}, which its dual point proves to be a bound"
    elif certificate.lower > found.value * (1 + ABOVE):
        objection = f"our bound {certificate.lower:.12g} is above {found.value:.12g}, the loss of its logits"
    elif ours - found.value > tolerance:
        objection = f"our minimum {ours:.12g} is above {found.value:.12g}, the loss of its logits"
    elif found.value - ours > tolerance:
        objection = (
            f"it ended too early to tell, between {found.lower:.12g} and {found.value:.12g}, where ours is {ours:.12g}"
        )
    return Comparison("minimum", found.solver, found.status, ours, found.value, tolerance, objection)


def _bounds(certificate: Certificate) -> Comparison:
    taken = sampled(certificate)
    loss = max(certificate.upper, taken.target)
    found = [_box(taken, row) for row in range(taken.node.size)]
    below = loss * (BELOW_IN_SPACE if taken.boxes.dimension == 3 else BELOW)
    objections = [text for _, box in found if (text := _objection(box, loss, below))]
    boxes = tuple(box for _, box in found)
    status = ", ".join(dict.fromkeys(box.status for box in boxes))
    first, objection = boxes[0], objections[0] if objections else ""
    return Comparison("boxes", found[0][0], status, first.bound, first.value, below, objection, boxes, taken.of)


def _box(taken: Sampled, row: int) -> tuple[str, BoxComparison]:
    """The solver's name, and what was compared."""
    corners = taken.low[row], taken.high[row]
    least = least_on_box(taken.boxes, taken.dual, *corners)
    bound = bound_at(taken.boxes, taken.dual, *corners, taken.multiplier[row], least.points)
    return least.solver, BoxComparison(int(taken.node[row]), bound, least.dual, least.value, least.status)


def _objection(box: BoxComparison, loss: float, below: float) -> str:
    if box.best - box.value > ABOVE * loss:
        return f"in box {box.node} our bound {box.best:.12g} is above {box.value:.12g}, a value of its convex program"
    if box.value - box.best > below:
        return (
            f"in box {box.node} our bound {box.best:.12g} is below the least value {box.value:.12g} of its convex "
            f"program by more than the tolerance of {below:.1e}"
        )
    return ""

r"""What a box of matrices is bounded by, as a convex program: the other side of the duality of `box_bound`.

With t^(v) the vertices of the box, lambda^(v) = (t^(v))^(L+1) and F the frame in its middle, the largest
phi(D) + min [penalty - <D, M>] over D is the least h(M) + c sum_v mu_v sum_i t_i^(v) over

.. math:: M = F\bigl(\textstyle\sum_v \mu_v \lambda^{(v)}_2\; 1 + A - B\bigr)F^T, \qquad \mu \ge 0,\ \sum_v \mu_v = 1,

    A \ge 0,\ \operatorname{tr} A = \sum_v \mu_v (\lambda^{(v)}_1 - \lambda^{(v)}_2),\
    A_{11} \ge \cos^2\alpha_1 \operatorname{tr} A,

and likewise B with lambda_2 - lambda_3, B_33 and alpha_3: by the S-lemma the matrices u u^T of a cap have this hull.
h(M) is the least fit of y with [[M, Y sqrt(nu)], [., 1]] >= 0. Source: derivations/convex_concave.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from optima.model import Array
from optima.proofs.box_bound import BoxBound
from optima.proofs.boxes import MatrixBoxes
from optima.proofs.convex.solver import cvxpy, run
from optima.proofs.dual import FitDual
from optima.proofs.form import centred_basis

# Parts of its largest eigenvalue that are added to the solver's multiplier, which may be singular to rounding.
RIDGES = (0.0, 1e-10, 1e-8, 1e-6, 1e-5, 1e-4, 1e-3)


@dataclass(frozen=True)
class BoxMinimum:
    """What the solver found on one box.

    ``value`` is that of its point, made feasible here, so no less than the minimum of the program; ``dual`` is our
    bound at its multipliers, so no more; ``points`` (K, m) are its y. ``solver`` and ``status`` are its name and its
    own word.
    """

    value: float
    dual: float
    points: Array
    solver: str
    status: str


@dataclass(frozen=True)
class _Box:
    """One box in the coordinates y = S x of its middle."""

    boxes: MatrixBoxes
    dual: FitDual
    S: Array
    held: BoxBound

    @classmethod
    def of(cls, boxes: MatrixBoxes, dual: FitDual, low: Array, high: Array) -> _Box:
        frame, scale = boxes.middle(low[None], high[None])
        back = np.swapaxes(frame / scale[:, None, :], 1, 2)
        return cls(boxes, dual, frame * scale[:, None, :], boxes.box_bound(low[None], high[None], back))

    def bound(self, E: Array, x: Array) -> float:
        """Our bound at a multiplier E (m, m), the better one from inner points x (K, m) and from zero; or -inf.

        From zero the inner minimum of a nearly singular multiplier may be too far.
        """
        return max(self._bound(E, x), self._bound(E, 0 * x))

    def _bound(self, E: Array, x: Array) -> float:
        try:
            phi, _ = self.dual.bound(self.S, E[None], x[None])
        except np.linalg.LinAlgError:
            return -np.inf
        found = float((phi + self.held.least(E[None]))[0])
        return found if np.isfinite(found) and np.linalg.eigvalsh(E)[0] > 0 else -np.inf


def bound_at(boxes: MatrixBoxes, dual: FitDual, low: Array, high: Array, multiplier: Array, points: Array) -> float:
    r"""Our bound of one box at a multiplier D, phi(D) + min over the box of [penalty - <D, M>].

    Corners ``low``, ``high`` (d,), multiplier (m, m), ``points`` (K, m) y from which phi is sought.
    Source: derivations/convex_concave.py.
    """
    box = _Box.of(boxes, dual, low, high)
    return box.bound(box.S[0].T @ multiplier @ box.S[0], np.linalg.solve(box.S[0], points.T).T)


def least_on_box(boxes: MatrixBoxes, dual: FitDual, low: Array, high: Array) -> BoxMinimum:
    r"""The least value of the convex program of one box, by the conic solver of cvxpy.

    .. math:: \min_{M, \mu} h(M) + c \sum_v \mu_v \sum_i t_i^{(v)} \ge
        \max_{D > 0} \phi(D) + \min_{M \in \text{box}} [c \operatorname{tr} M^q - \langle D, M\rangle]

    Equal for two and three classes; for four our bound of a cap is a little smaller. ``low``, ``high`` (d,) are the
    corners of a box of ``boxes`` that is no line and no point, and ``dual`` is that of its form.
    Raises ValueError when the solver leaves no point. Source: derivations/convex_concave.py.
    """
    box, cp = _Box.of(boxes, dual, low, high), cvxpy()
    eigen, turn, caps = box.held.eigenvalues[0], box.held.turn[0], box.held.caps
    unit = max(float(eigen.max()), 1e-300)
    share = cp.Variable(len(eigen), nonneg=True)
    hulls = [cp.Variable(turn.shape, PSD=True) for _ in caps]
    rules = [cp.sum(share) == 1]
    for hull, cap, trace in zip(hulls, caps, _spread(eigen / unit), strict=True):
        inner = np.cos(cap.angle[0]) ** 2 * cp.trace(hull)
        rules += [cp.trace(hull) == trace @ share, hull[cap.axis, cap.axis] >= inner]
    form = boxes.form
    x, root = cp.Variable((form.classes, boxes.dimension)), np.diag(np.sqrt(form.count))
    inside = _combined(cp.sum(cp.multiply(_middle(eigen / unit), share)), hulls)
    matrix = unit * (turn @ inside @ turn.T)
    both = cp.bmat([[matrix, x.T @ root], [root @ x, np.eye(form.classes)]])
    below = (both + both.T) / 2 >> 0
    # In units of the loss known (top is that over c), in which the solver's tolerances count alike for all penalties.
    scale = boxes.top * form.strength
    value = (_fit(cp, box, x) + box.held.penalty[0] @ share) / scale
    ended = run(cp.Problem(cp.Minimize(value), [*rules, below]))
    reached = _feasible_value(box, share.value, [hull.value for hull in hulls], unit, x.value)
    best = _best_bound(box, scale * below.dual_value, x.value)
    return BoxMinimum(reached, best, x.value @ box.S[0].T, ended.solver, ended.status)


def _fit(cp: Any, box: _Box, x: Any) -> Any:
    """sum_c w_c log(1 + mu sum_j e^(d_cj . S x_c)) as an expression."""
    form, rival = box.boxes.form, box.dual.rival @ box.S[0]
    logits = [cp.hstack([0.0, np.log(form.rivals) + rival[c] @ x[c]]) for c in range(form.classes)]
    return sum(weight * cp.log_sum_exp(each) for weight, each in zip(form.weight, logits, strict=True))


def _middle(eigen: Array) -> Array:
    """lambda_2 at the vertices (v,), or lambda_1 where there is no other."""
    return eigen[:, min(1, eigen.shape[1] - 1)]


def _spread(eigen: Array) -> list[Array]:
    """lambda_1 - lambda_2 and lambda_2 - lambda_3 at the vertices, as far as there are any."""
    return [eigen[:, i] - eigen[:, i + 1] for i in range(eigen.shape[1] - 1)]


def _combined(middle: Any, hulls: list[Any]) -> Any:
    """The matrix in the frame, middle 1 + A - B."""
    if not hulls:
        return middle * np.ones((1, 1))
    whole = middle * np.eye(hulls[0].shape[0]) + hulls[0]
    return whole - hulls[1] if len(hulls) == 2 else whole


def _feasible_value(box: _Box, share: Array, hulls: list[Array], unit: float, x: Array) -> float:
    """The value of the solver's point after it has been moved into the program."""
    form, held = box.boxes.form, box.held
    share = np.maximum(share, 0.0)
    share = share / share.sum()
    eigen, turn = held.eigenvalues[0] / unit, held.turn[0]
    inside = [
        _into_cap(hull, cap.axis, float(cap.angle[0]), float(trace @ share))
        for hull, cap, trace in zip(hulls, held.caps, _spread(eigen), strict=True)
    ]
    matrix = unit * (turn @ _combined(float(_middle(eigen) @ share), inside) @ turn.T)
    y = _below(matrix, x, np.sqrt(form.count)) @ box.S[0].T
    return form.fit(centred_basis(form.classes) @ y.T) + float(held.penalty[0] @ share)


def _into_cap(hull: Array, axis: int, angle: float, trace: float) -> Array:
    """The matrix as a positive one of this trace, with at least cos^2(angle) of it on one axis."""
    values, vectors = np.linalg.eigh(hull)
    values = np.maximum(values, 0.0)
    own = np.zeros(hull.shape)
    own[axis, axis] = 1.0
    if not values.sum() > 0:
        return trace * own
    hull = (vectors * (values / values.sum())) @ vectors.T
    lacking = np.cos(angle) ** 2 - hull[axis, axis]
    part = min(1.0, lacking / (1 - hull[axis, axis])) if lacking > 0 else 0.0
    return trace * ((1 - part) * hull + part * own)


def _below(matrix: Array, x: Array, root: Array) -> Array:
    """x (K, m) with sum_c nu_c x_c x_c^T <= M: singular values of M^(-1/2) X^T sqrt(nu) above 1 are cut."""
    values, vectors = np.linalg.eigh(matrix)
    values = np.sqrt(np.maximum(values, 0.0))
    inverse = np.where(values > 0, 1 / np.where(values > 0, values, 1.0), 0.0)
    left, s, right = np.linalg.svd((vectors.T @ (x * root[:, None]).T) * inverse[:, None], full_matrices=False)
    cut = (left * np.minimum(s, 1.0)) @ right
    return (vectors @ (values[:, None] * cut)).T / root[:, None]


def _best_bound(box: _Box, multiplier: Array, x: Array) -> float:
    """Our bound at the solver's multiplier of the order of M, moved away from singular ones by a little."""
    m = box.boxes.dimension
    E = 0.5 * (multiplier[:m, :m] + multiplier[:m, :m].T)
    largest = float(np.linalg.eigvalsh(E)[-1])
    return max(box.bound(E + ridge * largest * np.eye(m), x) for ridge in RIDGES)

r"""Lower bounds of the loss on boxes of matrices, in floating point, for all boxes at once.

For shares p_c of the rivals of each class (Gibbs' variational principle) and g_c = w_c sum_j p_cj d_cj

.. math:: \operatorname{fit} \ge \sum_c w_c H(p_c) + \langle g_c, y_c\rangle, \qquad
    H(p) = -\sum_j p_j \log(p_j / \mu) - (1 - |p|) \log(1 - |p|),

and <g, y> + nu y^T D y >= -g^T D^{-1} g / (4 nu). With sum_c nu_c y_c y_c^T = M this gives, for every D > 0,

.. math:: f \ge \sum_c \Bigl[w_c H(p_c) - \frac{g_c^T D^{-1} g_c}{4 \nu_c}\Bigr] + c \sum_i t_i - \langle D, M\rangle.

On matrices M = t^(L+1) u u^T of rank one only y along u matters, so (g_c . u)^2 / (4 nu_c d) may take the place of the
quadratic form. Source: derivations/convex_concave.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optima.checker.arithmetic import Floats
from optima.checker.best_shares import shares
from optima.checker.boxes import Boxes, about_third, vertices
from optima.checker.instance import Instance, rival_differences
from optima.model import Array

# Boxes treated together.
BATCH = 20_000
# Pivots that small a part of their entry are rounding.
SINGULAR = 1e-15


@dataclass(frozen=True)
class Leaves:
    """Bounds (N,) for boxes of one problem."""

    instance: Instance

    def bounds(self, boxes: Boxes, D: Array) -> Array:
        """The best bound of each box, inf where it is empty; D that are not positive definite are of no use."""
        rows = np.arange(len(boxes))
        parts = [self._bounds(boxes[rows[i : i + BATCH]], D[i : i + BATCH]) for i in range(0, len(rows), BATCH)]
        return np.concatenate(parts) if parts else np.zeros(0)

    def _bounds(self, boxes: Boxes, D: Array) -> Array:
        bound = self.instance.strength * boxes.spent
        zero = boxes.high[:, 0] == 0
        bound[zero] = np.maximum(bound[zero], self.instance.zero_fit(Floats()))
        D = 0.5 * (D + np.swapaxes(D, 1, 2))
        usable = ~boxes.empty & ~zero & positive(D)
        for rows, method in ((usable, self._tangent), (usable & self._flat(boxes.high), self._line)):
            if rows.any():
                bound[rows] = np.maximum(bound[rows], method(boxes.low[rows], boxes.high[rows], D[rows]))
        bound[boxes.empty] = np.inf
        return bound

    def _flat(self, high: Array) -> NDArray[np.bool_]:
        """Boxes in the plane with t_2 = 0."""
        return (high[:, 1] == 0) if self.instance.order == 2 else np.zeros(len(high), dtype=bool)

    def _tangent(self, low: Array, high: Array, D: Array) -> Array:
        weight, count = np.array(self.instance.weight), np.array(self.instance.count)
        p, rival = self.tangent_shares(D)
        g = weight[:, None] * np.einsum("ncj,ncja->nca", p, rival)
        dual = weight * self.entropy(p) - np.einsum("nca,nca->nc", g, g) / (4 * count)
        return dual.sum(axis=1) + self._least(D, low, high)

    def tangent_shares(self, D: Array) -> tuple[Array, Array]:
        """Good shares (N, K, K-1) for multipliers D, and d_cj (N, K, K-1, m) in coordinates in which D is 1."""
        rival = np.einsum(
            "nab,cjb->ncja", np.linalg.inv(np.linalg.cholesky(D)), rival_differences(self.instance.classes)
        )
        return self.shares(rival), rival

    def line_shares(self, low: Array, high: Array, D: Array) -> Array:
        """Good shares (N, 3, 2) on the middle line of boxes in the plane, for multipliers D_00."""
        middle = 0.5 * (low[:, 2] + high[:, 2])
        u = np.stack([np.cos(middle), np.sin(middle)], axis=1)
        along = np.einsum("cja,na->ncj", rival_differences(3), u) / np.sqrt(D[:, 0, 0])[:, None, None]
        return self.shares(along[..., None])

    def shares(self, rival: Array) -> Array:
        """Good shares (N, K, K-1) for rivals (N, K, K-1, m) in coordinates in which the multiplier is 1."""
        instance = self.instance
        return shares(rival, np.array(instance.weight), np.array(instance.count), instance.rivals)

    def _line(self, low: Array, high: Array, D: Array) -> Array:
        weight, count = np.array(self.instance.weight), np.array(self.instance.count)
        d, p = D[:, 0, 0], self.line_shares(low, high, D)
        g = weight[:, None] * np.einsum("ncj,cja->nca", p, rival_differences(3))
        g /= 2 * np.sqrt(count * d[:, None])[..., None]
        Q = np.einsum("nca,ncb->nab", g, g)
        fit = (weight * self.entropy(p)).sum(axis=1) - most_on_arc(Q, low[:, 2], high[:, 2])
        t = np.stack([low[:, 0], high[:, 0]])
        return fit + np.min(self.instance.strength * t - d * t ** (self.instance.depth + 1), axis=0)

    def entropy(self, p: Array) -> Array:
        """H (N, K) of shares (N, K, K-1)."""
        total = p.sum(axis=2)
        safe = np.where(p > 0, p, 1.0)
        rest = np.maximum(1 - total, 1e-300)
        own = np.where(total < 0.5, np.log1p(-np.minimum(total, 0.5)), np.log(rest))
        return -(p * np.log(safe / self.instance.rivals)).sum(axis=2) - rest * own

    def _least(self, D: Array, low: Array, high: Array) -> Array:
        """Least c sum t_i - <D, M> on each box: concave in t, so at a vertex, with the worst directions there.

        <D, M> = lambda_2 tr D + (lambda_1 - lambda_2) u_1^T D u_1 - (lambda_2 - lambda_3) u_3^T D u_3.
        """
        m = self.instance.order
        trace = np.einsum("naa->n", D)
        extremes = self._extremes(D, low, high)
        best = np.full(len(D), np.inf)
        for t, inside in vertices(low[:, :m], high[:, :m]):
            eigen = t ** (self.instance.depth + 1)
            product = eigen[:, min(1, m - 1)] * trace
            for i, extreme in zip((0, 2), extremes, strict=False):
                product = product + (eigen[:, i] - eigen[:, 1]) * extreme
            value = self.instance.strength * t.sum(axis=1) - product
            best = np.where(inside, np.minimum(best, value), best)
        return best

    def _extremes(self, D: Array, low: Array, high: Array) -> list[Array]:
        """Largest u_1^T D u_1, and least u_3^T D u_3 in space, on each box."""
        if self.instance.order == 1:
            return []
        if self.instance.order == 2:
            return [most_on_arc(D, low[:, 2], high[:, 2])]
        first, third, reach, turn = caps(low, high)
        return [most_on_cap(D, first, reach), -most_on_cap(-D, third, turn)]


def positive(D: Array) -> NDArray[np.bool_]:
    """Which matrices (N, m, m) are finite and, beyond rounding, have positive pivots."""
    finite = np.asarray(np.isfinite(D).all(axis=(1, 2)))
    left = np.where(finite[:, None, None], D, -1.0)
    good = [finite]
    while left.shape[1]:
        pivot = left[:, 0, 0]
        good.append(pivot > SINGULAR * np.abs(D[:, -left.shape[1], -left.shape[1]]))
        safe = np.where(pivot > 0, pivot, 1.0)[:, None, None]
        left = left[:, 1:, 1:] - left[:, 1:, :1] * left[:, :1, 1:] / safe
    return np.logical_and.reduce(good)


def most_on_arc(Q: Array, low: Array, high: Array) -> Array:
    """Largest u^T Q u for unit vectors u in the plane at angles in [low, high]."""
    mean, x, y = 0.5 * (Q[:, 0, 0] + Q[:, 1, 1]), 0.5 * (Q[:, 0, 0] - Q[:, 1, 1]), Q[:, 0, 1]
    ends = [x * np.cos(2 * angle) + y * np.sin(2 * angle) for angle in (low, high)]
    inside = np.mod(0.5 * np.arctan2(y, x) - low, np.pi) <= high - low
    return mean + np.where(inside, np.hypot(x, y), np.maximum(*ends))


def caps(low: Array, high: Array) -> tuple[Array, Array, Array, Array]:
    """Middle u_1 and u_3 (N, 3) of boxes of frames in space, and the largest angles from them.

    Written for u_1 along (1, a, b) and u_3 across it at the angle psi; in the other chart they change places.
    """
    middle = 0.5 * (low + high)
    first = _unit(middle[:, 3], middle[:, 4])
    # A cone about the middle cuts the plane (1, a, b) in a convex set, which holds a box when it holds its corners.
    corners = [_unit(a, b) for a in (low[:, 3], high[:, 3]) for b in (low[:, 4], high[:, 4])]
    chord = np.max([np.linalg.norm(corner - first, axis=1) for corner in corners], axis=0)
    reach = 2 * np.arcsin(np.minimum(0.5 * chord, 1.0))
    # East and north at u_1; on the way of u_1, u_3 moves at most sqrt(1 + tan^2 latitude) times as far.
    east = np.stack([-middle[:, 3], np.ones(len(middle)), np.zeros(len(middle))], axis=1)
    east /= np.linalg.norm(east, axis=1, keepdims=True)
    north = np.cross(first, east)
    third = np.cos(middle[:, 5, None]) * east + np.sin(middle[:, 5, None]) * north
    slant = np.sqrt(1 + high[:, 4] ** 2 / (1 + low[:, 3] ** 2))
    turn = np.minimum(slant * reach + 0.5 * (high[:, 5] - low[:, 5]), np.pi / 2)
    swapped = about_third(low)
    wide = swapped[:, None]
    return (
        np.where(wide, third, first),
        np.where(wide, first, third),
        np.where(swapped, turn, reach),
        np.where(swapped, reach, turn),
    )


def _unit(a: Array, b: Array) -> Array:
    raw = np.stack([np.ones(len(a)), a, b], axis=1)
    return raw / np.linalg.norm(raw, axis=1, keepdims=True)


def most_on_cap(D: Array, u: Array, angle: Array) -> Array:
    r"""Upper bound of v^T D v for unit v (N, 3) within ``angle`` <= pi/2 of u.

    v = cos(s) u + sin(s) w with w across u: at most cos^2(s) u^T D u + sin(2 s) |P D u| + sin^2(s) times the largest
    eigenvalue of P D P, P = 1 - u u^T; in 2 s this is a sinusoid.
    """
    Du = np.einsum("nab,nb->na", D, u)
    own = np.einsum("na,na->n", u, Du)
    cross = np.linalg.norm(Du - own[:, None] * u, axis=1)
    P = np.eye(3) - u[:, :, None] * u[:, None, :]
    # The eigenvalue 0 of P D P at u must not hide a negative one across it.
    low = -np.linalg.norm(D, axis=(1, 2))[:, None, None] * u[:, :, None] * u[:, None, :]
    across = np.linalg.eigvalsh(P @ D @ P + low)[:, -1]
    half = 0.5 * (own - across)
    peak = np.arctan2(cross, half)
    at = np.minimum(2 * angle, peak)
    return 0.5 * (own + across) + half * np.cos(at) + cross * np.sin(at)

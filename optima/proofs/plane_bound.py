r"""Bounds of boxes of four classes about matrices of rank two, of second order in the turn of their plane.

With shares p_c of the rivals fixed (Gibbs), g_c = w_c sum_j p_cj d_cj and Gamma = sum_c g_c g_c^T / (4 nu_c), every
M = W N W^T + lambda_3 u_3 u_3^T, W an isometry onto the plane across u_3, has for every E > 0

.. math:: f \ge \sum_c w_c H(p_c) - \langle \Gamma, W E^{-1} W^T\rangle - \langle E, N\rangle + c (t_1 + t_2)
    + c\,t_3 - 2 \sqrt{\lambda_3\, u_3^T \Gamma u_3},

since D = W E W^T + d u_3 u_3^T may turn with M, and d is the best. W is the least turn of the plane in the middle of
the box, by eta in it, |eta| = sin(angle): what W costs is a polynomial in eta. Source: derivations/plane_bound.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from optima.model import Array
from optima.proofs.box_bound import BoxBound, Cap, Softened
from optima.proofs.dual import FitDual
from optima.proofs.form import ConvexConcave

# The minimum over vertices is softened by target / hardness, and E improved by so many Newton steps, in turn.
HARDNESS, STEPS = (30.0, 3e3, 3e5), 8
# Smallest ratio of the eigenvalues in whose coordinates that is done.
FLOOR = 1e-20


@dataclass(frozen=True)
class Planes:
    """Boxes of one form: frames (N, 3, 3) and t_1, t_2 (N, 2) in the middle, ``low`` and ``high`` t (N, 3), the
    ``vertices`` (N, v, 2) of the ranges of t_1 and t_2, and the largest turns (N,) of u_1 and u_3."""

    form: ConvexConcave
    dual: FitDual
    frame: Array
    middle: Array
    low: Array
    high: Array
    vertices: Array
    first: Array
    third: Array

    def bounds(self, target: float) -> tuple[Array, Array, Array]:
        """Lower bounds (N,), multipliers D (N, 3, 3), and what t_1, t_2, t_3, u_1 and u_3 lose (N, 5)."""
        power, strength = self.form.depth + 1, self.form.strength
        values = self.middle**power
        scale = np.sqrt(np.maximum(values, FLOOR * values[:, :1]))
        S = self.frame[:, :, :2] * scale[:, None, :]
        turn = np.zeros((len(S), 2, 2))
        turn[:, [0, 1], [0, 1]] = 1 / scale
        cap = Cap(0, 1, np.minimum(self.first + self.third, np.pi / 2))
        rest = BoxBound(strength * self.vertices.sum(axis=2), self.vertices**power, turn, (cap,))
        dual = replace(self.dual, basis=FLAT)
        # What is best at a minimum.
        E = strength * self.form.q * self.middle[:, :, None] * np.eye(2)
        x = np.zeros((len(S), self.form.classes, 2))
        for hard in HARDNESS:
            E, x = dual.improve(S, E, x, STEPS, Softened(rest, np.full(len(S), hard / target)))
        phi, x = dual.bound(S, E, x)
        pull = self.dual.fit_gradient((S[:, None] @ x[..., None])[..., 0]) @ self.frame
        D = turn @ E @ turn
        gamma = np.einsum("nca,ncb->nab", pull / (4 * np.asarray(self.form.count)[:, None]), pull)
        inverse: Array = np.asarray(np.linalg.inv(D), dtype=np.float64)
        turned = most_turned(gamma, inverse, self.third)
        flat = rest.least(E)
        most = np.maximum(Cap(2, 1, self.third).most(gamma, np.zeros(len(S))), 0.0)
        ends = np.stack([self.low[:, 2], self.high[:, 2]])
        thin = np.min(strength * ends - 2 * np.sqrt(most * ends**power), axis=0)
        bound = phi - turned + flat + thin
        return np.nan_to_num(bound, nan=-np.inf), self._multiplier(D), self._loose(D, gamma, cap, turned, thin)

    def _multiplier(self, D: Array) -> Array:
        """F diag(D, tr D) F^T; only D counts."""
        whole = np.zeros((len(D), 3, 3))
        whole[:, :2, :2] = D
        whole[:, 2, 2] = np.einsum("naa->n", D)
        return self.frame @ whole @ np.swapaxes(self.frame, 1, 2)

    def _loose(self, D: Array, gamma: Array, cap: Cap, turned: Array, thin: Array) -> Array:
        """What the ranges cost: of t each, of u_1 beside the best D for the matrix in the middle, and of u_3."""
        power, strength = self.form.depth + 1, self.form.strength
        values = self.middle**power
        t = np.stack([self.low[:, :2], self.middle, self.high[:, :2]])
        line = strength * t - np.einsum("naa->na", D) * t**power
        flat = gamma[:, :2, :2]
        here = np.sum(flat * np.swapaxes(np.linalg.inv(D), 1, 2), axis=(1, 2)) + values[:, 1] * np.einsum("naa->n", D)
        here += (values[:, 0] - values[:, 1]) * cap.most(D, np.zeros(len(D)))
        product = np.sum(np.einsum("naa->na", flat) * values, axis=1)
        determinant = np.maximum(np.linalg.det(flat), 0.0) * values[:, 0] * values[:, 1]
        across = here - 2 * np.sqrt(product + 2 * np.sqrt(determinant))
        lost = line[1] - np.minimum(line[0], line[2])
        return np.column_stack([lost, strength * self.low[:, 2] - thin, across, turned])


def most_turned(gamma: Array, inverse: Array, angle: Array) -> Array:
    r"""Upper bound of <Gamma, W E^-1 W^T> less its value in the middle, over turns of at most ``angle`` <= pi / 2.

    With P = E^-1, W = [1 - b eta eta^T; eta^T], b = 1 / (1 + cos), this is

    .. math:: 2 \eta^T P \Gamma_{Rn} + \Gamma_{nn} \eta^T P \eta - b\,\eta^T (P \Gamma_{RR} + \Gamma_{RR} P) \eta
        - 2 b\,(\eta^T \Gamma_{Rn}) \eta^T P \eta + b^2 (\eta^T \Gamma_{RR} \eta) \eta^T P \eta.
    """
    size, b = np.sin(angle), 1 / (1 + np.cos(angle))
    flat, across, own = gamma[:, :2, :2], gamma[:, :2, 2], gamma[:, 2, 2]
    slope = np.linalg.norm((inverse @ across[:, :, None])[:, :, 0], axis=1)
    both = inverse @ flat
    both = both + np.swapaxes(both, 1, 2)
    bent = np.linalg.eigvalsh(own[:, None, None] * inverse - 0.5 * both)[:, -1]
    bent = bent + (b - 0.5) * np.maximum(-np.linalg.eigvalsh(both)[:, 0], 0.0)
    wide = np.linalg.eigvalsh(inverse)[:, -1]
    # The largest 2 slope s + bent s^2 for s up to size.
    at = np.where(slope + bent * size < 0, slope / np.maximum(-bent, 1e-300), size)
    cubic = 2 * b * np.linalg.norm(across, axis=1) * wide * size**3
    quartic = b**2 * np.linalg.eigvalsh(flat)[:, -1] * wide * size**4
    return np.asarray(2 * slope * at + bent * at**2 + cubic + quartic)


# The symmetric matrices of order two.
FLAT = np.array([[[1.0, 0], [0, 0]], [[0, 1], [1, 0]], [[0, 0], [0, 1]]])

r"""Lower bounds of the loss on boxes of four classes whose multiplier turns with the plane of u_1 and u_2.

For shares p_c, g_c = w_c sum_j p_cj d_cj and Gamma = sum_c g_c g_c^T / (4 nu_c), a matrix with its plane turned by eta
from the middle of its box (|eta| the sine of the angle) and N in that plane, N = sum_i t_i^(L+1) v_i v_i^T, has

.. math:: f \ge \sum_c w_c H(p_c) - \operatorname{tr} P\,\Gamma(\eta) + c (t_1 + t_2) - \langle P^{-1}, N\rangle
    + c\,t_3 - 2 \sqrt{t_3^{L+1} u_3^T \Gamma u_3}, \qquad \Gamma(\eta) = W^T \Gamma W.

P^{-1} is the part of the multiplier in the middle plane. Source: derivations/plane_bound.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optima.checker.boxes import vertices
from optima.checker.instance import rival_differences
from optima.checker.leaves import Leaves, caps, most_on_arc, most_on_cap, positive
from optima.model import Array


def plane_bounds(leaves: Leaves, low: Array, high: Array, D: Array) -> Array:
    """Bounds (N,) of boxes with corners (N, 7), from multipliers D (N, 3, 3)."""
    first, third, reach, turn = caps(low, high)
    plane = np.stack([first, np.cross(third, first)], axis=2)
    E = np.swapaxes(plane, 1, 2) @ D @ plane
    good = positive(E)
    bound = np.full(len(D), -np.inf)
    if good.any():
        box = _Planes(leaves, low[good], high[good], plane[good], third[good], E[good], reach[good], turn[good])
        bound[good] = box.bounds()
    return bound


@dataclass(frozen=True)
class _Planes:
    """Boxes, their middle planes (N, 3, 2) and the directions across, E (N, 2, 2), the turns of u_1 and of u_3."""

    leaves: Leaves
    low: Array
    high: Array
    plane: Array
    third: Array
    E: Array
    reach: Array
    turn: Array

    def bounds(self) -> Array:
        """Bounds (N,)."""
        instance = self.leaves.instance
        weight, count = np.array(instance.weight), np.array(instance.count)
        rival = rival_differences(instance.classes)
        root = np.linalg.inv(np.linalg.cholesky(self.E)) @ np.swapaxes(self.plane, 1, 2)
        p = self.leaves.shares(np.einsum("nab,cjb->ncja", root, rival))
        g = weight[:, None] * np.einsum("ncj,cja->nca", p, rival)
        gamma = np.einsum("nca,ncb->nab", g / (4 * count[:, None]), g)
        entropy = (weight * self.leaves.entropy(p)).sum(axis=1)
        return entropy - self._most_dual(gamma) + self._least_in_plane() + self._least_across(gamma)

    def _most_dual(self, gamma: Array) -> Array:
        """Largest tr P Gamma(eta): terms of each degree in eta, those of the third and fourth by their norms."""
        P, s = np.linalg.inv(self.E), np.sin(self.turn)
        b = 1 / (1 + np.cos(self.turn))
        flat = np.swapaxes(self.plane, 1, 2) @ gamma @ self.plane
        mixed = np.einsum("nab,nbc,nc->na", np.swapaxes(self.plane, 1, 2), gamma, self.third)
        own = np.einsum("na,nab,nb->n", self.third, gamma, self.third)
        product = P @ flat
        product = product + np.swapaxes(product, 1, 2)
        linear = 2 * np.linalg.norm(np.einsum("nab,nb->na", P, mixed), axis=1)
        # b is between 1/2 and its value at the edge.
        square = np.linalg.eigvalsh(own[:, None, None] * P - 0.5 * product)[:, 1]
        square = square + (b - 0.5) * np.maximum(-np.linalg.eigvalsh(product)[:, 0], 0.0)
        peak = np.where(square < 0, linear / np.maximum(-2 * square, 1e-300), np.inf)
        x = np.minimum(peak, s)
        largest = np.linalg.eigvalsh(P)[:, 1]
        rest = 2 * b * np.linalg.norm(mixed, axis=1) + b**2 * s * np.linalg.eigvalsh(flat)[:, 1]
        constant = 0.5 * np.einsum("naa->n", product)
        return np.asarray(constant + linear * x + square * x**2 + largest * s**3 * rest)

    def _least_in_plane(self) -> Array:
        """Least c (t_1 + t_2) - <E, N>; the turn of the plane adds to that of u_1."""
        instance, angle = self.leaves.instance, np.minimum(self.reach + self.turn, np.pi / 2)
        most, trace = most_on_arc(self.E, -angle, angle), np.einsum("naa->n", self.E)
        best = np.full(len(trace), np.inf)
        for t, inside in vertices(self.low[:, :2], self.high[:, :2]):
            eigen = t ** (instance.depth + 1)
            value = instance.strength * t.sum(axis=1) - eigen[:, 1] * trace - (eigen[:, 0] - eigen[:, 1]) * most
            best = np.where(inside, np.minimum(best, value), best)
        return best

    def _least_across(self, gamma: Array) -> Array:
        """Least c t - 2 sqrt(t^(L+1) u_3^T Gamma u_3), concave in t."""
        instance = self.leaves.instance
        most = np.maximum(most_on_cap(gamma, self.third, self.turn), 0.0)
        t = np.stack([self.low[:, 2], self.high[:, 2]])
        return np.asarray(np.min(instance.strength * t - 2 * np.sqrt(most * t ** (instance.depth + 1)), axis=0))

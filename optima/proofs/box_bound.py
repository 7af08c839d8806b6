r"""The least value of penalty - <D, M> on boxes of matrices, as a concave function of D.

In the frame of the middle of a box, D^ = R^T E R, and with t over the vertices of the box

.. math:: \min_t\; c \sum_i t_i - \lambda_2 \operatorname{tr} D - (\lambda_1 - \lambda_2) X(D)
    + (\lambda_2 - \lambda_3) Z(D)

where X, the largest u^T D u in the cap of u_1, is convex in D, and Z, the least in the cap of u_3, concave:

.. math:: X = \max_{0 \le s \le \alpha} \cos^2 s\, \hat D_{11} + \sin 2s\, |\hat D_{1J}|
    + \sin^2 s\, \lambda_{\max}(\hat D_{JJ}), \qquad J = \{2, 3\}.

Softened, minimum and norms are smooth: a logarithm of exponentials, and sqrt(|a|^2 + e^2). Source:
derivations/convex_concave.py.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cache
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from optima.model import Array
from optima.model.rows import Rows
from optima.workers.machine import loaded

# A norm that counts with weight w is softened by w^-UNEVEN. At 0 the ascents on narrow caps come to rest too early; at
# 1 the norms are lost in their softening, and no split of a cap promises anything.
UNEVEN = 0.5
# Angles count as at least so much there.
NARROW = 1e-9


@dataclass(frozen=True)
class Cap(Rows):
    """Directions within ``angle`` (N,) of axis number ``axis`` of the frame; ``sign`` -1 for the least value."""

    axis: int
    sign: int
    angle: Array

    def most(self, D: Array, small: Array) -> Array:
        """sign X(sign D) (N,) of D (N, m, m) in the frame, norms softened by ``small`` (N,)."""
        own, other, length, _ = self._polar(D, small)
        twice = self._twice(own, other, length)
        half = 0.5 * (own - other)
        return self.sign * (0.5 * (own + other) + half * np.cos(twice) + length * np.sin(twice))

    def expansion(self, D: Array, small: Array) -> tuple[Array, Array]:
        """Gradient (N, m, m) of :meth:`most`, and its curvature (N, k, k) in the entries on and above the diagonal.

        The angle that attains it is held still, which leaves out a part of the curvature.
        """
        m = D.shape[1]
        own, other, length, spread = self._polar(D, small)
        twice = self._twice(own, other, length)
        upper, lower, sin = 0.5 * (1 + np.cos(twice)), 0.5 * (1 - np.cos(twice)), np.sin(twice)
        slope, curvature = np.zeros_like(D), np.zeros((len(D), m * (m + 1) // 2, m * (m + 1) // 2))
        at = {pair: n for n, pair in enumerate(itertools.combinations_with_replacement(range(m), 2))}
        rest = self._rest(m)
        across = self.sign * D[:, self.axis, rest]
        slope[:, self.axis, self.axis] = upper
        for k, a in enumerate(rest):
            slope[:, self.axis, a] = slope[:, a, self.axis] = 0.5 * sin * across[:, k] / length
            for n, b in enumerate(rest):
                row, column = (at[min(self.axis, c), max(self.axis, c)] for c in (a, b))
                curvature[:, row, column] += sin * ((a == b) / length - across[:, k] * across[:, n] / length**3)
        if m == 2:
            slope[:, rest[0], rest[0]] = lower
            return slope, self.sign * curvature
        i, j = rest
        skew = self.sign * np.stack([0.5 * (D[:, i, i] - D[:, j, j]), D[:, i, j]], axis=1)
        slope[:, i, i] = lower * (0.5 + 0.5 * skew[:, 0] / spread)
        slope[:, j, j] = lower * (0.5 - 0.5 * skew[:, 0] / spread)
        slope[:, i, j] = slope[:, j, i] = 0.5 * lower * skew[:, 1] / spread
        bent = (np.eye(2) - skew[:, :, None] * skew[:, None, :] / spread[:, None, None] ** 2) / spread[:, None, None]
        to = np.zeros((2, curvature.shape[1]))
        to[0, at[i, i]], to[0, at[j, j]], to[1, at[i, j]] = 0.5, -0.5, 1.0
        return slope, self.sign * (curvature + lower[:, None, None] * (to.T @ bent @ to))

    @property
    def weight(self) -> Array:
        """What |D_1J| counts with, up to sin(2 angle) / 2, to a power; the spread up to sin^2(angle)."""
        return np.asarray(np.sin(np.clip(self.angle, NARROW, np.pi / 4)) ** UNEVEN)

    def _rest(self, m: int) -> list[int]:
        return [i for i in range(m) if i != self.axis]

    def _polar(self, D: Array, small: Array) -> tuple[Array, Array, Array, Array]:
        """u^T D u, the largest eigenvalue across u, |P D u|, and half the spread of the eigenvalues across u."""
        D = self.sign * D
        rest = self._rest(D.shape[1])
        small, smaller = small / self.weight, small / self.weight**2
        length = np.sqrt(np.sum(D[:, self.axis, rest] ** 2, axis=1) + small**2)
        i, j = rest[0], rest[-1]
        spread = np.sqrt((0.5 * (D[:, i, i] - D[:, j, j])) ** 2 + (i != j) * (D[:, i, j] ** 2 + smaller**2))
        return D[:, self.axis, self.axis], 0.5 * (D[:, i, i] + D[:, j, j]) + spread, length, spread

    def _twice(self, own: Array, other: Array, length: Array) -> Array:
        return np.minimum(2 * self.angle, np.arctan2(length, 0.5 * (own - other)))


@dataclass(frozen=True)
class BoxBound(Rows):
    """The function of E for N boxes: c sum t (N, v), eigenvalues (N, v, m) at the vertices, R (N, m, m), and caps.

    In machine code where numba is there; ``interpreted`` keeps numpy at work, the slow reference.
    """

    penalty: Array
    eigenvalues: Array
    turn: Array
    caps: tuple[Cap, ...]
    interpreted: bool = False

    def least(self, E: Array) -> Array:
        """The minimum (N,)."""
        if self._compiled is not None:
            return self._compiled.values(*self._told(), E, np.zeros(len(E)))
        return np.min(self._parts(self._inward(E), np.zeros(len(E))), axis=1)

    def softened(self, E: Array, beta: Array) -> Array:
        """The minimum (N,), softened by about 1 / ``beta`` (N,)."""
        if self._compiled is not None:
            return self._compiled.values(*self._told(), E, np.asarray(beta, dtype=float))
        parts = self._parts(self._inward(E), self._small(beta))
        least = parts.min(axis=1)
        return least - np.log(np.sum(np.exp(-beta[:, None] * (parts - least[:, None])), axis=1)) / beta

    def expansion(self, E: Array, beta: Array) -> tuple[Array, Array]:
        """Gradient (N, k) and negative curvature (N, k, k) of :meth:`softened` in the entries of E."""
        if self._compiled is not None:
            return self._compiled.expansions(*self._told(), E, np.asarray(beta, dtype=float))
        D, small = self._inward(E), self._small(beta)
        parts = self._parts(D, small)
        weight = np.exp(-beta[:, None] * (parts - parts.min(axis=1, keepdims=True)))
        weight /= weight.sum(axis=1, keepdims=True)
        coefficient = self._coefficients()
        mean = np.einsum("nv,nvf->nf", weight, coefficient)
        spread = np.einsum("nv,nvf,nvg->nfg", weight, coefficient, coefficient) - mean[:, :, None] * mean[:, None, :]
        slope, curvature = self._features(D, small)
        bent = np.swapaxes(slope, 1, 2) @ (beta[:, None, None] * spread) @ slope
        bent -= np.einsum("nf,nfab->nab", mean, curvature)
        return np.einsum("nf,nfa->na", mean, slope), bent

    @property
    def _compiled(self) -> ModuleType | None:
        return None if self.interpreted else _machine_code()

    def _told(self) -> tuple[NDArray, ...]:
        """What machine code is told of the boxes."""
        nothing = np.zeros((len(self.penalty), 0))
        angles = np.column_stack([cap.angle for cap in self.caps]) if self.caps else nothing
        weights = np.column_stack([cap.weight for cap in self.caps]) if self.caps else nothing
        sides = np.array([(cap.axis, cap.sign) for cap in self.caps], dtype=np.int64).reshape(-1, 2)
        return self.penalty, self.eigenvalues, self.turn, sides, angles, weights

    def _small(self, beta: Array) -> Array:
        return 1 / np.maximum(beta * self.eigenvalues[:, :, 0].max(axis=1), 1e-100)

    def _inward(self, E: Array) -> Array:
        """D in the frame."""
        return np.swapaxes(self.turn, 1, 2) @ E @ self.turn

    def _coefficients(self) -> Array:
        """Of tr D, X and Z, shape (N, v, 1 + caps)."""
        eigen = self.eigenvalues
        if eigen.shape[2] == 1:
            return -eigen
        rest = [eigen[:, :, 1] - eigen[:, :, 0]]
        if eigen.shape[2] == 3:
            rest.append(eigen[:, :, 1] - eigen[:, :, 2])
        return np.stack([-eigen[:, :, 1], *rest], axis=2)

    def _parts(self, D: Array, small: Array) -> Array:
        """Values (N, v) at the vertices."""
        feature = np.stack([np.einsum("naa->n", D), *(cap.most(D, small) for cap in self.caps)], axis=1)
        return self.penalty + np.einsum("nvf,nf->nv", self._coefficients(), feature)

    def _features(self, D: Array, small: Array) -> tuple[Array, Array]:
        """Gradients (N, f, k) and curvatures (N, f, k, k) of tr D, X and Z in the entries of E."""
        m = D.shape[1]
        i, j = np.triu_indices(m)
        found = [cap.expansion(D, small) for cap in self.caps]
        # Entries off the diagonal stand for two.
        slopes = [
            np.broadcast_to(i == j, (len(D), i.size)),
            *(slope[:, i, j] * np.where(i == j, 1, 2) for slope, _ in found),
        ]
        bent = [np.zeros((len(D), i.size, i.size)), *(curvature for _, curvature in found)]
        inward = self._entries()[:, None]
        outward = np.swapaxes(inward, 2, 3)
        return (outward @ np.stack(slopes, axis=1)[..., None])[..., 0], outward @ np.stack(bent, axis=1) @ inward

    def _entries(self) -> Array:
        """The map (N, k, k) from the entries of E on and above the diagonal to those of D in the frame."""
        i, j = np.triu_indices(self.turn.shape[1])
        R = self.turn
        # D_ab = sum_ij R_ia E_ij R_jb.
        both = R[:, i][:, :, i] * R[:, j][:, :, j]
        crossed = R[:, j][:, :, i] * R[:, i][:, :, j]
        return np.swapaxes(both + np.where((i == j)[:, None], 0.0, crossed), 1, 2)


@cache
def _machine_code() -> ModuleType | None:
    """The compiled bound; None, and numpy does its work, where numba is not installed or does not run."""
    return loaded("optima.proofs.compiled_box")


@dataclass(frozen=True)
class Softened(Rows):
    """The function softened by 1 / beta (N,)."""

    exact: BoxBound
    beta: Array

    def value(self, E: Array) -> Array:
        """Values (N,)."""
        return self.exact.softened(E, self.beta)

    def expansion(self, E: Array) -> tuple[Array, Array]:
        """Gradient (N, k) and negative curvature (N, k, k)."""
        return self.exact.expansion(E, self.beta)

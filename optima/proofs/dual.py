r"""The dual of the fit, for batches of matrices: linear lower bounds on h.

.. math:: h(M) \ge \phi(D) - \langle D, M\rangle, \qquad
    \phi(D) = \sum_c \min_y \bigl[ w_c \log(1 + \mu \sum_j e^{d_{cj}\cdot y}) + \nu_c\, y^T D y \bigr], \quad D > 0,

with equality for the best D. Everything is computed in coordinates in which M is the identity: with M = S S^T,
D = S^{-T} E S^{-1} and y = S x. An inner point x with gradient R costs R^T E^{-1} R / (4 nu_c), which is subtracted,
so the bounds hold for any E > 0 and any x. Source: derivations/convex_concave.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from optima.model import Array
from optima.proofs.box_bound import Softened
from optima.proofs.form import ConvexConcave, centred_basis
from optima.workers.machine import loaded

# Newton steps of the inner minimisation, and the loss (relative to phi) at which it ends.
INNER = 60
CLOSE = 1e-13
# A step changes the eigenvalues of E by these factors at most, and keeps them above this share of the largest.
SHRINK, GROW = 0.2, 5.0
SINGULAR = 1e-5
# Relative gain of a step on E that ends the improvement.
LITTLE = 1e-4


@dataclass(frozen=True)
class Trace:
    """- tr E, so that h is linearised at M = 1; expansions are in the coordinates of the basis."""

    basis: Array

    def take(self, rows: NDArray) -> Trace:
        """The same for all boxes."""
        return self

    def value(self, E: Array) -> Array:
        """Values (N,)."""
        return -np.einsum("naa->n", E)

    def expansion(self, E: Array) -> tuple[Array, Array]:
        """Gradient, and no curvature."""
        k = len(self.basis)
        return np.broadcast_to(-np.einsum("kaa->k", self.basis), (len(E), k)), np.zeros((len(E), k, k))


# A smooth concave function of E (N, m, m), to be added to phi.
Rest: TypeAlias = Trace | Softened


@dataclass(frozen=True)
class FitDual:
    """phi for E = sum_k e_k B_k, with ``basis`` B (k, m, m) of the matrices allowed.

    ``rival`` (C, J, m) is d_cj, ``weight`` and ``count`` (C,) are w_c and nu_c, ``rivals`` is mu;
    E is kept above ``least``, and its improvement ends at a relative gain of ``little``. ``interpreted`` keeps numpy at
    work where machine code would do it.
    """

    rival: Array
    weight: Array
    count: Array
    rivals: float
    basis: Array
    least: float
    little: float = LITTLE
    interpreted: bool = False

    @classmethod
    def of(cls, form: ConvexConcave, least: float) -> FitDual:
        """All symmetric E on the centred vectors."""
        K = form.classes
        rows = centred_basis(K)
        rival = np.stack([np.delete(rows, c, axis=0) - rows[c] for c in range(K)])
        i, j = np.triu_indices(K - 1)
        basis = np.zeros((i.size, K - 1, K - 1))
        basis[np.arange(i.size), i, j] = basis[np.arange(i.size), j, i] = 1.0
        return cls(rival, np.asarray(form.weight), np.asarray(form.count), form.rivals, basis, least)

    @property
    def _compiled(self) -> ModuleType | None:
        return None if self.interpreted else _machine_code()

    @property
    def _fit(self) -> tuple[Array, Array, Array, float]:
        """What machine code is told of the fit."""
        return self.rival, self.weight, self.count, self.rivals

    def improve(self, S: Array, E: Array, x: Array, steps: int, rest: Rest) -> tuple[Array, Array]:
        """Newton steps towards the E that maximises phi + ``rest``; each goes uphill, until little is gained."""
        # A step that overflows is not uphill, and refused.
        with np.errstate(over="ignore", invalid="ignore"):
            return self._improve(S, E, x, steps, rest)

    def _improve(self, S: Array, E: Array, x: Array, steps: int, rest: Rest) -> tuple[Array, Array]:
        E, x = E.copy(), x.copy()
        value, x = self._total(S, E, x, rest)
        going = np.arange(len(E))
        for _ in range(steps):
            before = value[going]
            step = self._step(S[going], E[going], x[going], rest.take(going))
            pending, step_of = going, step
            for shorten in (None, 1.0, 0.2, 0.04):
                trial = self._moved(E[pending], step_of, shorten)
                reached, inner = self._total(S[pending], trial, x[pending], rest.take(pending))
                up = reached > value[pending]
                rows = pending[up]
                E[rows], x[rows], value[rows] = trial[up], inner[up], reached[up]
                pending, step_of = pending[~up], step_of[~up]
                if not pending.size:
                    break
            going = going[value[going] - before > self.little * np.abs(value[going])]
            if not going.size:
                break
        return E, x

    def _total(self, S: Array, E: Array, x: Array, rest: Rest) -> tuple[Array, Array]:
        phi, x = self.bound(S, E, x)
        return phi + rest.value(E), x

    def bound(self, S: Array, E: Array, x: Array) -> tuple[Array, Array]:
        """Valid lower bounds of phi (N,), and inner points (N, C, m), from inner points x."""
        if self._compiled is not None:
            return self._compiled.bounds(*self._fit, S, E, x, INNER, CLOSE)
        rival = self._scaled(S)
        x = self._minimise(rival, E, x)
        value, gradient, _ = self._inner(rival, E, x)
        return np.sum(value - self._lost(E, gradient), axis=1), x

    def terms(self, S: Array, E: Array, x: Array) -> tuple[Array, Array, Array]:
        """Value (N, C), gradient (N, C, m) and Hessian (N, C, m, m) of the inner functions at inner points x."""
        return self._inner(self._scaled(S), E, x)

    def fit_gradient(self, y: Array) -> Array:
        """Gradient (N, C, m) of w_c log(1 + mu sum_j e^(d_cj . y)) at y (N, C, m)."""
        rival = np.broadcast_to(self.rival, (len(y), *self.rival.shape))
        nothing = np.zeros((len(y), y.shape[2], y.shape[2]))
        return self._inner(rival, nothing, y)[1]

    def _lost(self, E: Array, gradient: Array) -> Array:
        """R^T E^{-1} R / (4 nu_c), shape (N, C)."""
        solved = np.linalg.solve(E, np.swapaxes(gradient, 1, 2))
        return np.einsum("nca,nac->nc", gradient, solved) / (4 * self.count)

    def _scaled(self, S: Array) -> Array:
        """d_cj in the coordinates of x, shape (N, C, J, m)."""
        return np.einsum("cja,nab->ncjb", self.rival, S, optimize=True)

    def expansion(self, S: Array, E: Array, x: Array) -> tuple[Array, Array]:
        """Gradient (N, k) and negative curvature (N, k, k) of phi in the basis, from inner points x."""
        if self._compiled is not None:
            return self._compiled.expansions(*self._fit, self.basis, S, E, x)
        hessian = _invertible(self.terms(S, E, x)[2])
        pull = 2 * np.einsum("kab,ncb->nkca", self.basis, x, optimize=True) * self.count[:, None]
        solved = np.linalg.solve(hessian[:, None], pull[..., None])[..., 0]
        N, k = pull.shape[:2]
        return 0.5 * np.einsum("nkca,nca->nk", pull, x), pull.reshape(N, k, -1) @ np.swapaxes(
            solved.reshape(N, k, -1), 1, 2
        )

    def _step(self, S: Array, E: Array, x: Array, rest: Rest) -> Array:
        """Newton step (N, m, m) of phi + rest."""
        (slope, curvature), (more, bent) = self.expansion(S, E, x), rest.expansion(E)
        return np.tensordot(newton_step(slope + more, curvature + bent), self.basis, axes=1)

    def _minimise(self, rival: Array, E: Array, x: Array) -> Array:
        """Damped Newton steps on every x_c, until all decrements of a box are at rounding."""
        going = np.arange(len(E))
        x = x.copy()
        for _ in range(INNER):
            value, gradient, hessian = self._inner(rival, E, x[going])
            step = np.linalg.solve(_invertible(hessian), gradient[..., None])[..., 0]
            reach = np.abs(rival @ step[..., None])[..., 0].max(axis=2)
            x[going] -= damped(reach)[..., None] * step
            more = np.max(self._lost(E, gradient), axis=1) > CLOSE * value.sum(axis=1)
            going, rival, E = going[more], rival[more], E[more]
            if not going.size:
                break
        return x

    def _inner(self, rival: Array, E: Array, x: Array) -> tuple[Array, Array, Array]:
        """Value (N, C), gradient (N, C, m) and Hessian (N, C, m, m) of the inner functions."""
        exponent = (rival @ x[..., None])[..., 0]
        top = np.maximum(exponent.max(axis=2), 0.0)
        odds = self.rivals * np.exp(exponent - top[..., None])
        # Less 1, which would swallow odds of a weak penalty.
        total = np.expm1(-top) + odds.sum(axis=2)
        share = odds / (1 + total)[..., None]
        mean = (share[..., None, :] @ rival)[..., 0, :]
        Ex = x @ E * self.count[:, None]
        value = self.weight * (top + np.log1p(total)) + np.einsum("nca,nca->nc", x, Ex)
        gradient = self.weight[:, None] * mean + 2 * Ex
        hessian = np.swapaxes(rival * share[..., None], 2, 3) @ rival - mean[..., :, None] * mean[..., None, :]
        hessian = self.weight[:, None, None] * hessian + 2 * self.count[:, None, None] * E[:, None]
        return value, gradient, hessian

    def _moved(self, E: Array, step: Array, shorten: float | None) -> Array:
        """E + step, kept positive definite.

        The eigenvalues of the step relative to E are each clipped to [SHRINK, GROW] - 1 (``shorten`` None), or the
        step is shortened as a whole to stay in this range, and by the factor ``shorten``.
        """
        root = np.linalg.cholesky(E)
        inverse = np.linalg.inv(root)
        relative = inverse @ step @ np.swapaxes(inverse, 1, 2)
        values, vectors = np.linalg.eigh(np.where(np.isfinite(relative), relative, 0.0))
        low, high = SHRINK - 1, GROW - 1
        if shorten is None:
            values = np.clip(values, low, high)
        else:
            over = np.maximum(np.maximum(values[:, -1] / high, values[:, 0] / low), 1.0)
            values = shorten * values / over[:, None]
        half = root @ vectors
        moved = (half * (1 + values)[:, None, :]) @ np.swapaxes(half, 1, 2)
        trace = np.einsum("naa->n", moved)[:, None, None]
        return moved + (SINGULAR * trace + self.least) * np.eye(E.shape[1])


@cache
def _machine_code() -> ModuleType | None:
    """The compiled inner minima; None, and numpy does their work, where numba is not installed or does not run."""
    return loaded("optima.proofs.compiled")


def _invertible(hessian: Array) -> Array:
    """Hessians (N, C, m, m) never singular, also where E is lost in rounding beside the curvature of the fit."""
    size = np.maximum(np.einsum("ncaa->nc", hessian), 1e-300)
    return hessian + 1e-15 * size[..., None, None] * np.eye(hessian.shape[2])


def damped(reach: Array) -> Array:
    """Share of a Newton step that descends where it changes exponents by ``reach``: log(1 + reach) / reach.

    The logarithm of a sum of exponentials is self-concordant in this sense.
    """
    return np.where(reach > 1e-3, np.log1p(reach) / np.maximum(reach, 1e-3), 1.0)


def newton_step(slope: Array, curvature: Array) -> Array:
    """Newton steps (N, k) of concave functions with negative curvatures (N, k, k), zero where they overflow."""
    size = np.sqrt(np.maximum(np.einsum("nkk->nk", curvature), 1e-300))
    scaled = curvature / (size[:, :, None] * size[:, None, :]) + 1e-12 * np.eye(slope.shape[1])
    with np.errstate(over="ignore", invalid="ignore"):
        return np.nan_to_num(np.linalg.solve(scaled, (slope / size)[..., None])[..., 0] / size)

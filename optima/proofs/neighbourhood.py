r"""Neighbourhoods of a known minimum in which nothing is better, by curvature: boxes inside need not be split.

At M* of full rank, in coordinates in which M* = 1 (M = S (1 + X) S^T) and D* = c q M*^(q-1) is E,

.. math:: f(M) \ge b + \tfrac12\,Q^{-1}[X, X] - \tfrac12\,(1-\rho)^{q-2}\,\kappa[X, X], \qquad \|X\|_F \le \rho,

with b = phi(E) - tr E + c tr M*^q, the curvature kappa of - c tr M^q at M*, and Q above the curvature of - phi between
E and E - Q^{-1} X: the fit of a class, convex with a third derivative of at most (its largest difference of exponents)
times the second, keeps a share psi(tau) = (e^-tau + tau - 1) / tau^2 of its curvature where these differ by tau at
most. Where the right side is convex, no M with ||X||_F <= rho is better than b. Source: derivations/neighbourhood.py.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from optima.model import Array
from optima.proofs.dual import FitDual
from optima.proofs.form import ConvexConcave, centred_basis

# Differences of exponents, and shares of E, that are tried for the largest neighbourhood.
TAUS = (0.03, 0.1, 0.2, 0.4, 0.7, 1.0, 1.5, 2.0, 3.0)
SHARES = (0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 0.7)
# What is left of rho, and how much more Q counts, for the roundings of a check.
KEPT, ROOM = 0.999, 2.0**-10
# Singular values below this part of the largest are not of full rank.
SINGULAR = 1e-6
# Relative difference up to which two matrices are one; what boxes stay away from the edge.
SAME, LEEWAY = 1e-9, 1e-9


@dataclass(frozen=True)
class Neighbourhood:
    """All M with ||S^{-1} (M - M*) S^{-T}||_F <= rho, M* = S S^T, and the bound b there.

    ``centres`` (I, ..) are M* and its relabellings as rows of t_i with lambda_i = t_i^(L+1), and in the plane the angle
    of u_1, in space the frame row by row; ``tau`` and ``share`` are the limits at which rho holds.
    """

    depth: int
    centres: Array
    rho: float
    tau: float
    share: float
    bound: float

    def holds(self, least: Array, most: Array, frames: Array, turns: tuple[Array, ...]) -> NDArray[np.bool_]:
        """Which boxes (N,) lie in the neighbourhood of one of the centres.

        ``least``, ``most`` (N, m) are the eigenvalues, ``frames`` (N, m, m) the middle frames, and ``turns`` the
        largest angles (N,) from its first and last direction.
        """
        # M = lambda_2 1 + (lambda_1 - lambda_2) u_1 u_1^T - (lambda_2 - lambda_3) u_3 u_3^T.
        spread = 0.5 * np.linalg.norm(most - least, axis=1)
        for i, turn in enumerate(turns):
            spread += math.sqrt(2) * (most[:, i] - least[:, i + 1]) * np.sin(np.minimum(turn, np.pi / 2))
        middle = (frames * (0.5 * (least + most))[:, None, :]) @ np.swapaxes(frames, 1, 2)
        inside = np.zeros(len(least), dtype=bool)
        for values, inward in zip(self.eigenvalues, self._inward, strict=True):
            away = np.swapaxes(inward, 0, 1) @ middle @ inward - np.eye(values.size)
            distance = np.linalg.norm(away, axis=(1, 2)) + spread / values.min()
            inside |= distance <= self.rho * (1 - LEEWAY)
        return inside

    @property
    def least(self) -> float:
        """The least eigenvalue of a centre."""
        return float(self.eigenvalues.min())

    @cached_property
    def eigenvalues(self) -> Array:
        """lambda_i of the centres, shape (I, m)."""
        m = {1: 1, 3: 2, 12: 3}[self.centres.shape[1]]
        return np.asarray(self.centres[:, :m] ** (self.depth + 1))

    @cached_property
    def _inward(self) -> list[Array]:
        """S^{-T} of the centres."""
        m = self.eigenvalues.shape[1]
        return [
            frame_of(row[m:], m) / np.sqrt(values) for row, values in zip(self.centres, self.eigenvalues, strict=True)
        ]

    @property
    def limits(self) -> Array:
        """[rho, tau, share], as certificates keep them."""
        return np.array([self.rho, self.tau, self.share])


def neighbourhood_of(form: ConvexConcave, logits: Array) -> Neighbourhood | None:
    """The largest neighbourhood found around the minimum at ``logits`` (K, K); None where it has none.

    It has none at zero, at matrices of lower rank, and where the minimum is not strict.
    """
    rows = centred_basis(form.classes).T @ logits * np.sqrt(form.count)
    M = rows @ rows.T
    values, frame = np.linalg.eigh(M)
    if form.value(logits) >= form.zero_fit or values[0] < SINGULAR * values[-1]:
        return None
    at = _Expansion.of(form, values, frame)
    best = max((at.limited(tau, share) for tau in TAUS for share in SHARES), key=lambda found: found[0])
    return Neighbourhood(form.depth, _centres(form, M), *best) if best[0] > 0 else None


@dataclass(frozen=True)
class _Expansion:
    """The form about M* in coordinates in which M* = 1 and D* = diag(E): inner points x, rivals, Hessians of the fit.

    ``slope`` (C, m) is what is left of the inner gradients, ``base`` is b, ``kappa`` (k,) the curvature of the rest.
    """

    form: ConvexConcave
    E: Array
    x: Array
    rival: Array
    hessian: Array
    slope: Array
    base: float
    kappa: Array

    @classmethod
    def of(cls, form: ConvexConcave, values: Array, frame: Array) -> _Expansion:
        q, m = form.q, values.size
        E = form.strength * q * values**q
        dual = FitDual.of(form, 0.0)
        S = (frame * np.sqrt(values))[None]
        _, x = dual.bound(S, np.diag(E)[None], np.zeros((1, form.classes, m)))
        value, slope, hessian = dual.terms(S, np.diag(E)[None], x)
        count = np.asarray(form.count)
        hessian = hessian[0] - 2 * count[:, None, None] * np.diag(E)
        base = float(value.sum() - E.sum() + form.strength * np.sum(values**q))
        i, j = np.triu_indices(m)
        rival = np.einsum("cja,ab->cjb", dual.rival, S[0])
        kappa = form.strength * q * values[i] * values[j] * _divided(values[i], values[j], q)
        return cls(form, E, x[0], rival, hessian, slope[0], base, kappa)

    def limited(self, tau: float, share: float) -> tuple[float, float, float, float]:
        """(rho, tau, share, bound) for these limits; rho is zero or less where there is none."""
        i, j = np.triu_indices(self.E.size)
        g = np.where(i == j, 1.0, 2.0)
        weight, count = np.asarray(self.form.weight), np.asarray(self.form.count)
        psi = (math.exp(-tau) + tau - 1) / tau**2
        # The Hessian here has the weight of the class already.
        A = psi * self.hessian + (1 - share) * count[:, None, None] * np.diag(self.E)
        root = np.linalg.inv(np.linalg.cholesky(A))
        basis = np.zeros((i.size, self.E.size, self.E.size))
        basis[np.arange(i.size), i, j] = basis[np.arange(i.size), j, i] = 1.0
        pull = count[:, None, None] * np.einsum("cab,kbd,cd->cak", root, basis, self.x)
        Q = 2 * (1 + ROOM) * np.einsum("cak,cal->kl", pull, pull)
        steep = np.sqrt(self.kappa / g)
        most = np.linalg.eigvalsh(steep[:, None] * Q * steep)[-1]
        if most >= 1:
            return 0.0, tau, share, -math.inf
        rhos = [1 - most ** (1 / (2 - self.form.q))]
        answer = np.linalg.solve(Q, np.diag(np.sqrt(g)))
        relative = np.sqrt(g / (self.E[i] * self.E[j]))[:, None] * answer
        rhos.append(share / np.linalg.norm(relative, 2))
        for c in range(weight.size):
            rivals = np.concatenate([self.rival[c], np.zeros((1, self.E.size))])
            far = max(np.linalg.norm(root[c] @ (a - b)) for a, b in itertools.combinations(rivals, 2))
            rhos.append(tau / (2 * far * np.linalg.norm(pull[c] @ answer, 2)))
        rho = KEPT * min(rhos)
        return rho, tau, share, self.base - self._slack(A, answer, g, rho)

    def _slack(self, A: Array, answer: Array, g: Array, rho: float) -> float:
        """What the inner gradients and sum nu x x^T - 1, both at rounding, may cost."""
        i, j = np.triu_indices(self.E.size)
        inner = np.einsum("ca,cab,cb->", self.slope, np.linalg.inv(A), self.slope) * (1 + 1 / ROOM) / 4
        moment = np.einsum("c,ca,cb->ab", np.asarray(self.form.count), self.x, self.x) - np.eye(self.E.size)
        return float(inner + rho * np.linalg.norm(answer.T @ (g * moment[i, j])))


def _divided(a: Array, b: Array, q: float) -> Array:
    """-(a^(q-1) - b^(q-1)) / (a - b), and its limit where the two agree."""
    mean, half = 0.5 * (a + b), 0.5 * (a - b)
    close = np.abs(half) < 1e-4 * mean
    apart = np.where(close, 1.0, a - b)
    return np.where(close, (1 - q) * np.minimum(a, b) ** (q - 2), (b ** (q - 1) - a ** (q - 1)) / apart)


def _centres(form: ConvexConcave, M: Array) -> Array:
    """M, and what relabelling makes of it where the classes count alike, each once; rows as in ``centres``."""
    basis, kept = centred_basis(form.classes), [M]
    orders = itertools.permutations(range(form.classes)) if form.balanced else ()
    for turn in (basis.T @ basis[list(order)] for order in orders):
        image = turn @ M @ turn.T
        if all(np.linalg.norm(image - other) > SAME * np.linalg.norm(M) for other in kept):
            kept.append(image)
    return np.array([_row(image, form.q) for image in kept])


def _row(M: Array, q: float) -> Array:
    """t_i, then the angle of the first eigenvector in the plane, and all of them in space."""
    values, vectors = np.linalg.eigh(M)
    t, frame = values[::-1] ** q, vectors[:, ::-1]
    if t.size == 1:
        return t
    turn = np.array([math.atan2(frame[1, 0], frame[0, 0])]) if t.size == 2 else frame.ravel()
    return np.concatenate([t, turn])


def frame_of(turn: Array, m: int) -> Array:
    """The frame (m, m) of a row of ``centres``, its directions in the columns."""
    if m == 1:
        return np.ones((1, 1))
    if m == 3:
        return turn.reshape(3, 3)
    c, s = math.cos(turn[0]), math.sin(turn[0])
    return np.array([[c, -s], [s, c]])

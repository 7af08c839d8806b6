r"""Least Schatten quasi-norms at margin one by a feasible interior-point method, for batches of codes of one rank.

In factors M = A B^T with A, B of shape (K, r) the problem

.. math:: \min_M \sum_i s_i(M)^p \quad\text{subject to}\quad M_{cc} - M_{jc} \ge 1 \;\; (j \ne c)

is min (1/2) [tr (A^T A)^p + tr (B^T B)^p], smooth while the rank is r, and every code with positive margins becomes
feasible by a scale. Primal-dual Newton steps lower the barrier function

.. math:: \phi_\mu = \sum_i \frac{s_i^p - 1}{p} - \mu \sum_{j \ne c} \log(M_{cc} - M_{jc} - 1)

(sum_i log s_i for p = 0) inside the feasible set, while mu falls to zero. Source: derivations/rung_factors.py for the
factors; Nocedal and Wright, Numerical Optimization, chapter 19, for the method.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpotrf, dpotrs

from optima.model import Array
from optima.model.rows import Rows
from optima.search.descent import balanced
from optima.search.rung_objective import divided_differences, products, rotations
from optima.workers.machine import loaded

# Barrier parameter times the number of constraints, in units of sum s^p: the relative gap of the central path.
# Large first gaps forget more of the start, small ones lose rank less often: a batch uses both in turn.
LARGE_GAP, SMALL_GAP, LAST_GAP = 0.02, 1e-3, 1e-13
# Newton steps at most; a start that needs more is returned as it is.
STEPS = 300
# A barrier problem is solved when its gradient, relative to that of the norm, is at most the gap, and no product of
# slack and multiplier is off mu by more than this share of it.
SPREAD = 1.0
# Gradient below which nothing is left to gain in floating point.
SETTLED = 1e-12
# The gap falls to this share of itself or to this power of itself, whichever is less.
SHRINK, POWER = 0.2, 1.5
# Newton steps for the best scale of a point.
RAY = 20
# Share of the way to zero that a multiplier may go in a step.
INTERIOR = 0.995
# Exponents followed from one down: their ratio, and the least one before p itself.
FALL, LEAST_POWER = 0.75, 0.02
# How much more exactly points are computed that are compared with others of their exponent and gap, and how close their
# singular values must be (relative to the largest) to count as one.
NEAR, ALIKE = 1e-5, 1e-6
# Relative rounding of a value.
VALUE_ROUNDING = 1e-13
# Armijo's constant of sufficient decrease, and halvings of a step at most.
DECREASE, HALVINGS = 1e-4, 40
# A smallest singular value this small, relative to the largest, is on its way to zero.
DROPPED = 1e-6
# Least shift of an indefinite Hessian, in units of the curvature of the norm, its growth, and most shifts tried.
SHIFT, GROWTH, SHIFTS = 0.04, 4.0, 60
# The least shift of short steps: long ones leap over solutions near a start to where a singular value vanishes.
SHORT = 10.0


@dataclass
class Codes(Rows):
    """Where a batch of starts ended, each with its smallest margin at exactly one.

    ``factors`` (S, 2, K, r) are balanced, ``value`` (S,) is sum_i s_i^p (sum_i log s_i for p = 0), infinite where no
    margin was positive, and ``residual`` (S,) the gradient of the Lagrangian relative to that of the norm.
    """

    factors: Array
    value: Array
    residual: Array


def margins(means: Array) -> Array:
    """M_cc - M_jc at (j, c) of matrices (..., K, K), infinite on the diagonal."""
    own = np.einsum("...cc->...c", means)
    out = own[..., None, :] - means
    np.einsum("...cc->...c", out)[...] = np.inf
    return out


def norm(s: Array, p: float) -> Array:
    """sum_i s_i^p over the last axis; sum_i log s_i for p = 0."""
    with np.errstate(divide="ignore"):
        return np.sum(s**p if p else np.log(s), axis=-1)


def spectrum(factors: Array) -> Array:
    """Singular values (S, r) of balanced factors (S, 2, K, r)."""
    return np.sum(factors[:, 0] ** 2, axis=1)


def at_margin_one(factors: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Balanced and centred factors (S, 2, K, r) scaled to smallest margin one, and which of them have no such scale."""
    factors = factors - np.array([1.0, 0.0])[:, None, None] * factors.mean(axis=2, keepdims=True)
    factors = balanced(factors)
    smallest = margins(products(factors)).min(axis=(1, 2))
    largest = spectrum(factors)[:, 0]
    failed = ~(smallest > 1e-12 * largest)
    factors = factors / np.sqrt(np.where(failed, 1.0, smallest))[:, None, None, None]
    return factors, failed


def first_gaps(count: int) -> Array:
    """Gaps at which the paths of a batch begin, shape (S,)."""
    return np.where(np.arange(count) % 2, SMALL_GAP, LARGE_GAP)


def solve_margins(starts: Array, gap: Array, p: float, least: float = SHIFT) -> Codes:
    """Local solutions from a batch of starts (S, 2, K, r) on paths that begin at the gaps (S,).

    ``least`` is the least shift of an indefinite Hessian, SHORT for short steps. None has a value above that of its
    start. A start without positive margins comes back with an infinite value.
    """
    first, failed = at_margin_one(starts)
    value = np.where(failed, np.inf, norm(spectrum(first), p))
    found = Codes(first, value, np.full(len(first), np.inf))
    alive = np.flatnonzero(~failed)
    if alive.size:
        path = _Path(first[alive], p, gap[alive], np.full(alive.size, LAST_GAP), least=least)
        path.run()
        ends, lost = at_margin_one(path.factors)
        reached = norm(spectrum(ends), p)
        better = ~lost & ~path.dropped & (reached <= value[alive] * (1 + VALUE_ROUNDING))
        rows = alive[better]
        found.factors[rows], found.value[rows] = ends[better], reached[better]
        found.residual[rows] = path.residual()[better]
    return found


def exponents(p: float) -> list[float]:
    """From one down to p, that starts may follow a code as p falls."""
    powers = [1.0]
    while powers[-1] * FALL > max(p, LEAST_POWER):
        powers.append(powers[-1] * FALL)
    return powers + [p] * (p < 1)


class Seen:
    """Points on central paths that were met before, by exponent and gap: paths through them end where others did."""

    def __init__(self) -> None:
        self.met: dict[tuple[float, float], Array] = {}

    def new(self, factors: Array, gap: Array, p: float) -> NDArray[np.bool_]:
        """Which of these points (S, 2, K, r) nobody met; from now on they count as met."""
        s = spectrum(factors)
        new = np.zeros(len(s), dtype=bool)
        for i, each in enumerate(gap):
            met = self.met.get((p, each), s[:0])
            new[i] = not np.any(np.all(np.abs(met - s[i]) < ALIKE * s[i, :1], axis=1))
            if new[i]:
                self.met[p, each] = np.concatenate([met, s[i : i + 1]])
        return new


def continued(starts: Array, gap: Array, powers: Sequence[float], seen: Seen) -> tuple[Array, Array]:
    """Starts (S', 2, K, r) for the last of the exponents and their gaps, followed from the first one down.

    From p = 1 on singular values vanish where they must, not for a poor start. Left out are starts without positive
    margins, those that lose rank on the way, and those that meet a path that was followed before.
    """
    factors, failed = at_margin_one(starts)
    factors, gap = factors[~failed], gap[~failed]
    for power in powers:
        if not len(factors):
            break
        path = _Path(factors, power, gap, gap, NEAR)
        path.run()
        factors, failed = at_margin_one(path.factors)
        good = np.flatnonzero(~failed & ~path.dropped)
        good = good[seen.new(factors[good], gap[good], power)]
        factors, gap = factors[good], gap[good]
    return factors, gap


class _Path:
    """A batch of points on their way along the central path; rows that are done keep still."""

    def __init__(
        self, factors: Array, p: float, first_gap: Array, last_gap: Array, near: float = 1.0, least: float = SHIFT
    ) -> None:
        self.p, self.gap, self.last_gap, self.classes = p, first_gap, last_gap, factors.shape[2]
        self.constraints, self.near, self.least = self.classes * (self.classes - 1), near, least
        # On the central path sum_jc z (margin) = sum s^p, and so with equal multipliers the margins are 1 / (1 - gap).
        self.factors = factors / np.sqrt(1 - first_gap)[:, None, None, None]
        self.dual = self._mu()[:, None, None] / self.slack()
        self.done = np.zeros(len(factors), dtype=bool)
        self.dropped = np.zeros(len(factors), dtype=bool)
        self.shift = np.zeros(len(factors))

    def slack(self) -> Array:
        return margins(products(self.factors)) - 1

    def _mu(self) -> Array:
        s = spectrum(self.factors)
        return self.gap * np.sum(s**self.p, axis=1) / self.constraints

    def run(self) -> None:
        compiled = loaded("optima.search.margin_steps")
        if compiled is None:
            self._run_together()
            return
        rooms = compiled.room(*self.factors.shape[2:])
        for row in range(len(self.factors)):
            self._run_one(compiled, row, rooms)

    def _run_one(self, compiled: ModuleType, row: int, rooms: tuple[Array, ...]) -> None:
        """One start, in machine code."""
        point, dual, gap, last, p = self.factors[row], self.dual[row], self.gap[row], self.last_gap[row], self.p
        mu = compiled.mu_of(point, gap, p)
        for _ in range(STEPS):
            lower, self.done[row] = compiled.lowered(point, dual, mu, gap, last, self.near, p, rooms)
            if self.done[row]:
                break
            if lower < gap:
                gap, mu = lower, compiled.mu_of(point, lower, p)
            unit = compiled.system(point, dual, mu, p, rooms)
            step, self.shift[row] = _newton_step(rooms[-1], rooms[3], unit, self.shift[row], self.least)
            end = compiled.advanced(point, dual, step, mu, p, rooms)
            if end != compiled.MOVED:
                self.dropped[row] = end == compiled.THIN
                break

    def _run_together(self) -> None:
        mu = self._mu()
        for _ in range(STEPS):
            mu = self._shrink(mu)
            rows = np.flatnonzero(~self.done)
            if not rows.size:
                break
            self._step(rows, mu[rows])

    def residual(self) -> Array:
        """||gradient of the Lagrangian|| / ||gradient of the norm||."""
        slope = _slope(self.factors, self.p)
        pull = _pull(self.factors, self.dual)
        return np.asarray(_size(slope - pull) / _size(slope))

    def _shrink(self, mu: Array) -> Array:
        """Lower the gap wherever its barrier problem is solved; finish the rows at the last one."""
        error = self.residual()
        product = np.abs(self.dual * np.where(self.dual > 0, self.slack(), 1.0) / mu[:, None, None] - (self.dual > 0))
        near = np.where(self.gap <= self.last_gap, self.near, 1.0)
        solved = (error <= np.maximum(near * self.gap, SETTLED)) & (product.max(axis=(1, 2)) <= near * SPREAD)
        self.done |= solved & (self.gap <= self.last_gap)
        lower = np.maximum(self.last_gap, np.minimum(SHRINK * self.gap, self.gap**POWER))
        self.gap = np.where(solved & ~self.done, lower, self.gap)
        return np.where(solved, self._mu(), mu)

    def _step(self, rows: NDArray[np.intp], mu: Array) -> None:
        factors, dual = self.factors[rows], self.dual[rows]
        slack = margins(products(factors)) - 1
        slope = _slope(factors, self.p) - _pull(factors, mu[:, None, None] / slack)
        H, step = _hessian(factors, dual, slack, self.p), np.empty_like(slope)
        for i, unit in enumerate(_unit(factors, self.p)):
            step[i], self.shift[rows[i]] = _newton_step(H[i], slope[i], unit, self.shift[rows[i]], self.least)
        moved, moved_slack = self._search(rows, mu, slope, step)
        change = _bilinear(factors, step)
        dual_step = mu[:, None, None] / slack - dual - dual / slack * np.where(np.isfinite(slack), change, 0.0)
        dual_step[~np.isfinite(slack)] = 0.0
        with np.errstate(divide="ignore", invalid="ignore"):
            reach = np.where(dual_step < 0, -INTERIOR * dual / dual_step, np.inf).min(axis=(1, 2))
        dual = dual + np.minimum(1.0, reach)[:, None, None] * dual_step
        # Multipliers far from mu / slack would spoil the next step.
        middle = mu[:, None, None] / moved_slack
        self.dual[rows] = np.clip(dual, 1e-8 * middle, 1e8 * middle)
        self.factors[rows] = moved

    def _search(self, rows: NDArray[np.intp], mu: Array, slope: Array, step: Array) -> tuple[Array, Array]:
        """The longest of the steps 1, 1/2, 1/4, ... that stays inside and lowers the barrier function enough."""
        moved, value = self.factors[rows].copy(), self._barrier(self.factors[rows], mu)
        slack = margins(products(moved)) - 1
        fall = np.sum(slope * step, axis=(1, 2, 3))
        # Rounding of the barrier function: near its minimum steps are judged by staying inside alone.
        noise = 1e-13 * (1 + np.abs(value))
        left = np.arange(rows.size)
        for halving in range(HALVINGS):
            # The whole step is tried as it is, then at its best scale: tangents leave the set of margins above one.
            length = 0.5 ** max(0, halving - 1)
            trial = balanced(self.factors[rows[left]] + length * step[left])
            if halving:
                trial = self._rescaled(trial, mu[left])
            reached = self._barrier(trial, mu[left])
            good = reached <= value[left] + DECREASE * length * fall[left] + noise[left]
            moved[left[good]] = trial[good]
            left = left[~good]
            if not left.size:
                break
        # No step goes down: the point is as good as it gets in floating point.
        self.done[rows[left]] = True
        s = spectrum(moved)
        thin = s[:, -1] < DROPPED * s[:, 0]
        self.dropped[rows] |= thin
        self.done[rows] |= thin
        return moved, np.where(np.isfinite(slack), margins(products(moved)) - 1, np.inf)

    def _rescaled(self, factors: Array, mu: Array) -> Array:
        """Each point at the scale with the least barrier function, a convex problem in the scale's logarithm."""
        m = margins(products(factors))
        log_s = np.log(np.maximum(spectrum(factors), 1e-300))
        smallest = m.min(axis=(1, 2))
        positive = smallest > 0
        m = np.where(positive[:, None, None], m / smallest[:, None, None], 2.0)
        log_s = log_s - np.log(np.where(positive, smallest, 1.0))[:, None]
        # Margins at least one: the logarithm u of the scale is positive, and so is its share that the barrier leaves.
        u, rival = np.full(len(m), 1e-3), ~np.eye(self.classes, dtype=bool)
        for _ in range(RAY):
            x = np.where(rival, np.expm1(u)[:, None, None] * m + (m - 1), 1.0)
            size = np.exp(self.p * (log_s + u[:, None])).sum(axis=1)
            slope = size - mu * (1 + 1 / x).sum(axis=(1, 2), where=rival)
            curvature = self.p * size + mu * ((1 + 1 / x) / x).sum(axis=(1, 2), where=rival)
            u = np.clip(u - slope / curvature, u / 8, u * 8)
        scale = np.where(positive, np.exp(u) / np.where(positive, smallest, 1.0), 1.0)
        return factors * np.sqrt(scale)[:, None, None, None]

    def _barrier(self, factors: Array, mu: Array) -> Array:
        slack = margins(products(factors)) - 1
        inside = slack.min(axis=(1, 2)) > 0
        np.einsum("scc->sc", slack)[...] = 1.0
        log_s = np.log(np.maximum(spectrum(factors), 1e-300))
        size = np.sum(np.expm1(self.p * log_s) / self.p if self.p else log_s, axis=1)
        logs = np.log(np.where(slack > 0, slack, 1.0)).sum(axis=(1, 2))
        return np.where(inside, size - mu * logs, np.inf)


def _size(points: Array) -> Array:
    return np.asarray(np.sqrt(np.sum(points**2, axis=(1, 2, 3))))


def _slope(factors: Array, p: float) -> Array:
    """Gradient of (1/2p) [tr (A^T A)^p + tr (B^T B)^p] at balanced factors; nan where a direction vanished (p < 1)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return factors * spectrum(factors)[:, None, None, :] ** (p - 1)


def _combined(weights: Array) -> Array:
    """G with <G, M> = sum_jc w_jc (M_cc - M_jc)."""
    out = -weights
    np.einsum("scc->sc", out)[...] = weights.sum(axis=1)
    return out


def _pull(factors: Array, weights: Array) -> Array:
    """Gradient of sum_jc w_jc (M_cc - M_jc) in the factors."""
    G = _combined(weights)
    return np.stack([G @ factors[:, 1], np.swapaxes(G, 1, 2) @ factors[:, 0]], axis=1)


def _bilinear(factors: Array, step: Array) -> Array:
    """Change of the margins to first order."""
    A, B = factors[:, 0], np.swapaxes(factors[:, 1], 1, 2)
    change = step[:, 0] @ B + A @ np.swapaxes(step[:, 1], 1, 2)
    return np.einsum("scc->sc", change)[:, None, :] - change


def _hessian(factors: Array, dual: Array, slack: Array, p: float) -> Array:
    """Hessian of the Lagrangian plus J^T diag(z / slack) J, shape (S, 2Kr, 2Kr), at balanced factors."""
    count, _, K, r = factors.shape
    A, B = factors[:, 0], factors[:, 1]
    weight = dual / slack
    H = np.zeros((count, 2, K, r, 2, K, r))
    k = np.arange(K)
    s = spectrum(factors)
    spectral, divided = s ** (p - 1), divided_differences(s, p - 1)
    for i in (0, 1):
        X, own = factors[:, i], H[:, i, :, :, i]
        own += X[:, :, None, None, :] * X.swapaxes(1, 2)[:, None, :, :, None] * divided[:, None, :, None, :]
        for c in range(r):
            own[:, :, c, :, c] += (X * divided[:, None, :, c]) @ np.swapaxes(X, 1, 2)
        diagonal = np.einsum("skiki->ski", own)
        diagonal += spectral[:, None, :]
    outer = np.einsum("sci,scj->scij", B, B)
    AA = H[:, 0, :, :, 0]
    cross = -np.einsum("skl,slij->skilj", weight, outer)
    AA += cross + cross.transpose(0, 3, 2, 1, 4)
    block = np.einsum("skc,scij->skij", weight, outer) + weight.sum(axis=1)[:, :, None, None] * outer
    AA[:, k, :, k, :] += block.transpose(1, 0, 2, 3)
    lead = A[:, None] - A[:, :, None]  # (s, j, c, i): A_c - A_j
    BB = H[:, 1, :, :, 1]
    BB[:, k, :, k, :] += np.einsum("sjc,sjci,sjcl->scil", weight, lead, lead).transpose(1, 0, 2, 3)
    AB = H[:, 0, :, :, 1]
    AB -= np.einsum("skc,sci,skcj->skicj", weight, B, lead)
    AB[:, k, :, k, :] += np.einsum("sjc,sci,sjcl->scil", weight, B, lead).transpose(1, 0, 2, 3)
    G = _combined(dual)
    for i in range(r):
        AB[:, :, i, :, i] -= G
    H[:, 1, :, :, 0] = AB.transpose(0, 3, 4, 1, 2)
    flat = rotations(factors)
    lift = _unit(factors, p) / np.mean(s, axis=1)
    return H.reshape(count, 2 * K * r, 2 * K * r) + lift[:, None, None] * (flat @ np.swapaxes(flat, 1, 2))


def _unit(factors: Array, p: float) -> Array:
    """Curvature of the norm in the factors."""
    return np.asarray(np.mean(spectrum(factors) ** (p - 1), axis=1))


def _newton_step(H: Array, g: Array, unit: float, last: float, least: float) -> tuple[Array, float]:
    """-(H + shift)^{-1} g and the shift, in units of ``unit``: the least one tried that makes H + shift definite.

    Tried are first a share of the ``last`` one, or none below ``least``, then more and more. Only the lower half of H
    is read, and its diagonal becomes that of H + shift.
    """
    diagonal, before = np.einsum("ii->i", H), 0.0
    shift = last / GROWTH if last > GROWTH * least else 0.0
    for _ in range(SHIFTS):
        diagonal += (shift - before) * unit
        # LAPACK's matrices are transposed ones.
        factor, info = dpotrf(H.T, lower=0, clean=0)
        if info == 0:
            return -dpotrs(factor, g.ravel(), lower=0)[0].reshape(g.shape), shift
        before, shift = shift, max(least, GROWTH * shift)
    return np.zeros_like(g), 0.0

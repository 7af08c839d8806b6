"""Newton's method at minima of relu networks, where many pre-activations are exactly zero."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from optima.model import Array
from optima.reduction import halves
from optima.relu.objective import Gate, Objective

STEPS = 25
# How often pre-activations are released from their kinks, or caught there.
ROUNDS = 12
# Relative size under which an eigenvalue of the Newton system counts as zero: gauges of the factors are exact zeros.
SINGULAR = 1e-9
# Residual of the first-order conditions, relative to the size of the point, that counts as none.
STATIONARY = 1e-10
# Relative size of curvature under which a direction counts as flat.
FLAT = 1e-7
# Widths of the smoothed kink within which a pre-activation counts as at the kink.
NEAR = 3.0
# Relative size under which a pre-activation of a network with all digits counts as zero.
ROUNDING = 1e-9
# Relative size under which a direction of H counts as unused.
UNUSED = 1e-3
# Step of the complex derivative: its square is nothing beside 1, so the derivative is exact.
COMPLEX = 1e-30
# Longest step, relative to the size of the point.
REACH = 0.3

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Pattern:
    """Which pre-activations of each hidden layer are on (positive) and which are at the kink, (d_l, K) each."""

    on: tuple[Mask, ...]
    kink: tuple[Mask, ...]

    @property
    def gate(self) -> Gate:
        """The activation of a network that keeps to the pattern: linear where it is on, zero elsewhere."""
        on = [mask.astype(float) for mask in self.on]
        return lambda layer, index: (layer * on[index], on[index])

    @classmethod
    def of(cls, layers: Sequence[Array], tops: Array) -> Pattern:
        """At the kink from zero to ``tops`` (L - 1,), on above that."""
        return cls(
            tuple(layer > top for layer, top in zip(layers, tops, strict=True)),
            tuple((layer >= 0) & (layer <= top) for layer, top in zip(layers, tops, strict=True)),
        )

    @classmethod
    def at(cls, layers: Sequence[Array]) -> Pattern:
        """Of a network with all digits: at the kink where a pre-activation of a live neuron is zero up to rounding."""
        sizes = [np.abs(layer) / max(float(np.abs(layer).max()), 1e-300) for layer in layers]
        zeros = [(size <= ROUNDING) & (size > ROUNDING).any(axis=1, keepdims=True) for size in sizes]
        return cls(tuple((layer > 0) & ~zero for layer, zero in zip(layers, zeros, strict=True)), tuple(zeros))


@dataclass(frozen=True)
class Rest:
    """Where Newton's method came to rest.

    ``verdict`` is ``"minimum"`` (stationary, multipliers strictly within their bounds or at them, and no direction of
    negative curvature along the kinks), ``"saddle"`` (such a direction), or ``"not converged"``. ``residual`` is the
    norm of the first-order conditions of f, ``curvature`` the least eigenvalue of the Hessian of the Lagrangian along
    the kinks, apart from the flat directions; ``added`` are the multipliers in their places, (d_l, K) for each layer.
    """

    point: Array
    verdict: str
    residual: float
    curvature: float
    kinks: int
    pattern: Pattern
    added: list[Array]


@dataclass(frozen=True)
class _System:
    """The first-order conditions at a point: slope (D,) of the Lagrangian, zeros (C,), Hessian, Jacobian (C, D)."""

    slope: Array
    zeros: Array
    hessian: Array
    jacobian: Array
    layers: list[Array]
    slopes: list[Array]

    @property
    def residual(self) -> float:
        return float(np.sqrt(self.slope @ self.slope + self.zeros @ self.zeros))


def settle(objective: Objective, point: Array, pattern: Pattern) -> Rest:
    r"""Solve the first-order conditions at kinks, and say what kind of point that is.

    .. math::
        \nabla f(x) + \sum_{(l,i,c)} \nu_{lic} \nabla (M_l)_{ic}(x) = 0, \quad (M_l)_{ic} = 0, \quad
        0 \le \nu_{lic} \le b_{lic}

    over the pre-activations at a kink, with f taken linear on the others and b the slope of f in the activation: to
    the left of the kink f rises by nu, to the right by b - nu. A multiplier outside of its bounds releases its
    pre-activation to the side that it names; a pre-activation that leaves its side is caught at the kink.

    ``point`` has shape (D,) and lies near the pattern. Source: derivations/relu_kinks.py.
    """
    rest = _newton(objective, point, pattern).with_best_multipliers(objective)
    for _ in range(ROUNDS):
        released = rest.repaired()
        if released is None:
            break
        following = _newton(objective, rest.point, released).with_best_multipliers(objective)
        if not following.converged and rest.converged:
            break
        rest = following
    return rest.described(objective)


@dataclass(frozen=True)
class _Newton:
    """Where Newton's method ended with one pattern."""

    point: Array
    multipliers: Array
    pattern: Pattern
    system: _System
    converged: bool
    reg: float

    def _bounds(self) -> Array:
        return _at_kinks(self.system.slopes, self.pattern)

    def _wrong(self) -> tuple[Mask, Mask]:
        """Multipliers below zero and above their bounds."""
        bounds = self._bounds()
        slack = 1e-8 * max(self.reg, float(np.abs(bounds).max(initial=0.0)))
        return self.multipliers < -slack, self.multipliers > bounds + slack

    def _strayed(self) -> list[Mask]:
        """Pre-activations off the kink that are on the other side of it."""
        strayed = []
        for layer, on, kink in zip(self.system.layers, self.pattern.on, self.pattern.kink, strict=True):
            slack = 1e-11 * float(np.abs(layer).max(initial=0.0))
            strayed.append(~kink & np.where(on, layer < -slack, layer > slack))
        return strayed

    @property
    def consistent(self) -> bool:
        """Whether no multiplier and no pre-activation contradicts the pattern."""
        below, above = self._wrong()
        return not (below.any() or above.any() or any(mask.any() for mask in self._strayed()))

    def with_best_multipliers(self, objective: Objective) -> _Newton:
        """The same point with the multipliers that are farthest within their bounds, where there is a choice.

        Kinks may depend on each other: then J^T nu = -slope of f has a space of solutions.
        """
        free = _null_space(self.system.jacobian.T) if self.multipliers.size else np.empty((0, 0))
        if not self.converged or not free.shape[1]:
            return self
        units = np.eye(self.multipliers.size)
        bounds = lambda multipliers: _at_kinks(_slopes(objective, self.point, self.pattern, multipliers), self.pattern)
        at_zero = bounds(np.zeros(self.multipliers.size))
        # Bounds are affine in the multipliers of later layers.
        effect = np.stack([bounds(unit) - at_zero for unit in units], axis=1)
        margins = np.concatenate([free, (effect - units) @ free])
        now = np.concatenate([self.multipliers, at_zero + (effect - units) @ self.multipliers]) / self.reg
        # The largest t with now + margins z >= t.
        cost = np.zeros(free.shape[1] + 1)
        cost[-1] = -1.0
        found = linprog(cost, np.column_stack([-margins, np.ones(len(now))]), now, bounds=(None, None))
        if found.status != 0:
            return self
        multipliers = self.multipliers + self.reg * free @ found.x[:-1]
        return replace(self, multipliers=multipliers, system=_system(objective, self.point, self.pattern, multipliers))

    def repaired(self) -> Pattern | None:
        """The pattern less its contradictions; None where there is none."""
        if self.consistent or not self.converged:
            return None
        below, above = self._wrong()
        on, kinks, start = [], [], 0
        for mask, kink, strayed in zip(self.pattern.on, self.pattern.kink, self._strayed(), strict=True):
            stop = start + int(kink.sum())
            mask, kink = mask.copy(), kink.copy()
            places = np.flatnonzero(kink)
            mask.flat[places[above[start:stop]]] = True
            kink.flat[places[below[start:stop] | above[start:stop]]] = False
            kink |= strayed
            mask &= ~strayed
            on.append(mask)
            kinks.append(kink)
            start = stop
        return Pattern(tuple(on), tuple(kinks))

    def described(self, objective: Objective) -> Rest:
        system = self.system
        basis = _null_space(system.jacobian)
        eigenvalues = np.linalg.eigvalsh(basis.T @ system.hessian @ basis)
        size = float(np.abs(eigenvalues).max(initial=0.0))
        curved = eigenvalues[np.abs(eigenvalues) > FLAT * size]
        least = float(curved[0]) if curved.size else 0.0
        stationary = self.converged and self.consistent
        verdict = "not converged" if not stationary else "saddle" if least < 0 else "minimum"
        added, kinks = _added(self.pattern, self.multipliers), self.multipliers.size
        return Rest(self.point, verdict, system.residual, least, kinks, self.pattern, added)


def _newton(objective: Objective, point: Array, pattern: Pattern) -> _Newton:
    """Newton's method on the first-order conditions, with steps of least norm: gauges leave the system singular."""
    count = int(sum(kink.sum() for kink in pattern.kink))
    multipliers = np.zeros(count)
    system = _system(objective, point, pattern, multipliers)
    # The system at multipliers zero has the slope of f; what they are is then a least-squares problem.
    if count:
        multipliers = np.asarray(np.linalg.lstsq(system.jacobian.T, -system.slope, rcond=1e-12)[0])
    limit = STATIONARY * objective.reg * float(np.linalg.norm(point))
    system = _system(objective, point, pattern, multipliers)
    for _ in range(STEPS):
        if system.residual <= limit:
            break
        step, change = _step(system, objective.reg)
        short = min(1.0, REACH * float(np.linalg.norm(point)) / max(float(np.linalg.norm(step)), 1e-300))
        point, multipliers = point + short * step, multipliers + short * change
        system = _system(objective, point, pattern, multipliers)
        if not np.isfinite(system.residual):
            break
    return _Newton(point, multipliers, pattern, system, bool(system.residual <= 10 * limit), objective.reg)


def _at_kinks(values: Sequence[Array], pattern: Pattern) -> Array:
    return np.concatenate([value[kink] for value, kink in zip(values, pattern.kink, strict=True)])


def _added(pattern: Pattern, multipliers: Array) -> list[Array]:
    """The multipliers in their places, (d_l, K) for each layer."""
    added, start = [], 0
    for kink in pattern.kink:
        each = np.zeros(kink.shape)
        each[kink] = multipliers[start : start + int(kink.sum())]
        start += int(kink.sum())
        added.append(each)
    return added


def _slopes(objective: Objective, point: Array, pattern: Pattern, multipliers: Array) -> list[Array]:
    """b, the slopes of f in the activations."""
    return objective.evaluate(point, pattern.gate, _added(pattern, multipliers))[3]


def _system(objective: Objective, point: Array, pattern: Pattern, multipliers: Array) -> _System:
    """All derivatives from one batch of complex steps along the coordinates."""
    steps = point + 1j * COMPLEX * np.eye(point.size)
    _, gradient, layers, slopes = objective.evaluate(steps, pattern.gate, _added(pattern, multipliers))
    at_kink = lambda values: np.concatenate([v[..., kink] for v, kink in zip(values, pattern.kink, strict=True)], -1)
    moved = at_kink(layers)
    real = lambda values: [np.asarray(value[0].real) for value in values]
    return _System(
        np.asarray(gradient[0].real),
        np.asarray(moved[0].real),
        np.asarray(gradient.imag) / COMPLEX,
        np.asarray(moved.imag).T / COMPLEX,
        real(layers),
        real(slopes),
    )


def _step(system: _System, reg: float) -> tuple[Array, Array]:
    """The Newton step of least norm in the point and the multipliers; f counts in units of ``reg``."""
    size, count = system.slope.size, system.zeros.size
    matrix = np.zeros((size + count, size + count))
    matrix[:size, :size] = system.hessian / reg
    matrix[size:, :size] = system.jacobian
    matrix[:size, size:] = system.jacobian.T
    values, vectors = np.linalg.eigh(matrix)
    large = np.abs(values) > SINGULAR * np.abs(values).max()
    wanted = -np.concatenate([system.slope / reg, system.zeros])
    step = vectors[:, large] @ ((vectors[:, large].T @ wanted) / values[large])
    return step[:size], step[size:] * reg


def _null_space(jacobian: Array) -> Array:
    """Orthonormal directions (D, m) along which all kinks stay."""
    if not jacobian.size:
        return np.eye(jacobian.shape[1])
    _, s, right = np.linalg.svd(jacobian)
    return right[int(np.sum(s > SINGULAR * s[0])) :].T


def trimmed(objective: Objective, point: Array, layers: Sequence[Array]) -> tuple[Objective, Array]:
    """The same network without neurons that are dead on all classes, and without directions of H that nothing uses."""
    parts = [part.copy() for part in objective.split(point)]
    for index, layer in enumerate(layers):
        alive = _alive(np.maximum(layer, 0.0))
        parts[1 + index] = parts[1 + index][alive]
        if 2 + index < len(parts):
            parts[2 + index] = parts[2 + index][:, alive]
    parts[1], parts[0] = halves(parts[1] @ parts[0], UNUSED)
    widths = (len(parts[0]), *(len(part) for part in parts[1 : 1 + objective.hidden]))
    return Objective(objective.problem, widths), np.asarray(objective.joined(parts))


def _alive(features: Array) -> Mask:
    largest = features.max(axis=1)
    return np.asarray(largest > 2e-3 * max(float(largest.max(initial=0.0)), 1e-300))

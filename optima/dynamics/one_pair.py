r"""Starts of a prime number of classes at which one conjugate pair of characters trails: a separatrix by shooting.

.. math:: \zeta = \rho_0 (1, \dots, 1, r), \qquad r^*:\; y(r^*, M_1) = y(r^*, M_2), \qquad
    y(r, M) = \frac{\min_b \zeta_b}{\max_b \zeta_b} \text{ where the mean of } \zeta \text{ is } M

Which pair trails makes no difference: the automorphisms of Z_K take any pair of characters to any other. For primes
K = 4 k + 3 two different values do not stay two, so that there is no planar equation; but along this line too one start
separates those that collapse from those that do not. On it the ratio y tends to a saddle as y* + O(1/M), and
perturbations grow like M^(1-2/m): the start at which y is the same at M_1 and M_2 is off by O(M_1^-1 M_2^-(1-2/m)),
which two pairs of means show and take away. Source: derivations/basin_of_collapse.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from optima.dynamics.characters import Characters
from optima.dynamics.collapse_chance import shape_flow
from optima.model import Array, DeepUFM

# Means at which ratios are compared, each this many times the one before, and a start from which on r* is at its limit.
MEANS, STEP, LATE = (1e4, 1e5, 1e6), 10.0, 1e3
# Points between the ends of a bracket in one stage, how often it shrinks at most, and the relative width from which on
# a straight line goes through its ends.
POINTS, STAGES, NARROW = 9, 12, 1e-8
# Ratio from which on nothing but collapse is ahead, and the relative error of one step.
NEARLY, TOLERANCE = 0.95, 1e-10
# What the errors of all steps make of r* (against separatrices in a plane, five classes).
STEPS = 1e-9


@dataclass(frozen=True)
class OnePair:
    """One conjugate pair trails, all others lead."""

    classes: int

    # More than two values: a separatrix by shooting.
    planar = False

    @property
    def name(self) -> str:
        """What training ends at below the separatrix."""
        return "a code without one pair of characters"

    @property
    def leading(self) -> int:
        """Characters that lead."""
        return self.classes - 3

    @property
    def trailing(self) -> int:
        """Characters of one pair."""
        return 2

    def late_limit(self, depth: int) -> float:
        """The limit of r* for large starts; 0 for one weight matrix."""
        return float(1 - self.separatrix(depth, [LATE])[0])

    def separatrix(self, depth: int, starts: ArrayLike) -> Array:
        """1 - r* for each rho_0 (S,)."""
        return self.with_errors(depth, starts)[0]

    def with_errors(self, depth: int, starts: ArrayLike) -> tuple[Array, Array]:
        """1 - r*, and by how much it may be off: what the last pair of means moved, and the steps of the flow."""
        starts = np.asarray(starts, dtype=float)
        if depth == 1:
            return np.ones(starts.shape), np.zeros(starts.shape)
        early, late = (self._shot(depth, starts, means) for means in (MEANS[:2], MEANS[1:]))
        moved = (late - early) / (STEP ** (2 - 2 / (depth + 1)) - 1)
        return late + moved, np.abs(moved) + STEPS

    def _shot(self, depth: int, starts: Array, means: tuple[float, ...]) -> Array:
        """1 - r at which the ratio is the same at both means."""
        equations = Characters(DeepUFM(self.classes, depth, 0.0), (self.classes,))
        rows, inside = np.arange(len(starts)), np.arange(1, POINTS + 1) / (POINTS + 1)
        # The ends of the brackets, and how much the ratio grows there.
        ends, growths = (np.array([pair] * len(starts)) for pair in ([0.0, 1.0], [1.0, -1.0]))
        for _ in range(STAGES):
            tried = ends[:, :1] + np.diff(ends) * inside
            first, second = self._ratios(equations, starts, tried, means)
            growth = np.where(second > NEARLY, 1.0, second - first)
            place = np.where((growth < 0).any(axis=1), (growth < 0).argmax(axis=1), POINTS)
            around = [np.insert(both, [1], middle, axis=1) for both, middle in ((ends, tried), (growths, growth))]
            ends, growths = (np.stack([each[rows, place], each[rows, place + 1]], axis=1) for each in around)
            if np.all(np.diff(ends)[:, 0] <= NARROW * ends[:, 1]):
                break
        share = growths[:, 0] / (growths[:, 0] - growths[:, 1])
        return np.asarray(ends[:, 0] + share * np.diff(ends)[:, 0])

    def _ratios(self, equations: Characters, starts: Array, tried: Array, means: tuple[float, ...]) -> list[Array]:
        """y at both means of starts with deviations (S, P)."""
        eta = np.repeat(np.log(starts), tried.shape[1])[:, None] * np.ones(equations.blocks)
        eta[:, 0] += np.log1p(-tried.ravel())
        found = []
        for mean in means:
            eta = shape_flow(equations, eta, mean, TOLERANCE)
            found.append(np.exp(eta.min(axis=1) - eta.max(axis=1)).reshape(tried.shape))
        return found

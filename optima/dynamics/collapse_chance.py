"""Which starts in a basis of characters collapse, many at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optima.dynamics.characters import Characters
from optima.model import Array, DeepUFM
from optima.model.inputs import positive_integer, positive_number

# Mean singular value at which a fate is read off, and the ratios of the smallest to the largest value that tell it.
LARGEST = 1e6
COLLAPSED, LOST = 0.9, 0.01
# Starts in one system of equations, and the relative error of one of its steps.
TOGETHER, TOLERANCE = 250, 1e-8
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Chance:
    """How many of ``trials`` random starts collapsed, with Wilson's interval at 95 %.

    Those ``undecided``, whose singular values were neither equal nor apart at a mean of 1e6, widen the interval.
    """

    start: float
    spread: float
    collapsed: int
    undecided: int
    trials: int

    @property
    def fraction(self) -> float:
        """collapsed / trials."""
        return self.collapsed / self.trials

    @property
    def interval(self) -> tuple[float, float]:
        """From the lower end, were no undecided start to collapse, to the upper end, were all to."""
        from scipy.stats import binomtest

        bound = lambda count: binomtest(count, self.trials).proportion_ci(CONFIDENCE, method="wilson")
        return float(bound(self.collapsed).low), float(bound(self.collapsed + self.undecided).high)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        low, high = self.interval
        return {
            "start": self.start,
            "spread": self.spread,
            "collapsed": self.collapsed,
            "undecided": self.undecided,
            "trials": self.trials,
            "fraction": self.fraction,
            "low": low,
            "high": high,
        }


def basis(classes: int) -> tuple[int, ...]:
    """The group whose characters are used where none is named: Z_2^k for 2^k classes (Hadamard), else cyclic."""
    power = classes.bit_length() - 1
    return (2,) * power if classes == 2**power else (classes,)


def collapse_chance(
    classes: int,
    depth: int,
    start: float,
    spread: float,
    trials: int = 1000,
    seed: int = 0,
    group: tuple[int, ...] | None = None,
    mean: float = LARGEST,
) -> Chance:
    """P(collapse) from zeta_b = start * exp(spread * N(0, 1)), independent for every block b of characters.

    Equal seeds give the same normal numbers at every start, spread and depth. Fates are read off where the mean of zeta
    is ``mean``: a start collapsed whose smallest value is at least 0.9 of the largest, and is lost where it is at most
    0.01 of it. Raises ValueError for a group of another order than K, and for values out of range.
    """
    equations = Characters(DeepUFM(classes, depth, 0.0), group or basis(classes))
    start, spread = positive_number("start", start), positive_number("spread", spread, zero=True)
    count = positive_integer("trials", trials)
    normal = np.random.default_rng(positive_integer("seed", seed, minimum=0)).standard_normal((count, equations.blocks))
    fate = fates(equations, start * np.exp(spread * normal), positive_number("mean", mean))
    return Chance(start, spread, int(np.sum(fate > 0)), int(np.sum(fate == 0)), count)


def fates(equations: Characters, starts: Array, mean: float = LARGEST) -> NDArray[np.int64]:
    """1 for starts zeta (R, B) that collapse, -1 for others, 0 where a mean singular value of 1e6 does not tell."""
    eta = shape_flow(equations, np.log(starts), mean)
    ratio = np.exp(eta.min(axis=1) - eta.max(axis=1))
    return np.where(ratio >= COLLAPSED, 1, np.where(ratio <= LOST, -1, 0))


def shape_flow(equations: Characters, eta: Array, mean: float, tolerance: float = TOLERANCE) -> Array:
    """eta = log zeta (R, B) where the mean of zeta is ``mean``, from starts of a smaller one.

    The independent variable is the logarithm of the mean: the shape of a flow does not depend on its clock.
    """
    parts = [eta[i : i + TOGETHER] for i in range(0, len(eta), TOGETHER)]
    return np.concatenate([_shapes(equations, part, mean, tolerance) for part in parts])


def _shapes(equations: Characters, start: Array, mean: float, tolerance: float) -> Array:
    from scipy.integrate import solve_ivp

    rows, blocks = start.shape
    share = equations.multiplicity / equations.multiplicity.sum()
    way = np.log(mean) - np.log(np.exp(start) @ share)[:, None]

    def rate(_: float, state: Array) -> Array:
        eta = state.reshape(rows, blocks)
        speed = equations.shape_rates(eta)
        weight = share * np.exp(eta - eta.max(axis=1, keepdims=True))
        growth = (weight * speed).sum(axis=1, keepdims=True) / weight.sum(axis=1, keepdims=True)
        return np.asarray(way * speed / growth).ravel()

    found = solve_ivp(
        rate,
        (0.0, 1.0),
        start.ravel(),
        method="LSODA",
        t_eval=(1.0,),
        rtol=tolerance,
        atol=tolerance,
        lband=blocks - 1,
        uband=blocks - 1,
    )
    return found.y[:, -1].reshape(rows, blocks)

"""Singular values of a head before training."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
from scipy.optimize import brentq, minimize

from optima.claims.claim import Control, claim
from optima.claims.derivation import step, whole
from optima.claims.evidence import Cases, Evidence, Ints, Reals, agreement
from optima.forecasts import Forecast, forecast
from optima.model import Array

TOLERANCE = 1e-8
SIZES = ((1, 2, 4), (3, 3), (5, 1, 1))


@claim(
    "zangrando2025.forecast",
    statement="With squared error, free features and a linear head every factor has the singular values s_c^(1/(L+1)) "
    "with s_c the larger root of (sqrt(n_c)-s)/N = lam s^(2/(L+1)-1), or zero, whatever the class sizes.",
    latex=r"\tfrac1N(\sqrt{n_c}-s_c)=\lambda s_c^{\frac2{L+1}-1},\qquad s_c(W_l)=s_c^{1/(L+1)}",
    source="zangrando2025, abstract; derivations/forecast.py",
    how="symbolic proof of the equation; roots by bisection, and losses of descents on all factors are never lower",
    axes={"depths": (2, 3), "regs": (2e-3, 1e-2), "seeds": range(2)},
    deep={"depths": range(2, 7), "regs": (1e-4, 1e-3, 2e-3, 1e-2, 3e-2), "seeds": range(10)},
    control=Control("the smaller root", {"side": "smaller"}),
)
def forecast_claim(depths: Ints, regs: Reals, seeds: Ints, *, side: str = "larger") -> Iterator[Evidence]:
    """Margins: agreement of the singular values; excess of descents over the loss that is forecast."""
    yield whole("forecast")
    yield step("forecast", "check_slope", "the slope of a mode")
    for sizes, L, reg in product(SIZES, depths, regs):
        found = forecast(sizes, L, reg, loss="mse")
        at: dict[str, Any] = {"depths": L, "regs": reg, "sizes": str(sizes)}
        wanted = np.sort([root for n in sizes if (root := _root(n, sum(sizes), L, reg, side)) > 0])[::-1]
        same = wanted.size == found.best.rank
        for factor in found.best.factors:
            error = float(np.abs(factor - wanted ** (1 / (L + 1))).max(initial=0.0)) if same else 1.0
            yield Cases(agreement(error, TOLERANCE), what="singular values", **at)
        for seed in seeds:
            excess = _descent(found, seed) / found.best.loss - 1
            yield Cases(excess + TOLERANCE, what="descent on all factors", seeds=seed, **at)


def _root(size: int, N: int, L: int, reg: float, side: str) -> float:
    """The larger root where it costs less than zero, else 0; or the smaller one."""
    slope = lambda s: s ** ((L - 1) / (L + 1)) * (np.sqrt(size) - s) / N - reg
    top = np.sqrt(size) * (L - 1) / (2 * L)
    if slope(top) <= 0:
        return 0.0
    if side == "smaller":
        return float(brentq(slope, 0.0, top, xtol=1e-15))
    root = float(brentq(slope, top, np.sqrt(size), xtol=1e-15))
    cost = (np.sqrt(size) - root) ** 2 / (2 * N) + (L + 1) / 2 * reg * root ** (2 / (L + 1))
    return root if cost < size / (2 * N) else 0.0


def _descent(found: Forecast, seed: int) -> float:
    problem = found.problem
    shapes = problem.factor_shapes(problem.classes)
    ends = np.cumsum([a * b for a, b in shapes])[:-1]
    split = lambda x: [part.reshape(shape) for part, shape in zip(np.split(x, ends), shapes, strict=True)]

    def value(x: Array) -> tuple[float, Array]:
        factors = split(x)
        return problem.objective(factors), np.concatenate([np.ravel(each) for each in problem.gradient(factors)])

    start = np.random.default_rng(seed).standard_normal(sum(a * b for a, b in shapes))
    return float(minimize(value, start, jac=True, method="L-BFGS-B", options={"maxiter": 300}).fun)

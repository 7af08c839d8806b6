"""The squared-error model: one scalar equation."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
from scipy.optimize import minimize

from optima.claims.claim import Control, claim
from optima.claims.derivation import step, whole
from optima.claims.evidence import Cases, Evidence, Ints, Reals, agreement
from optima.model import DeepUFM
from optima.search.ladder import search

TOLERANCE = 1e-8


@claim(
    "model.squared_error",
    statement="The global minimum of the balanced squared-error model has min(K, d) equal singular values sqrt(n) "
    "gamma with gamma^(L-1) (1-gamma)^(L+1) = lam_W^L lam_H K^(L+1) n, gamma the larger root; it is nonzero iff the "
    "right-hand side is below (L-1)^(L-1) / L^(2L), where gamma = (L-1)/L.",
    latex=r"\gamma^{L-1}(1-\gamma)^{L+1}=\lambda_W^L\lambda_HK^{L+1}n<\frac{(L-1)^{L-1}}{L^{2L}}",
    source="theory section 3; garrod2026spectra; derivations/squared_error.py",
    how="symbolic proof; losses from gradient descent on the factors are never lower, and the threshold and root on a "
    "grid",
    axes={"classes": (2, 4), "depths": (2, 3, 5), "samples": (1, 3), "shares": (1e-3, 0.3, 0.999, 1.001, 1.5)},
    deep={
        "classes": range(2, 11),
        "depths": range(2, 11),
        "shares": (1e-6, 1e-3, 0.1, 0.5, 0.9, 0.999, 1.001, 1.1, 2.0),
    },
    control=Control("the smaller root", {"side": "smaller"}, {"classes": (3,), "depths": (3,)}),
    proves=True,
)
def squared_error(
    classes: Ints, depths: Ints, samples: Ints, shares: Reals, *, side: str = "larger"
) -> Iterator[Evidence]:
    """Margins: agreement of gamma and of the threshold; relative excess of descents on the factors."""
    yield whole("squared_error")
    yield step("squared_error", "check_threshold", "zero wins exactly from (L-1)^(L-1) / L^(2L) on")
    for K, L, n, share in product(classes, depths, samples, shares):
        yield from _cases(K, L, n, share, side)


def _cases(K: int, L: int, n: int, share: float, side: str) -> Iterator[Evidence]:
    right = share * (L - 1) ** (L - 1) / L ** (2 * L)
    ratio = 3.0  # lam_H / lam_W
    weight = (right / (ratio * K ** (L + 1) * n)) ** (1 / (L + 1))
    problem = DeepUFM(K, L, (weight,) * L + (ratio * weight,), samples=n, loss="mse", width=K)
    gamma = _root(L, right, side) if share < 1 else 0.0
    solution = search(problem)
    found = solution.singular_values / np.sqrt(n)
    error = np.max(np.abs(found - gamma)) if found.size else gamma
    at: dict[str, Any] = {"classes": K, "depths": L, "samples": n, "shares": share}
    yield Cases(agreement(error + (found.size not in (0, K)), TOLERANCE), what="gamma", **at)
    yield Cases(agreement(1 - _descent(problem) / solution.loss, TOLERANCE), what="descent on all factors", **at)


def _root(L: int, right: float, side: str) -> float:
    """A root of gamma^(L-1) (1-gamma)^(L+1) = right on one side of the peak (L-1)/(2L), by bisection."""
    peak = (L - 1) / (2 * L)
    low, high = (peak, 1.0) if side == "larger" else (0.0, peak)
    for _ in range(200):
        middle = (low + high) / 2
        above = middle ** (L - 1) * (1 - middle) ** (L + 1) > right
        low, high = (middle, high) if above == (side == "larger") else (low, middle)
    return (low + high) / 2


def _descent(problem: DeepUFM) -> float:
    """Least objective that quasi-Newton descent reaches from two random starts on all factors."""
    shapes = problem.factor_shapes()
    ends = np.cumsum([np.prod(shape) for shape in shapes])[:-1]
    split = lambda x: [part.reshape(shape) for part, shape in zip(np.split(x, ends), shapes, strict=True)]

    def objective(x: np.ndarray) -> tuple[float, np.ndarray]:
        factors = split(x)
        return problem.objective(factors), np.concatenate([g.ravel() for g in problem.gradient(factors)])

    rng = np.random.default_rng([problem.classes, problem.depth, problem.size])
    size = sum(int(np.prod(shape)) for shape in shapes)
    starts = (0.5 * rng.standard_normal(size) for _ in range(2))
    return min(float(minimize(objective, x, jac=True, method="L-BFGS-B", options={"maxiter": 300}).fun) for x in starts)

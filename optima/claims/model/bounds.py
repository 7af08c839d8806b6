"""Lower bounds valid for all logits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np
from scipy.optimize import minimize

from optima.claims.claim import Control, claim
from optima.claims.derivation import whole
from optima.claims.evidence import Cases, Evidence, Ints, Reals
from optima.model import Array, DeepUFM
from optima.model.log_grid import log_grid
from optima.reduction import Reduction
from optima.search.ladder import search


def weak_bound(problem: DeepUFM, rivals: int | None = None) -> float:
    r"""min over x >= 0 of log(1 + (K-1) e^{-x/(K-1)}) + c x^p for n = 1, below every loss.

    Source: theory section 5; derivations/lower_bounds.py.
    """
    K = problem.classes
    count = K - 1 if rivals is None else rivals
    reduced = Reduction(problem)
    x = np.concatenate([[0.0], np.geomspace(1e-9, 1e4, 20001)])
    values = np.log1p(count * np.exp(-x / (K - 1))) + reduced.strength * x**reduced.exponent
    # Between neighbouring points both terms are monotone: fit at the right end plus penalty at the left one.
    low = np.log1p(count * np.exp(-x[1:] / (K - 1))) + reduced.strength * x[:-1] ** reduced.exponent
    return float(min(low.min(), values[-1]))


@claim(
    "model.jensen_bound",
    statement="Every logits have fit at least log(1 + (K-1) e^(-m)), m = tr(SM)/(K-1) <= sum s_i/(K-1), and loss at "
    "least the minimum over x of log(1 + (K-1) e^(-x/(K-1))) + c x^p.",
    latex=r"f(M)\ge\min_{x\ge0}\ \log\bigl(1+(K-1)e^{-x/(K-1)}\bigr)+c\,x^p",
    source="theory section 5; derivations/lower_bounds.py",
    how="symbolic proof; random logits and searched minima on a grid",
    axes={"classes": range(3, 8), "depths": (1, 2, 3, 5), "regs": (1e-4, 1e-3, 1e-2)},
    deep={"classes": range(3, 13), "depths": range(1, 9), "regs": tuple(log_grid(1e-8, 1e-1, 15))},
    control=Control("K rivals counted twice", {"rivals": lambda K: 2 * K}, {"classes": (3,), "depths": (1,)}),
    proves=True,
)
def jensen_bound(
    classes: Ints, depths: Ints, regs: Reals, *, rivals: Callable[[int], int] = lambda K: K - 1
) -> Iterator[Evidence]:
    """Margins: relative excess of fits and of the best losses over the bounds."""
    yield whole("lower_bounds")
    for K in classes:
        rng = np.random.default_rng(K)
        S = np.eye(K) - 1 / K
        for seed in range(20):
            M = rng.standard_normal((K, K)) + rng.uniform(0, 5) * S
            fit = Reduction(DeepUFM(K, 1, 1.0)).fit(M)
            bound = float(np.log1p(rivals(K) * np.exp(-np.sum(S * M) / (K - 1))))
            yield Cases(1 - bound / fit, classes=K, logits=f"random {seed}")
        for L, reg in product(depths, regs):
            problem = DeepUFM(K, L, reg)
            loss = search(problem, effort="quick", many=True).loss
            yield Cases(1 - weak_bound(problem, rivals(K)) / loss, classes=K, depths=L, regs=reg, logits="best found")


@claim(
    "model.tangent_bound",
    statement="For positive definite D, g(Z) >= phi(D) - <D, M> whenever Z Z^T <= M, phi(D) = min_Z g(Z) + <D, Z Z^T>; "
    "and Z Z^T <= M implies s_i(Z)^2 <= lambda_i(M).",
    latex=r"ZZ^\top\preceq M:\quad g(Z)\ge\varphi(D)-\langle D,M\rangle,\qquad s_i(Z)^2\le\lambda_i(M)",
    source="theory section 5; derivations/lower_bounds.py",
    how="symbolic proof; random Z, M and D on a grid, phi from a descent with its error bound",
    axes={"classes": (3, 4, 5), "seeds": range(10)},
    deep={"classes": range(3, 9), "seeds": range(100)},
    control=Control("the sign of <D, M> reversed", {"sign": 1}, {"classes": (3,)}),
    proves=True,
)
def tangent_bound(classes: Ints, seeds: Ints, *, sign: int = -1) -> Iterator[Evidence]:
    """Margins: excess of the fit over the bound, and of the eigenvalues over the squared singular values."""
    yield whole("lower_bounds")
    for K in classes:
        problem = DeepUFM(K, 2, 1e-2)
        for seed in seeds:
            rng = np.random.default_rng([K, seed])
            Z = 3 * (np.eye(K) - 1 / K) + rng.standard_normal((K, K))
            extra = 0.3 * rng.standard_normal((K, K))
            M = Z @ Z.T + extra @ extra.T
            A = rng.standard_normal((K, K))
            D = 0.01 * (A @ A.T + 0.1 * np.eye(K))
            bound = dual_value(problem, D) + sign * float(np.sum(D * M))
            at: dict[str, Any] = {"classes": K, "seeds": seed}
            yield Cases(problem.data_loss(Z) - bound, what="fit", **at)
            s = np.linalg.svd(Z, compute_uv=False) ** 2
            yield Cases(np.min(np.linalg.eigvalsh(M)[::-1] - s), what="eigenvalues", **at)


def dual_value(problem: DeepUFM, D: Array) -> float:
    """A lower bound of phi(D) = min_Z g(Z) + <D, Z Z^T>: value at a near-minimum minus ||R||^2 / (4 lambda_min(D))."""
    K = problem.classes

    def value(x: Array) -> tuple[float, Array]:
        Z = x.reshape(K, K)
        return problem.data_loss(Z) + float(np.sum(Z * (D @ Z))), (problem.data_loss_gradient(Z) + 2 * D @ Z).ravel()

    end = minimize(value, np.zeros(K * K), jac=True, method="L-BFGS-B", options={"ftol": 1e-15, "gtol": 1e-10})
    loss, residual = value(end.x)
    return loss - float(residual @ residual) / (4 * float(np.linalg.eigvalsh(D)[0]))

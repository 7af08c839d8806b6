"""Lemma 1: critical points have balanced factors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise, product

import numpy as np
from scipy.optimize import root

from optima.claims.claim import Control, claim
from optima.claims.derivation import step
from optima.claims.evidence import Cases, Evidence, Ints, agreement
from optima.model import Array, DeepUFM
from optima.reduction import geometric_mean

TOLERANCE = 1e-8
# Relative size of the gradient at which a point counts as critical.
CRITICAL = 1e-10


@claim(
    "garrod2025.lemma1",
    statement="At every critical point of the linear model the factors are balanced, lam_{l+1} W_{l+1}^T W_{l+1} = "
    "lam_l W_l W_l^T, and all sqrt(lam_l) s_i(W_l) agree; with one lambda all factors share their nonzero singular "
    "values.",
    latex=r"\nabla=0\ \Rightarrow\ \lambda_{l+1}W_{l+1}^\top W_{l+1}=\lambda_lW_lW_l^\top,\qquad"
    r"\lambda_l\,s_i(W_l)^2=\lambda\,s_i(Z)^{2/(L+1)}",
    source="garrod2025, Lemma 1; one lambda per factor: derivations/schatten_reduction.py, sections 5 and 6",
    how="symbolic proof for every data loss; critical points found by Newton's method on the gradient, and the "
    "identity behind the proof at random factors",
    axes={"classes": range(2, 5), "depths": range(1, 5), "seeds": range(3)},
    deep={"classes": range(2, 6), "depths": range(1, 7), "seeds": range(20)},
    control=Control("balancedness without the weights lam_l, where they differ", {"weighted": False}),
    proves=True,
)
def lemma1(classes: Ints, depths: Ints, seeds: Ints, *, weighted: bool = True) -> Iterator[Evidence]:
    """Imbalance at random factors (against the gradients) and at critical points, at rational-looking sizes."""
    yield step("schatten_reduction", "check_balanced", "gradients and weights commute up to the imbalance, all shapes")
    bracket = lambda names: (names["mp"].mpf(1), names["mp"].mpf(5))
    yield step("schatten_reduction", "check_critical", "a critical simplex at 50 digits", bracket=bracket)
    for K, L, seed in product(classes, depths, seeds):
        yield from _cases(K, L, seed, weighted)


def _cases(K: int, L: int, seed: int, weighted: bool) -> Iterator[Evidence]:
    rng = np.random.default_rng([K, L, seed])
    for loss in ("ce", "mse"):
        regs = tuple(10 ** rng.uniform(-3, -2, L + 1))
        problem = DeepUFM(K, L, regs, width=3, loss=loss)
        factors = [rng.standard_normal(shape) for shape in problem.factor_shapes()]
        error = max(_identity_errors(problem, factors, weighted))
        yield Cases(agreement(error, TOLERANCE), classes=K, depths=L, seeds=seed, point=f"random, {loss}")
        found = _critical(problem, factors)
        if found is not None:
            error = max([*_imbalances(problem, found, weighted), *_singular_errors(problem, found, weighted)])
            names = (*(f"W_{index}" for index in range(1, L + 1)), "H")
            witness = dict(zip(names, found, strict=True))
            point = f"critical, {loss}"
            yield Cases(agreement(error, TOLERANCE), witness, classes=K, depths=L, seeds=seed, point=point)


def _chain(factors: Sequence[Array], values: Sequence) -> Iterator[tuple]:
    """(W_l, value of W_l, W_{l+1}, value of W_{l+1}) along H, W_1, ..., W_L."""
    order = [len(factors) - 1, *range(len(factors) - 1)]
    for low, high in pairwise(order):
        yield factors[low], values[low], factors[high], values[high]


def _imbalances(problem: DeepUFM, factors: Sequence[Array], weighted: bool) -> Iterator[float]:
    """Relative difference of both sides of the balance, layer by layer."""
    regs = problem.regs if weighted else (1.0,) * len(factors)
    for low, reg_low, high, reg_high in _chain(factors, regs):
        left, right = reg_high * high.T @ high, reg_low * low @ low.T
        sizes = [float(np.linalg.norm(side)) for side in (left, right)]
        yield float(np.linalg.norm(left - right)) / max(*sizes, 1e-300)


def _identity_errors(problem: DeepUFM, factors: Sequence[Array], weighted: bool) -> Iterator[float]:
    """W_{l+1}^T Gamma_{l+1} - Gamma_l W_l^T against the imbalance, at any factors."""
    regs = problem.regs if weighted else (1.0,) * len(factors)
    gradients = problem.gradient(factors)
    pairs = zip(_chain(factors, regs), _chain(gradients, regs), strict=True)
    for (low, reg_low, high, reg_high), (slope_low, _, slope_high, _) in pairs:
        imbalance = reg_high * high.T @ high - reg_low * low @ low.T
        commutator = high.T @ slope_high - slope_low @ low.T
        yield float(np.linalg.norm(commutator - imbalance) / np.linalg.norm(imbalance))


def _singular_errors(problem: DeepUFM, factors: Sequence[Array], weighted: bool) -> Iterator[float]:
    """lam_l s_i(W_l)^2 against lam s_i(Z)^(2/(L+1)), relative to the largest."""
    regs = problem.regs if weighted else (1.0,) * len(factors)
    s = np.linalg.svd(problem.logits(factors), compute_uv=False)
    rank = int(np.sum(s > 1e-6 * s[0]))
    wanted = geometric_mean(regs) * s[:rank] ** (2 / (problem.depth + 1))
    for factor, reg in zip(factors, regs, strict=True):
        own = reg * np.linalg.svd(factor, compute_uv=False)[:rank] ** 2
        yield float(np.max(np.abs(own - wanted)) / wanted[0])


def _critical(problem: DeepUFM, start: Sequence[Array]) -> list[Array] | None:
    """A nonzero critical point found from a start by Powell's hybrid method on the gradient, or None."""
    shapes = [np.shape(factor) for factor in start]
    ends = np.cumsum([np.prod(shape) for shape in shapes])[:-1]
    split = lambda x: [part.reshape(shape) for part, shape in zip(np.split(x, ends), shapes, strict=True)]
    flat = lambda factors: np.concatenate([np.ravel(factor) for factor in factors])
    found = root(
        lambda x: flat(problem.gradient(split(x))),
        flat(start),
        method="lm",
        options={"ftol": 1e-15, "xtol": 1e-15, "gtol": 0.0},
    )
    factors = split(found.x)
    size = np.linalg.norm(found.x) * min(problem.regs)
    critical = np.linalg.norm(found.fun) < CRITICAL * size and np.linalg.norm(problem.logits(factors)) > 1e-3
    return factors if critical else None

"""Claims about the reduction of the linear model to its logits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optima.claims.claim import Control, claim
from optima.claims.derivation import step, whole
from optima.claims.evidence import Cases, Evidence, Ints, agreement
from optima.model import Array, DeepUFM
from optima.reduction import Reduction, balanced_factors, center, geometric_mean

TOLERANCE = 1e-10
# Relative rounding allowed where a value must not rise.
ROUNDING = 1e-13


@claim(
    "model.reduction",
    statement="The least regulariser of factors with logits Z is ((L+1)/2) lam sum_i s_i(Z)^(2/(L+1)), lam the "
    "geometric mean of the regularisations, attained by balanced factors.",
    latex=r"\min_{W_L\cdots W_1H=Z}\sum_l\tfrac{\lambda_l}2\|W_l\|_F^2=\tfrac{L+1}2\lambda\sum_is_i(Z)^{2/(L+1)}",
    source="theory section 2; garrod2025; derivations/schatten_reduction.py",
    how="symbolic proof; lifted and random factors on a grid",
    axes={"classes": range(2, 7), "depths": range(1, 7), "seeds": range(5)},
    deep={"classes": range(2, 16), "depths": range(1, 21), "seeds": range(20)},
    control=Control("the exponent 2/(L+2) in place of 2/(L+1)", {"power": lambda L: 2 / (L + 2)}, {"classes": (3,)}),
    proves=True,
)
def reduction(
    classes: Ints, depths: Ints, seeds: Ints, *, power: Callable[[int], float] = lambda L: 2 / (L + 1)
) -> Iterator[Evidence]:
    """Margins: agreement for balanced factors, relative excess for random ones."""
    yield whole("schatten_reduction")
    yield step("schatten_reduction", "check_attainment", "balanced factors attain the bound", depth=3)
    for K, L, seed in product(classes, depths, seeds):
        rng = np.random.default_rng([K, L, seed])
        problem = DeepUFM(K, L, tuple(10 ** rng.uniform(-4, -1, L + 1)), samples=2, width=K + 1)
        at: dict[str, Any] = {"classes": K, "depths": L, "seeds": seed}
        lifted = Reduction(problem).lift(rng.standard_normal((K, K)), rng=rng)
        error = abs(_regulariser(problem, lifted) / _schatten(problem, lifted, power) - 1)
        yield Cases(agreement(error, TOLERANCE), factors="balanced", **at)
        others = [rng.standard_normal(shape) for shape in problem.factor_shapes()]
        excess = 1 - _schatten(problem, others, power) / _regulariser(problem, others)
        yield Cases(excess, factors="random", **at)


def _regulariser(problem: DeepUFM, factors: Sequence[Array]) -> float:
    return sum(reg / 2 * float(np.sum(factor**2)) for reg, factor in zip(problem.regs, factors, strict=True))


def _schatten(problem: DeepUFM, factors: Sequence[Array], power: Callable[[int], float]) -> float:
    s = np.linalg.svd(problem.logits(factors), compute_uv=False)
    L = problem.depth
    return (L + 1) / 2 * geometric_mean(problem.regs) * float(np.sum(s[s > 1e-9 * s[0]] ** power(L)))


@claim(
    "model.averaging",
    statement="Replacing the columns of a class by their mean never raises f, and for cross-entropy neither does "
    "centring the columns.",
    latex=r"f(MR)\le f(Z),\quad M=ZR^\top(RR^\top)^{-1};\qquad "
    r"f\bigl((I-\tfrac1K\mathbf 1\mathbf 1^\top)Z\bigr)\le f(Z)",
    source="theory section 2; derivations/schatten_reduction.py, section 7",
    how="symbolic proof; random logits on a grid",
    axes={"classes": range(2, 7), "depths": (1, 2, 3, 5), "seeds": range(10)},
    deep={"classes": range(2, 13), "depths": range(1, 11), "seeds": range(100)},
    control=Control("averaging over all samples instead of over each class", {"over": "all"}, {"classes": (3,)}),
    proves=True,
)
def averaging(classes: Ints, depths: Ints, seeds: Ints, *, over: str = "class") -> Iterator[Evidence]:
    """Margin: relative fall of f."""
    yield step(
        "schatten_reduction",
        "check_projection_lowers",
        "orthogonal projections lower every singular value",
        matrix=lambda names: names["rational_matrix"](3, 6),
        projection=lambda names: names["averaging"],
    )
    for K, L, seed in product(classes, depths, seeds):
        rng = np.random.default_rng([K, L, seed])
        sizes = tuple(int(n) for n in rng.integers(2, 5, K))
        reduced = Reduction(DeepUFM(K, L, 1e-2, samples=sizes))
        # Logits of some quality: near the classes' own structure, as at the end of training.
        labels = reduced.problem.labels
        Z = 4 * np.equal.outer(np.arange(K), labels) + rng.standard_normal((K, labels.size))
        before = reduced.value_at_logits(Z)
        at: dict[str, Any] = {"classes": K, "depths": L, "seeds": seed}
        averaged = _averaged(Z, labels if over == "class" else np.zeros_like(labels))
        yield Cases(1 - reduced.value_at_logits(averaged) / before + ROUNDING, step="averaging", **at)
        yield Cases(1 - reduced.value_at_logits(center(Z)) / before + ROUNDING, step="centring", **at)


def _averaged(Z: Array, groups: NDArray[np.int64]) -> Array:
    out = np.empty_like(Z)
    for group in np.unique(groups):
        out[:, groups == group] = Z[:, groups == group].mean(axis=1, keepdims=True)
    return out


@claim(
    "model.samples",
    statement="With n samples in every class the reduced problem is that with one sample and lam n^(1/(L+1)).",
    latex=r"f_{n,\lambda}(M)=f_{1,\lambda n^{1/(L+1)}}(M)",
    source="theory section 2; derivations/schatten_reduction.py, section 8",
    how="symbolic proof; random logits on a grid",
    axes={"classes": range(2, 7), "depths": range(1, 7), "samples": (2, 5, 100)},
    deep={"classes": range(2, 21), "depths": range(1, 31), "samples": (2, 5, 100, 10000)},
    control=Control("the exponent 2/(L+1) in place of 1/(L+1)", {"power": lambda L: 2 / (L + 1)}),
    proves=True,
)
def samples_(
    classes: Ints, depths: Ints, samples: Ints, *, power: Callable[[int], float] = lambda L: 1 / (L + 1)
) -> Iterator[Evidence]:
    """Margin: agreement of both values."""
    yield step("schatten_reduction", "check_samples", "n enters as n^(1/(L+1))")
    for K in classes:
        M = np.random.default_rng(K).standard_normal((K, K))
        for L, n in product(depths, samples):
            many = Reduction(DeepUFM(K, L, 1e-3, samples=n)).value(M)
            one = Reduction(DeepUFM(K, L, 1e-3 * n ** power(L))).value(M)
            yield Cases(agreement(abs(many / one - 1), TOLERANCE), classes=K, depths=L, samples=n)


@claim(
    "model.rung_factors",
    statement="For Z = A B^T the Schatten penalty is the least mean of tr (A^T A)^p and tr (B^T B)^p, attained by "
    "balanced factors.",
    latex=r"\sum_is_i(AB^\top)^p\le\tfrac12\operatorname{tr}(A^\top A)^p+\tfrac12\operatorname{tr}(B^\top B)^p",
    source="theory section 4; derivations/rung_factors.py",
    how="symbolic proof; random and balanced factors on a grid",
    axes={"classes": range(2, 9), "depths": (1, 2, 3, 5, 10), "seeds": range(5)},
    deep={"classes": range(2, 21), "depths": range(1, 31), "seeds": range(50)},
    control=Control("half the power on the factors", {"share": 0.5}, {"classes": (4,)}),
    proves=True,
)
def rung_factors(classes: Ints, depths: Ints, seeds: Ints, *, share: float = 1.0) -> Iterator[Evidence]:
    """Margins: relative excess for random factors, agreement for balanced ones."""
    yield whole("rung_factors")
    for K, L in product(classes, depths):
        p = 2 / (L + 1)
        for seed in seeds:
            rng = np.random.default_rng([K, L, seed])
            A, B = rng.standard_normal((2, K, K))
            penalty = float(np.sum(np.linalg.svd(A @ B.T, compute_uv=False) ** p))
            at: dict[str, Any] = {"classes": K, "depths": L, "seeds": seed}
            yield Cases(1 - penalty / _factor_mean((A, B), p * share), factors="random", **at)
            balanced = _factor_mean(balanced_factors(A @ B.T, K), p * share)
            yield Cases(agreement(abs(balanced / penalty - 1), TOLERANCE), factors="balanced", **at)


def _factor_mean(pair: Iterable[Array], p: float) -> float:
    return sum(float(np.sum(np.linalg.svd(X, compute_uv=False) ** (2 * p))) for X in pair) / 2

"""The limit of vanishing regularisation: the least Schatten quasi-norm at margin one."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize

from optima.model import Array, DeepUFM, positive_integer
from optima.reduction import exponent
from optima.solution import grouped
from optima.solve.rung import balanced, descend
from optima.solve.rung_objective import RungObjective
from optima.solve.search import solve
from optima.structures.recognition import recognise

# Regularisations followed towards zero: margins become equal like 1 / log(1 / lambda).
PATH = (1e-8, 1e-16, 1e-32, 1e-64, 1e-128, 1e-256)
# Rungs whose value at the end of the path is within this share of the best are solved to the end.
CONTENDERS = 0.02
# Minima of one rung that are followed when its rank was asked for.
FOLLOWED = 3
# Margins up to this much above one may become active.
NEARLY_ACTIVE = 0.3
# Depth that stands for an infinite one while the starts are searched.
VERY_DEEP = 400


@dataclass(frozen=True)
class MaxMargin:
    r"""A local solution of min sum_i s_i(M)^p subject to margin(M) >= 1.

    ``value`` is sum_i s_i^p (for infinite depth sum_i log s_i at the least possible rank), ``means`` the matrix
    (K, K) with margin one, ``ladder`` the value and structure on each rank that was solved to the end, and
    ``violation`` the largest amount by which a margin falls short of one.
    """

    classes: int
    depth: float
    value: float
    means: Array
    structure: str
    ladder: tuple[tuple[int, float, str], ...]
    violation: float
    known_by: str
    seconds: float

    @property
    def singular_values(self) -> Array:
        """Nonzero singular values, descending."""
        s = np.linalg.svd(self.means, compute_uv=False)
        return s[s > 1e-9 * s[0]]

    @property
    def rank(self) -> int:
        """Rank of the code."""
        return self.singular_values.size

    def as_dict(self) -> dict[str, Any]:
        """For JSON: the object that ``optima max-margin --json`` prints (depth is null when infinite)."""
        return {
            "classes": self.classes,
            "depth": self.depth if math.isfinite(self.depth) else None,
            "value": self.value,
            "rank": self.rank,
            "singular_values": self.singular_values.tolist(),
            "structure": self.structure,
            "ladder": [{"rank": r, "value": v, "structure": name} for r, v, name in self.ladder],
            "violation": self.violation,
            "known_by": self.known_by,
            "seconds": self.seconds,
            "logits": self.means.tolist(),
        }

    def __str__(self) -> str:
        spectrum = ", ".join(f"{value:.8g} x{count}" for value, count in grouped(self.singular_values))
        power = "sum log s" if math.isinf(self.depth) else "sum s^p"
        lines = [
            f"{power:9} {self.value:.12g}  (K = {self.classes}, L = {self.depth:g}, margin 1)",
            f"structure {self.structure}",
            f"rank      {self.rank}, singular values {spectrum}",
            f"known by  {self.known_by}",
            f"time      {self.seconds:.2f} s",
            "",
            f"rank  {power}",
        ]
        return "\n".join([*lines, *(f"{rank:>4}  {value:<15.12g}  {name}" for rank, value, name in self.ladder)])


def max_margin(classes: int, depth: float, rank: int | None = None, seed: int = 0, effort: str = "normal") -> MaxMargin:
    r"""Best code known for the limit lambda -> 0 of the cross-entropy model.

    .. math:: \min_M \sum_i s_i(M)^p \quad\text{subject to}\quad M_{cc} - M_{jc} \ge 1 \;\; (j \ne c),
        \qquad p = \tfrac{2}{L+1}

    For infinite depth (``math.inf``) the rank comes first: it is 1 for K = 2 and 2 for K >= 3 (a matrix u v^T
    can single out argmax u and argmin u only), and sum_i log s_i decides among the codes of that rank.
    Starts come from the search at small lambda, are followed to lambda = 1e-256, and solved there as a
    constrained problem (sequential quadratic programming, scipy's SLSQP).

    Parameters
    ----------
    rank
        Only codes of this rank (softmax codes of garrod2026depth); None compares all.

    Raises ValueError for values out of range, and for a rank at infinite depth that is not the least one
    (there the smallest singular value would go to zero). Source: theory of the small-lambda limit.
    """
    began = time.perf_counter()
    classes = positive_integer("classes", classes, minimum=2)
    if not depth >= 1:
        raise ValueError(f"depth is {depth!r}; pass a number of at least 1, or math.inf")
    ranks = _ranks(classes, depth, None if rank is None else positive_integer("rank", rank))
    seed = positive_integer("seed", seed, minimum=0)
    deep = VERY_DEEP if math.isinf(depth) else depth
    if depth == 1 and rank in (None, classes - 1):
        solved = [(_simplex(classes), classes - 1.0)]
        known = "exact: the nuclear norm at margin one is least at the simplex"
    else:
        if not float(deep).is_integer():
            raise ValueError(f"depth is {depth!r}; pass an integer or math.inf")
        starts = solve(DeepUFM(classes, int(deep), PATH[0]), seed, effort, ranks=ranks)
        solved = _contenders(starts.ladder, classes, depth, keep_all=rank is not None)
        known = f"constrained optimisation from the {starts.known_by}"
    solved.sort(key=lambda pair: pair[1])
    means, value = solved[0]
    ladder = sorted((_rank_of(M), v, recognise(M).name) for M, v in solved)
    return MaxMargin(
        classes,
        depth,
        value,
        means,
        str(recognise(means)),
        tuple(ladder),
        max(0.0, 1 - float(_margins(means).min())),
        known,
        time.perf_counter() - began,
    )


def _ranks(classes: int, depth: float, rank: int | None) -> list[int] | None:
    least = 1 if classes == 2 else 2
    if rank is not None and not least <= rank <= classes - 1:
        raise ValueError(f"rank is {rank!r}; pass an integer from {least} to {classes - 1}, or none for all")
    if math.isinf(depth):
        if rank not in (None, least):
            raise ValueError(f"at infinite depth codes of rank {rank} fall to rank {least}; pass rank {least} or none")
        return [least]
    return None if rank is None else [rank]


def _simplex(classes: int) -> Array:
    return np.eye(classes) - 1 / classes


def _contenders(ladder: tuple, classes: int, depth: float, keep_all: bool) -> list[tuple[Array, float]]:
    """The minima of all rungs followed to the end of the path, and the best of them solved there."""
    p = float(exponent(depth)) if math.isfinite(depth) else 0.0
    deep = p if p else float(exponent(VERY_DEEP))
    ends = []
    for rung in ladder:
        for minimum in rung.minima[: FOLLOWED if keep_all else 1]:
            factors = _follow(minimum.means, rung.rank, deep)
            if factors is not None:
                ends.append((rung.rank, factors, _value(factors, deep)))
    best = min(value for *_, value in ends)
    close = [end for end in ends if keep_all or end[2] <= best * (1 + CONTENDERS)]
    solved: dict[int, tuple[Array, float]] = {}
    for rank, factors, _ in close:
        means, value = _solve_constrained(factors, p)
        if np.isfinite(value) and (rank not in solved or value < solved[rank][1]):
            solved[rank] = (means, value)
    return list(solved.values())


def _follow(means: Array, rank: int, p: float) -> Array | None:
    """Factors (2, K, r) of margin one after following a minimum along the path; None when it loses rank."""
    classes = len(means)
    U, s, V = np.linalg.svd(means)
    factors = np.stack([U[:, :rank] * np.sqrt(s[:rank]), V[:rank].T * np.sqrt(s[:rank])])
    weight = np.full(classes, 1 / classes)
    before = PATH[0]
    for reg in PATH[1:]:
        objective = RungObjective("ce", np.array([reg]), np.array([p]), np.ones(classes), weight)
        start = factors * math.sqrt(math.log(reg) / math.log(before))
        end = descend(objective, start[None], steps=300)
        if end.dropped[0]:
            return None
        factors = balanced(end.factors)[0]
        before = reg
    smallest = float(_margins(factors[0] @ factors[1].T).min())
    return factors / math.sqrt(smallest) if smallest > 0 else None


def _value(factors: Array, p: float) -> float:
    """sum_i s_i^p of balanced factors; sum_i log s_i for p = 0."""
    s = np.sum(factors[0] ** 2, axis=0)
    return float(np.sum(s**p) if p else np.sum(np.log(s)))


def _solve_constrained(factors: Array, p: float) -> tuple[Array, float]:
    """Minimise sum s^p (or sum log s) over factors with all margins at least one, from a nearby start."""
    shape = factors.shape
    classes = shape[1]
    margins = _margins(factors[0] @ factors[1].T)
    rivals, own = np.nonzero((margins < 1 + NEARLY_ACTIVE) & ~np.eye(classes, dtype=bool))

    def objective(x: Array) -> tuple[float, Array]:
        value, gradient = 0.0, np.empty(shape)
        for i, factor in enumerate(x.reshape(shape)):
            w, Q = np.linalg.eigh(factor.T @ factor)
            w = np.maximum(w, 1e-300)
            value += 0.5 * float(np.sum(w**p) if p else np.sum(np.log(w)))
            gradient[i] = (p or 1.0) * factor @ (Q * w ** (p - 1)) @ Q.T
        return value, gradient.ravel()

    def shortfall(x: Array) -> Array:
        A, B = x.reshape(shape)
        return np.einsum("kr,kr->k", A[own] - A[rivals], B[own]) - 1

    def slopes(x: Array) -> Array:
        A, B = x.reshape(shape)
        out = np.zeros((own.size, *shape))
        k = np.arange(own.size)
        out[k, 0, own] += B[own]
        out[k, 0, rivals] -= B[own]
        out[k, 1, own] += A[own] - A[rivals]
        return out.reshape(own.size, -1)

    result = minimize(
        objective,
        factors.ravel(),
        jac=True,
        method="SLSQP",
        constraints={"type": "ineq", "fun": shortfall, "jac": slopes},
        options={"maxiter": 300, "ftol": 1e-15},
    )
    A, B = result.x.reshape(shape)
    means = A @ B.T
    means -= means.mean(axis=0)
    smallest = float(_margins(means).min())
    if smallest < 0.5:
        return means, math.inf
    means /= smallest
    s = np.linalg.svd(means, compute_uv=False)[: shape[2]]
    return means, float(np.sum(s**p) if p else np.sum(np.log(s)))


def _margins(means: Array) -> Array:
    """M_cc - M_jc at (j, c), infinite on the diagonal."""
    margins = np.diagonal(means) - means
    np.fill_diagonal(margins, np.inf)
    return margins


def _rank_of(means: Array) -> int:
    s = np.linalg.svd(means, compute_uv=False)
    return int(np.sum(s > 1e-9 * s[0]))

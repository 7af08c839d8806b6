"""The limit of vanishing regularisation: the least Schatten quasi-norm at margin one."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from optima.limits import check_classes, check_code
from optima.model import Array
from optima.model.content import Content
from optima.model.inputs import one_of, positive_integer, shown
from optima.presented import shown_by
from optima.reduction import balanced_factors, exponent
from optima.search.interior_point import margins, norm
from optima.search.margin_search import EFFORTS, ZERO, Effort, MarginSearch
from optima.solution.knowledge import Knowledge
from optima.structures.recognition import Recognition, recognise
from optima.structures.simplex import centred_identity
from optima.workers.threads import single_threaded

# Margins up to this much above one count as active in the test of stationarity: where a multiplier is zero too, both go
# to zero like the square root of the gap only.
ACTIVE = 1e-6
# Largest depth, beyond which sum_i s_i^p has lost the singular values to rounding.
DEEPEST = 10**6


@dataclass(frozen=True, eq=False)
class MaxMargin(Content):
    r"""A local solution of min sum_i s_i(M)^p subject to margin(M) >= 1.

    ``value`` is sum_i s_i^p (for infinite depth sum_i log s_i at the least possible rank), ``means`` the matrix
    (K, K) with margin one, ``ladder`` the value and structure of the best code on each rank that was searched,
    ``violation`` the largest amount by which a margin falls short of one, and ``stationarity`` says how nearly the code
    satisfies the conditions of Karush, Kuhn and Tucker: the distance of the gradient of sum_i s_i^p, over the matrices
    of its rank, from the combinations of active margins with multipliers of at least zero, relative to its norm.
    """

    classes: int
    depth: float
    value: float
    means: Array
    recognition: Recognition
    ladder: tuple[tuple[int, float, str], ...]
    violation: float
    stationarity: float
    known_by: str
    seconds: float = field(compare=False)

    @property
    def structure(self) -> str:
        """The name of the code, ``"unnamed"`` without one."""
        return self.recognition.name

    @property
    def kind(self) -> Knowledge:
        """How the value is known."""
        return Knowledge.stated(self.known_by)

    @property
    def singular_values(self) -> Array:
        """Nonzero singular values, descending."""
        return _spectrum(self.means)

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
            "description": self.recognition.description,
            "ladder": [{"rank": r, "value": v, "structure": name} for r, v, name in self.ladder],
            "violation": self.violation,
            "stationarity": self.stationarity,
            "kind": str(self.kind),
            "known_by": self.known_by,
            "seconds": self.seconds,
            "logits": self.means.tolist(),
        }

    def __repr__(self) -> str:
        return f"<MaxMargin K={self.classes} L={self.depth:g}: {self.recognition.label}, value {self.value:.6g}>"

    def __str__(self) -> str:
        return str(shown_by("report.margin:margin_text", self))


def max_margin(classes: int, depth: float, rank: int | None = None, seed: int = 0, effort: str = "normal") -> MaxMargin:
    r"""Best code known for the limit lambda -> 0 of the cross-entropy model.

    .. math:: \min_M \sum_i s_i(M)^p \quad\text{subject to}\quad M_{cc} - M_{jc} \ge 1 \;\; (j \ne c),
        \qquad p = \tfrac{2}{L+1}

    For infinite depth (``math.inf``) the rank comes first: it is 1 for K = 2 and 2 for K >= 3 (a matrix u v^T can
    single out argmax u and argmin u only), and sum_i log s_i decides among the codes of that rank. Random codes are
    followed from p = 1 down to p and solved by an interior-point method, as are the named structures, pairs beside
    classes alone, and the best codes of the rung below with one class moved into a new dimension; paths that meet
    another one are left. The best codes are kicked and solved again until nothing better comes. All points compared
    have margin one exactly, so the result is never above a named structure of its rank. It is a local solution: nothing
    proves that no code is better.

    Parameters
    ----------
    classes, depth
        K >= 2 and L >= 1.
    rank
        Only codes of exactly this rank (softmax codes of garrod2026depth); None compares all.
    seed
        Seed of the random starts; equal seeds give equal results, with any number of threads.
    effort
        ``"quick"``, ``"normal"`` or ``"thorough"``.

    Raises ValueError for values out of range, for codes too large to be searched, and for a rank at infinite depth that
    is not the least one (there the smallest singular value would go to zero). Source: theory of the small-lambda limit.

    Examples
    --------
    >>> import optima
    >>> optima.max_margin(4, 3)
    <MaxMargin K=4 L=3: pairs, value 2.82843>
    """
    began = time.perf_counter()
    classes = positive_integer("classes", classes, minimum=2)
    if not depth >= 1:
        raise ValueError(f"depth is {shown(depth)}; pass a number of at least 1, or math.inf")
    exact = classes == 2 or (depth == 1 and rank in (None, classes - 1))
    if depth != math.inf and not (depth <= DEEPEST and (exact or float(depth).is_integer())):
        raise ValueError(f"depth is {shown(depth)}; pass an integer up to {DEEPEST}, or math.inf")
    rank = _checked_rank(classes, depth, None if rank is None else positive_integer("rank", rank))
    seed = positive_integer("seed", seed, minimum=0)
    one_of("effort", effort, tuple(EFFORTS))
    if exact:
        check_classes(classes)
    else:
        check_code(classes, rank or 2)
    p = float(exponent(depth)) if math.isfinite(depth) else 0.0
    with single_threaded():
        if exact:
            codes = [centred_identity(classes)]
            known = "exact: one singular value" if classes == 2 else "exact: the problem is convex"
        else:
            codes, starts = _searched(classes, p, rank, seed, EFFORTS[effort])
            known = f"local solution, best of {starts} starts and the named structures"
        codes.sort(key=lambda means: _value(means, p))
        means = codes[0]
        stationarity = kkt_residual(means, p)
        return MaxMargin(
            classes,
            depth,
            _value(means, p),
            means,
            recognise(means),
            tuple(sorted((_spectrum(M).size, _value(M, p), recognise(M).name) for M in codes)),
            max(0.0, 1 - float(margins(means).min())),
            stationarity,
            f"{known}; conditions of first order hold to {stationarity:.1g}",
            time.perf_counter() - began,
        )


def _checked_rank(classes: int, depth: float, rank: int | None) -> int | None:
    least = 1 if classes == 2 else 2
    if rank is not None and not least <= rank <= classes - 1:
        raise ValueError(f"rank is {rank!r}; pass an integer from {least} to {classes - 1}, or none for all")
    if math.isinf(depth):
        if rank not in (None, least):
            raise ValueError(f"at infinite depth codes of rank {rank} fall to rank {least}; pass rank {least} or none")
        return least
    return rank


def _searched(classes: int, p: float, rank: int | None, seed: int, effort: Effort) -> tuple[list[Array], int]:
    """The best code on the rank that was asked for, or on each rank that was visited, and the number of starts."""
    search = MarginSearch(classes, p, seed, effort)
    if rank is None:
        search.climb()
    else:
        search.rung(rank)
    ranks = sorted(search.rungs) if rank is None else [rank]
    return [_at_margin_one(*search.rungs[r].factors[0]) for r in ranks], search.starts


def _at_margin_one(A: Array, B: Array) -> Array:
    means = A @ B.T
    means -= means.mean(axis=0)
    return np.asarray(means / margins(means).min())


def kkt_residual(means: Array, p: float, active: float = ACTIVE) -> float:
    r"""min over z >= 0 of ||grad sum_i s_i^p - sum_jc z_jc grad (M_cc - M_jc)|| / ||grad sum_i s_i^p||.

    The sum runs over the margins that are one (up to ``active`` more), the gradients are those on matrices of the rank
    of M in balanced factors M = A B^T. It is zero at every local solution. A nonnegative least-squares problem:
    independent of the method that found M, and nothing but an upper bound where its iterations do not end.
    """
    from scipy.optimize import nnls

    s = _spectrum(means)
    A, B = balanced_factors(means, s.size)
    slope = np.concatenate([A, B]) * s ** (p - 1)
    rivals, own = np.nonzero(margins(means) < 1 + active)
    k = np.arange(own.size)
    pulls = np.zeros((own.size, 2 * len(means), s.size))
    pulls[k, own] += B[own]
    pulls[k, rivals] -= B[own]
    pulls[k, len(means) + own] += A[own] - A[rivals]
    try:
        distance = nnls(pulls.reshape(own.size, -1).T, slope.ravel())[1]
    except RuntimeError:
        return math.inf
    return float(distance / np.linalg.norm(slope))


def _value(means: Array, p: float) -> float:
    return float(norm(_spectrum(means), p))


def _spectrum(means: Array) -> Array:
    """Nonzero singular values, descending."""
    s = np.linalg.svd(means, compute_uv=False)
    return np.asarray(s[s > ZERO * s[0]])

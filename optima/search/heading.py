"""Where training without regularisation is heading: its logits against the codes of largest margin."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from optima.model import Array
from optima.model.content import Content
from optima.model.inputs import positive_integer, shown
from optima.presented import shown_by
from optima.reduction import exponent
from optima.search.interior_point import margins, norm
from optima.search.max_margin import MaxMargin, kkt_residual, max_margin
from optima.structures.recognition import Recognition, recognise
from optima.structures.recognition.result import TOLERANCE

# A rival whose softmax is below this share of the nearest one's no longer pulls.
FAINT = 1e-3
# Largest excess of a margin over the smallest one that may count as active.
LOOSE = 0.5


@dataclass(frozen=True, eq=False)
class Heading(Content):
    """The direction of some logits against the codes of largest margin at their depth.

    Attributes
    ----------
    classes, depth
        K and L.
    margin
        The smallest margin of the logits; directions mean something where it is much larger than one.
    means
        Their direction: centred, of the rank that was recognised, with margin one.
    recognition
        What it is.
    residual
        How nearly it satisfies the conditions of Karush, Kuhn and Tucker of the max-margin problem, 0 to 1: see
        :func:`optima.search.max_margin.kkt_residual`.
    slack
        By how much the margins that count as active exceed the smallest, at most, relative to it: those of rivals
        whose softmax is at least 1e-3 of the nearest one's.
    value
        sum_i s_i^p of the direction, p = 2/(L+1).
    best, best_of_rank
        The best codes known, of all ranks and of this one (None where its rank has no code).
    """

    classes: int
    depth: int
    margin: float
    means: Array
    recognition: Recognition
    residual: float
    slack: float
    value: float
    best: MaxMargin
    best_of_rank: MaxMargin | None

    @property
    def rank(self) -> int:
        """Rank of the direction."""
        return self.recognition.rank

    @property
    def excess(self) -> float:
        """value / value of the best code known - 1."""
        return self.value / self.best.value - 1

    @property
    def excess_of_rank(self) -> float | None:
        """value / value of the best code known of this rank - 1."""
        return self.value / self.best_of_rank.value - 1 if self.best_of_rank else None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        of_rank = self.best_of_rank
        return {
            "classes": self.classes,
            "depth": self.depth,
            "margin": self.margin,
            "structure": self.recognition.label,
            "distance": self.recognition.distance,
            "rank": self.rank,
            "residual": self.residual,
            "slack": self.slack,
            "value": self.value,
            "best": {"structure": self.best.structure, "rank": self.best.rank, "value": self.best.value},
            "excess": self.excess,
            "best_of_rank": None if of_rank is None else {"structure": of_rank.structure, "value": of_rank.value},
            "excess_of_rank": self.excess_of_rank,
        }

    def __repr__(self) -> str:
        return (
            f"<Heading K={self.classes} L={self.depth}: {self.recognition.label}, KKT residual {self.residual:.2g}, "
            f"{100 * self.excess:.3g} % above the best code known ({self.best.recognition.label})>"
        )

    def __str__(self) -> str:
        return str(shown_by("report.heading:heading_text", self))


def heading(
    run: Any, depth: int | None = None, *, tolerance: float = TOLERANCE, seed: int = 0, effort: str = "quick"
) -> Heading:
    r"""Which code of largest margin the logits of unregularised training tend to in direction, and how far it is.

    .. math:: \frac{M(t)}{\mathrm{margin}(M(t))} \to \text{a KKT point of}\quad
        \min_M \sum_i s_i(M)^p \;\;\text{s.t.}\;\; M_{cc} - M_{jc} \ge 1, \qquad p = \tfrac{2}{L+1}

    for balanced starts and classes of equal size (Lyu and Li 2020; Ji and Telgarsky 2020 for the limit in general).

    Parameters
    ----------
    run
        A :class:`optima.Flow`, a run of :func:`optima.train`, or class-mean logits (K, K).
    depth
        L, where ``run`` is logits.
    tolerance
        Singular values below this share of the largest are taken to vanish in the limit; also that of recognition.
    seed, effort
        Of the search for the best codes; see :func:`optima.max_margin`.

    Raises ValueError for logits that do not tell all classes apart, without a depth, and for classes of unequal size.

    Examples
    --------
    >>> import optima
    >>> run = optima.flow(optima.DeepUFM(4, 3, 0), (1.0, 1.0, 0.3), until={"margin": 500}, group=(2, 2))
    >>> optima.heading(run).recognition.name
    'pairs'
    """
    problem = getattr(run, "problem", None)
    means = np.asarray(run if problem is None else run.means, dtype=float)
    if problem is not None:
        if not problem.balanced:
            raise ValueError("the classes differ in size, and codes of largest margin are of equal ones; pass such")
        if problem.loss != "ce" or problem.nonlinear:
            raise ValueError("codes of largest margin are the limit of linear cross-entropy models; pass one")
        depth = problem.depth
    if depth is None:
        raise ValueError("the depth is not given; pass heading(logits, depth=2), or a run")
    depth = positive_integer("depth", depth)
    direction, margin, recognition = direction_of(means, tolerance)
    p, K = float(exponent(depth)), len(direction)
    active = min(LOOSE, -math.log(FAINT) / margin)
    rank = recognition.rank
    gaps = margins(direction)
    best = _best(K, depth, None, seed, effort)
    of_rank: MaxMargin | None = best
    if rank != best.rank:
        of_rank = _best(K, depth, rank, seed, effort) if (K == 2 or rank > 1) and rank < K else None
    return Heading(
        K,
        depth,
        margin,
        direction,
        recognition,
        kkt_residual(direction, p, active),
        float(gaps[gaps < 1 + active].max() - 1),
        float(norm(np.asarray(np.linalg.svd(direction, compute_uv=False)[:rank], dtype=float), p)),
        best,
        of_rank,
    )


@lru_cache(maxsize=256)
def _best(classes: int, depth: int, rank: int | None, seed: int, effort: str) -> MaxMargin:
    """The best code, which many runs of one problem are held against; its logits cannot be written to."""
    code = max_margin(classes, depth, rank, seed, effort)
    code.means.setflags(write=False)
    return code


def direction_of(means: ArrayLike, tolerance: float = TOLERANCE) -> tuple[Array, float, Recognition]:
    """The logits centred, without the singular values that vanish, at margin one; their margin; what they are."""
    M = np.asarray(means, dtype=float)
    if M.ndim != 2 or M.shape[0] != M.shape[1] or len(M) < 2 or not np.isfinite(M).all():
        raise ValueError(f"the logits are {shown(means)}; pass finite class-mean logits of shape (K, K)")
    M = M - M.mean(axis=0)
    margin = float(margins(M).min())
    if not margin > 0:
        raise ValueError(f"the smallest margin is {margin:.3g}: no direction tells all classes apart yet; train longer")
    U, s, V = np.linalg.svd(M)
    rank = int(np.sum(s > tolerance * s[0]))
    cut = (U[:, :rank] * s[:rank]) @ V[:rank]
    if margins(cut).min() <= 0:
        rank, cut = int(np.sum(s > 1e-9 * s[0])), M
    direction = cut / margins(cut).min()
    return direction, margin, recognise(direction, tolerance, rank=rank)

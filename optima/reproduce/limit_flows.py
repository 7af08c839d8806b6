"""Flows without regularisation beside the best codes for lambda -> 0, one row for each."""

from __future__ import annotations

import numpy as np

from optima.dynamics import effective_rank, flow
from optima.dynamics.starts import character_start, gaussian_logits
from optima.model import Array, DeepUFM
from optima.reduction import balanced_factors, exponent
from optima.reproduce.rows import Row
from optima.search.heading import direction_of
from optima.search.interior_point import SMALL_GAP, norm, solve_margins
from optima.search.max_margin import MaxMargin
from optima.structures.recognition import recognise

# Size of the starts, spread of the logarithms of those in characters, and where and how exactly flows end.
START, SPREAD, MARGIN, TOLERANCE = 0.01, 0.3, 500.0, 1e-6
KINDS = {"any": "Gaussian logits", "characters": "values in characters"}


def limit_row(best: MaxMargin, kind: str, seed: int) -> Row:
    """One flow beside the best code: its direction at the end, and the code of its rank reached from there."""
    K, p = best.classes, float(exponent(best.depth))
    direction = _direction(K, int(best.depth), kind, seed)
    s = np.asarray(np.linalg.svd(direction, compute_uv=False), dtype=float)
    recognised = recognise(direction)
    s = s[: recognised.rank]
    value = float(norm(s, p))
    codes = solve_margins(balanced_factors(direction, s.size)[None], np.array([SMALL_GAP]), p)
    A, B = codes.factors[0]
    return {
        "classes": K,
        "depth": int(best.depth),
        "best": best.structure,
        "best_rank": best.rank,
        "best_effective_rank": float(effective_rank(best.singular_values)),
        "best_value": best.value,
        "start": kind,
        "seed": seed,
        "direction": recognised.name,
        "rank": s.size,
        "effective_rank": float(effective_rank(s)),
        "excess": value / best.value - 1,
        "code": recognise(A @ B.T).name,
        "code_excess": float(codes.value[0]) / best.value - 1,
    }


def _direction(classes: int, depth: int, kind: str, seed: int) -> Array:
    """Of the logits at the end of a flow, without the singular values that vanish, at margin one."""
    problem, until = DeepUFM(classes, depth, 0.0), {"margin": MARGIN}
    if kind == "characters":
        start, orders = character_start(problem, START, None, SPREAD, seed)
        run = flow(problem, start, until=until, group=orders, tolerance=TOLERANCE)
    else:
        run = flow(problem, gaussian_logits(problem, START, seed), until=until, tolerance=TOLERANCE)
    return direction_of(run.means)[0]

"""The global search: every rung of the ladder of ranks, from many starts."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from optima.limits import check_searchable
from optima.model import Array, DeepUFM
from optima.model.inputs import one_of, positive_integer, shown
from optima.progress import Tell, Words, silent
from optima.reduction import Reduction, balanced_factors
from optima.scales.batch import best_of_structures
from optima.scales.squared_error import squared_error_minimum
from optima.search.depth_one import depth_one_minimum
from optima.search.effort import EFFORTS, effort_for
from optima.search.ranks import visit
from optima.search.reported import known_by, ladder_of, minimum
from optima.search.rungs import EVERY_RANK, Named, Rungs
from optima.search.starts import best_scale
from optima.solution import Rung, Solution
from optima.structures import catalogue
from optima.structures.block_sums import block_sums
from optima.structures.recognition import recognise

# Where classes differ in size, the starts of one rank: sums of structures, and minima of the problem at one size.
SUMS, CONTINUED = 12, 2

# Class-mean logits, the ladder, and how they are known.
Found = tuple[Array, tuple[Rung, ...], str]


def search(
    problem: DeepUFM,
    seed: int = 0,
    effort: str = "normal",
    starts: Sequence[Array] = (),
    ranks: Sequence[int] | None = None,
    progress: Tell[Words] = silent,
    many: bool = False,
    shared: bool = False,
) -> Solution:
    r"""Best minimum known of the linear model, over logits of every rank, without a proof.

    .. math:: \min_M \operatorname{fit}(M) + c \sum_i s_i(Z)^p, \qquad \operatorname{rank} M \le \min(d, K-1)

    Squared error, and cross-entropy at L = 1 and d >= K - 1, are solved exactly. Otherwise each rung is
    searched by descents from random codes, from the named structures and from its neighbours; descents
    that lose rank pass to the rung below. A rung gets more random starts until (n_1 + 1) / ((N + 2) (D + 1)), with
    n_1 of the D minima met just once in N descents, is below a number that the effort sets, a larger one for rungs
    more than 0.5 % above the best; where classes have one size no more are drawn than that asks for, and none after
    four that all end more than 2 % above the best. Two starts a rank scout which rung to search first; then ranks go up
    until several rungs in a row are hopeless (more than 2 % above the best, or empty), and the others get the named
    structures only. Beyond 48 classes the ranks visited bracket the best one, from log2 K by doubling and halving;
    beyond 500 not to the last rank.

    On the rungs near the best one the search then goes from minimum to minimum: where classes differ in size, two of
    them exchange their places until no exchange is better; then a kick moves classes or shakes the code, until several
    in a row bring nothing better (:mod:`optima.search.hop`). Where classes differ in size, sums of structures on some
    of them each and the minima of the problem with classes of one size are starts too. ``known_by`` says how many
    searches met the best minimum, and how often ten times the work improved on such searches where that was measured
    (:mod:`optima.search.chance`).

    Parameters and errors are those of :func:`optima.solve`. With ``many`` the descents of problems of few classes too
    run in machine code, which takes seconds to be made, once, and a second to be loaded; results agree up to rounding.
    With ``shared`` ranks that are not the best here get as many starts as those near it: what is found there is the
    best of other problems.

    Source: theory of the ladder of ranks; garrod2025.
    """
    one_of("effort", effort, tuple(EFFORTS))
    seed = positive_integer("seed", seed, minimum=0)
    check_searchable(problem)
    ranks = _checked_ranks(problem, ranks)
    began = time.perf_counter()
    reduction = Reduction(problem)
    named = _named(problem)
    if problem.loss == "mse":
        found: Found = squared_error_minimum(problem), (), "exact: the singular values decouple"
    else:
        rungs = Rungs(problem, seed, effort_for(problem, effort, shared), named, progress, many)
        rungs.give(starts)
        if not problem.balanced and problem.depth > 1:
            _give_unequal(rungs)
        convex = problem.depth == 1 and ranks is None and problem.max_rank >= problem.classes - 1
        found = _depth_one(rungs) if convex else _best_of(rungs, ranks)
    means, ladder, known = found
    zero = np.zeros_like(means)
    if reduction.value(zero) <= reduction.value(means):
        means = zero
    return Solution(
        problem,
        means,
        recognise(means, loss=problem.loss, rank=reduction.rank(means)),
        ladder,
        {name: loss for name, (loss, _) in named.items()},
        known,
        seed,
        effort,
        time.perf_counter() - began,
    )


def _checked_ranks(problem: DeepUFM, ranks: Sequence[int] | None) -> list[int] | None:
    if ranks is None:
        return None
    most = min(problem.max_rank, problem.classes - 1)
    checked = [positive_integer("ranks", rank) for rank in ranks]
    if not checked or max(checked) > most:
        raise ValueError(f"ranks is {shown(list(ranks))}; pass some of 1 to {most}, or none for all")
    return checked


def _named(problem: DeepUFM) -> Named:
    """Loss and class-mean logits of the named structures at their best scales."""
    if not problem.balanced:
        return {}
    members = catalogue(problem.classes, None, problem.loss, problem.max_rank)
    depth, reg, samples = (np.array([x]) for x in (problem.depth, Reduction(problem).reg, problem.class_sizes[0]))
    bests = best_of_structures(members, depth, reg, samples, problem.loss)
    found = sorted(zip(members, bests, strict=True), key=lambda pair: float(pair[1].loss[0]))
    return {member.name: (float(best.loss[0]), member.shape(best.scales[:, 0].tolist())) for member, best in found}


def _give_unequal(rungs: Rungs) -> None:
    """Where classes differ in size: sums of structures on some classes each, and the minima at one size."""
    problem, objective = rungs.problem, rungs.objective
    sums = rungs.by_rank([shape for _, shape in block_sums(tuple(problem.class_sizes.tolist()))])
    for rank, products in sums.items():
        factors, losses = best_scale(objective, balanced_factors(products, rank), 0)
        best = np.argsort(losses, kind="stable")[:SUMS]
        rungs.given.setdefault(rank, []).extend(A @ B.T for A, B in factors[best])
    if problem.classes <= EVERY_RANK:
        equal = replace(problem, samples=max(1, problem.size // problem.classes))
        search = Rungs(equal, rungs.seed, replace(EFFORTS["quick"], counted=False), _named(equal), many=True)
        visit(search)
        codes = [code for tally in search.tallies.values() for code in tally.lowest(CONTINUED)]
        rungs.give([A @ B.T * search.objective.column for A, B in codes])


def _depth_one(rungs: Rungs) -> Found:
    guesses = [factors for rank, products in rungs.given.items() for factors in balanced_factors(products, rank)]
    point, excess = depth_one_minimum(rungs.problem, guesses, rungs.objective.interpreted)
    if point is None:
        return _zero(rungs), (), "exact: convex, ||G||_2 <= lambda at zero"
    known = f"exact: convex, dual certificate ||G||_2 <= (1 + {excess:.1g}) lambda"
    only = minimum(rungs, point, hits=1)
    return only.means, (Rung(point.rank, (only,), 1, 0, math.nan),), known


def _best_of(rungs: Rungs, ranks: Sequence[int] | None) -> Found:
    visit(rungs, ranks)
    ladder = ladder_of(rungs)
    # Without a rung every descent ended at the zero logits.
    best = min((rung.minima[0] for rung in ladder), key=lambda each: each.loss, default=None)
    return _zero(rungs) if best is None else best.means, ladder, known_by(rungs)


def _zero(rungs: Rungs) -> Array:
    return np.zeros((rungs.problem.classes,) * 2)

"""Proofs of lower bounds for one problem, by every method that applies to it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from optima.model import Array, DeepUFM
from optima.progress import Tell, silent
from optima.proofs.arithmetic import proving
from optima.proofs.branch_and_bound import BranchAndBound
from optima.proofs.budget import CHEAP_BOXES, Budget
from optima.proofs.certificate import Certificate
from optima.proofs.claims import LEAST_LOSS, PAIR_BOXES, Claims
from optima.proofs.form import ConvexConcave
from optima.proofs.gap import gap_of_search
from optima.proofs.searching import Searching
from optima.reduction import Reduction

# Classes of the problems whose minima bound larger ones, and the gaps to which those are found.
PARTS = {3: 1e-4, 4: 1e-2}
FEWEST, MOST = min(PARTS), max(PARTS)
# Part of the work that each but the largest of them gets.
SMALLER = 0.2
# Part of the work that pairs of classes get.
OF_PAIRS = 0.8
# Programmes of the bound by pairs that a solution of a thorough search carries.
CHEAP_PAIRS = 14
# Gap of the bound that every solution carries.
CHEAP_GAP = 1e-3
# Below this factor of the penalty boxes are lost in rounding.
WEAKEST = 1e-40


def cheap_certificate(problem: DeepUFM, means: Array, pairs: bool = False) -> Certificate:
    """The best lower bound to be had from a few thousand boxes; ``means`` (K, K) are the best logits known.

    For more than three classes it is that of an instant; with ``pairs`` also that by pairs of classes, for which
    ``CHEAP_PAIRS`` programmes take some seconds, many times a search.
    """
    if problem.classes <= (3 if problem.balanced else 2) or is_narrow(problem):
        return prove(problem, means, CHEAP_GAP, Budget(CHEAP_BOXES))
    instant = instant_certificate(problem, means)
    if not (pairs and problem.balanced and problem.loss == "ce" and problem.depth > 1 and instant.gap > CHEAP_GAP):
        return instant
    with proving():
        known = Claims.of(problem, means)
        if ConvexConcave.of(problem).strength < WEAKEST:
            return instant
        by_pairs = known.pairs(CHEAP_GAP, Budget(CHEAP_PAIRS * PAIR_BOXES), silent)
    return max(instant, by_pairs, key=lambda certificate: certificate.lower)


def is_narrow(problem: DeepUFM) -> bool:
    """Whether all logits have rank one and are searched as such: cross-entropy, three or four classes, width 1."""
    return problem.loss == "ce" and problem.max_rank == 1 and problem.classes in PARTS


def instant_certificate(problem: DeepUFM, means: Array) -> Certificate:
    """The best lower bound that takes no boxes, but the time of one scalar equation."""
    if problem.loss == "mse" or problem.depth == 1:
        return prove(problem, means, CHEAP_GAP, Budget(CHEAP_BOXES))
    with proving():
        return Claims.of(problem, means).without_boxes()


def prove(
    problem: DeepUFM,
    means: Array,
    gap: float = 1e-6,
    budget: Budget | None = None,
    checkpoint: Path | None = None,
    progress: Tell[Searching] = silent,
    most_classes: int = 4,
) -> Certificate:
    r"""Lower bound of the minimum, as close to the loss of ``means`` as its budget allows.

    .. math:: \text{lower} \le \min_Z \operatorname{fit}(Z) + c \sum_i s_i(Z)^p \le f(\text{means})

    Squared error and L = 1 are exact. Otherwise two to four classes of one size, and three of any sizes, are
    searched box by box in M, less a neighbourhood of ``means`` where the curvature tells; four of several sizes in
    each order of the sizes. More of one size are bounded
    by one direction (Jensen), by what any two of them can save, and by searches of problems of three and of four
    classes, and the best bound counts; more of several sizes by shares of each class (Gibbs) and by the three largest
    classes alone. Three and four classes of any sizes are at width 1 searched by direction and scale.

    The same arguments give the same certificate to the last bit, whatever the load of the machine and the threads of
    its linear algebra, unless the budget has seconds and they end the search: then ``ended`` says so.

    Parameters
    ----------
    means
        The best class-mean logits known, shape (K, K).
    gap, checkpoint, progress
        As of :func:`optima.certify`.
    budget
        Of boxes; by default 600,000 and 4 GiB.
    most_classes
        The largest problem searched, 3 or 4; those of 3 can be checked in interval arithmetic.

    Raises ValueError for a gap outside [1e-11, 1), and for logits whose loss is beyond the range of floats.
    Source: derivations/convex_concave.py, derivations/neighbourhood.py, derivations/plane_bound.py,
    derivations/near_lines.py, derivations/subsampling_bound.py, derivations/pair_bound.py,
    derivations/rank_one_bound.py, derivations/squared_error.py.
    """
    gap_of_search(gap)
    with proving():
        known = Claims.of(problem, means)
        work = Work(gap, budget or Budget(), checkpoint, progress)
        claims = _by_all_methods(known, work, most_classes)
        if max(claim.lower for claim in claims) < LEAST_LOSS:
            claims = [known.trivial()]
    best = max(claims, key=lambda certificate: certificate.lower)
    return replace(best, ended=f"the gap of {gap:g} is reached" if best.gap <= gap else claims[-1].ended)


@dataclass(frozen=True)
class Work:
    """What a proof is asked for: the gap, the work it may take, and the file of its largest search."""

    gap: float
    budget: Budget
    checkpoint: Path | None
    progress: Tell[Searching]


def _by_all_methods(known: Claims, work: Work, most_classes: int) -> list[Certificate]:
    """Lower bounds by all methods that apply, the one that gets the most work last."""
    problem = known.problem
    if problem.loss == "mse":
        return [known.squared_error()]
    if is_narrow(problem) and most_classes == MOST and Reduction(problem).strength >= WEAKEST:
        return _narrow(known, work)
    if problem.depth == 1:
        return [known.depth_one()]
    form = ConvexConcave.of(problem)
    if form.strength < WEAKEST:
        return [known.without_boxes()]
    if problem.classes <= FEWEST:
        return _few_classes(known, form, work)
    if problem.balanced:
        return _classes_of_one_size(known, form, work, most_classes)
    return _classes_of_several_sizes(known, form, work, most_classes)


def _narrow(known: Claims, work: Work) -> list[Certificate]:
    instant = known.depth_one() if known.problem.depth == 1 else known.without_boxes()
    return [instant] if instant.gap <= work.gap else [instant, known.rank_one(work.gap, work.budget, work.progress)]


def _few_classes(known: Claims, form: ConvexConcave, work: Work) -> list[Certificate]:
    proof, _ = known.searched(form, work.gap, work.budget, work.checkpoint, work.progress)
    # Where floats are too short for boxes.
    rest = [known.one_direction()] if known.problem.balanced and proof.gap > work.gap else []
    return [*rest, proof]


def _classes_of_several_sizes(known: Claims, form: ConvexConcave, work: Work, most_classes: int) -> list[Certificate]:
    gap, budget, progress = work.gap, work.budget, work.progress
    instant = known.without_boxes()
    if instant.gap <= gap:
        return [instant]
    chosen = np.argsort(-known.problem.class_sizes, kind="stable")[:FEWEST].astype(np.int64)
    part = form.restrict(chosen.tolist())
    if known.problem.classes > most_classes or most_classes < MOST:
        return [instant, known.searched(part, gap, budget, work.checkpoint, progress, chosen)[0]]
    largest, search = known.searched(part, max(gap, PARTS[FEWEST]), budget.part(SMALLER), None, progress, chosen)
    return [instant, largest, known.relabelled(form, gap, budget.less([search]), work.checkpoint, progress)]


def _classes_of_one_size(known: Claims, form: ConvexConcave, work: Work, most_classes: int) -> list[Certificate]:
    gap, budget, progress = work.gap, work.budget, work.progress
    found, searches = [known.one_direction()], list[BranchAndBound]()
    if found[0].gap <= gap:
        return found
    if known.problem.classes > most_classes == MOST:
        found.append(known.pairs(gap, budget.part(OF_PAIRS), progress))
        if found[-1].gap <= gap:
            return found
        budget = budget.part(1 - OF_PAIRS)
    sizes = [classes for classes in PARTS if classes <= most_classes]
    for classes in sizes:
        whole, last = classes == known.problem.classes, classes == sizes[-1]
        part, aim = (form, gap) if whole else (form.subsample(classes), max(gap, PARTS[classes]))
        left = budget.less(searches)
        kept, left = (work.checkpoint, left) if last else (None, left.part(SMALLER))
        proof, search = known.searched(part, aim, left, kept, progress)
        found.append(proof)
        searches.append(search)
    return found

"""Proofs of lower bounds for one problem, by every method that applies to it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from optima.files import is_special, remove
from optima.model import Array, DeepUFM
from optima.proofs.arithmetic import proving
from optima.proofs.branch_and_bound import BranchAndBound
from optima.proofs.budget import CHEAP_BOXES, Budget
from optima.proofs.certificate import Certificate
from optima.proofs.form import ConvexConcave
from optima.proofs.gap import ROUNDING, gap_of_search
from optima.proofs.one_direction import OneDirection
from optima.proofs.small_problems import search_of, upper_bound
from optima.reduction import Reduction
from optima.scales.scale import best_scales
from optima.scales.squared_error import squared_error_minimum

# Classes of the problems whose minima bound larger ones, and the gaps to which those are found.
PARTS = {3: 1e-4, 4: 1e-2}
# Part of the work that each but the largest of them gets.
SMALLER = 0.2
# Gap of the bound that every solution carries.
CHEAP_GAP = 1e-3
# Below this factor of the penalty boxes are lost in rounding, and below this loss everything is.
WEAKEST, LEAST_LOSS = 1e-40, 1e-290
# Seconds between two copies of a search in its checkpoint.
SAVE_EVERY = 30.0

FLOATING = "in floating point, with a relative rounding of about 1e-12"


def cheap_certificate(problem: DeepUFM, means: Array) -> Certificate:
    """The best lower bound to be had from a few thousand boxes; ``means`` (K, K) are the best logits known."""
    if problem.classes <= (3 if problem.balanced else 2):
        return prove(problem, means, CHEAP_GAP, Budget(CHEAP_BOXES))
    return instant_certificate(problem, means)


def instant_certificate(problem: DeepUFM, means: Array) -> Certificate:
    """The best lower bound that takes no boxes, but the time of one scalar equation."""
    if _exact(problem):
        return prove(problem, means, CHEAP_GAP)
    with proving():
        upper = _upper(problem, means)
        return _without_boxes(problem, means, upper)


def _exact(problem: DeepUFM) -> bool:
    return problem.loss == "mse" or problem.depth == 1


def prove(
    problem: DeepUFM,
    means: Array,
    gap: float = 1e-6,
    budget: Budget | None = None,
    checkpoint: Path | None = None,
    progress: Callable[[BranchAndBound], None] = lambda search: None,
    most_classes: int = 4,
) -> Certificate:
    r"""Lower bound of the minimum, as close to the loss of ``means`` as its budget allows.

    .. math:: \text{lower} \le \min_Z \operatorname{fit}(Z) + c \sum_i s_i(Z)^p \le f(\text{means})

    Squared error and L = 1 are exact. Otherwise two to four classes of one size, and three of any sizes, are
    searched box by box in M, less a neighbourhood of ``means`` where the curvature tells. More of one size are bounded
    by one direction (Jensen) and by searches of problems of three and of four classes, and the best bound counts;
    more of several sizes by the three largest classes alone.

    The same arguments give the same certificate to the last bit, whatever the load of the machine and the threads of
    its linear algebra, unless the budget has seconds and they end the search: then ``ended`` says so.

    Parameters
    ----------
    means
        The best class-mean logits known, shape (K, K).
    gap
        The search ends when ``Certificate.gap`` is no larger.
    budget
        Or after so many boxes; by default 600,000 and 4 GiB.
    checkpoint
        File in which an interrupted search is kept, and from which it goes on, to the same certificate.
    progress
        Called with the search after each batch of boxes.
    most_classes
        The largest problem searched, 3 or 4; those of 3 can be checked in interval arithmetic.

    Raises ValueError for a gap outside [1e-11, 1), and for logits whose loss is beyond the range of floats.
    Source: derivations/convex_concave.py, derivations/neighbourhood.py, derivations/subsampling_bound.py,
    derivations/squared_error.py.
    """
    gap_of_search(gap)
    with proving():
        upper = _upper(problem, means)
        claims = _claims(problem, means, upper, gap, budget or Budget(), checkpoint, progress, most_classes)
        if max(claim.lower for claim in claims) < LEAST_LOSS:
            claims = [_trivial(problem, means, upper)]
    best = max(claims, key=lambda certificate: certificate.lower)
    return replace(best, ended=f"the gap of {gap:g} is reached" if best.gap <= gap else claims[-1].ended)


def _upper(problem: DeepUFM, means: Array) -> float:
    reduction = Reduction(problem)
    upper = reduction.value(means)
    if not np.isfinite(upper):
        raise ValueError(f"the loss at reg {reduction.reg:g} is beyond the range of floats; pass a smaller reg")
    return upper


def _claims(
    problem: DeepUFM,
    means: Array,
    upper: float,
    gap: float,
    budget: Budget,
    checkpoint: Path | None,
    progress: Callable[[BranchAndBound], None],
    most_classes: int,
) -> list[Certificate]:
    """Lower bounds by all methods that apply, the one that gets the most work last."""
    if problem.loss == "mse":
        return [_squared_error(problem, means, upper)]
    if problem.depth == 1:
        return [_depth_one(problem, means, upper)]
    form, fewest = ConvexConcave.of(problem), min(PARTS)
    if form.strength < WEAKEST:
        return [_without_boxes(problem, means, upper)]
    if problem.classes <= fewest:
        proof, _ = _searched(problem, means, upper, form, gap, budget, checkpoint, progress)
        # Where floats are too short for boxes.
        rest = [_one_direction(problem, means, upper)] if problem.balanced and proof.gap > gap else []
        return [*rest, proof]
    if not problem.balanced:
        chosen = np.argsort(-problem.class_sizes, kind="stable")[:fewest].astype(np.int64)
        part = form.restrict(chosen.tolist())
        return [_searched(problem, means, upper, part, gap, budget, checkpoint, progress, chosen)[0]]
    found, searches = [_one_direction(problem, means, upper)], list[BranchAndBound]()
    if found[0].gap <= gap:
        return found
    sizes = [classes for classes in PARTS if classes <= most_classes]
    for classes in sizes:
        whole, last = classes == problem.classes, classes == sizes[-1]
        part, aim = (form, gap) if whole else (form.subsample(classes), max(gap, PARTS[classes]))
        left = budget.less(searches)
        kept, left = (checkpoint, left) if last else (None, left.part(SMALLER))
        proof, search = _searched(problem, means, upper, part, aim, left, kept, progress)
        found.append(proof)
        searches.append(search)
    return found


def _squared_error(problem: DeepUFM, means: Array, upper: float) -> Certificate:
    start = time.perf_counter()
    lower = min(upper, Reduction(problem).value(squared_error_minimum(problem))) * (1 - ROUNDING)
    rigour = f"von Neumann's inequality and a scalar equation for each singular value, {FLOATING}"
    return Certificate(problem, lower, upper, means, "squared error", rigour, time.perf_counter() - start)


def _depth_one(problem: DeepUFM, means: Array, upper: float) -> Certificate:
    r"""Value of the dual: entropy of the shares, the gradient being scaled to spectral norm lambda.

    .. math:: \min_Z \operatorname{fit}(Z) + \lambda \|Z\|_* \ge -\operatorname{fit}^*(G) = \sum_c w_c H(q_c),
        \qquad \|G\|_2 \le \lambda
    """
    start = time.perf_counter()
    reduction = Reduction(problem)
    slope = reduction.fit_gradient(means)
    sizes = problem.class_sizes.astype(float)
    norm = np.linalg.norm(slope / np.sqrt(sizes), 2)
    scale = min(1.0, float(reduction.strength / norm)) if norm else 1.0
    weight = sizes / sizes.sum()
    shares = np.eye(problem.classes) + scale * slope / weight
    entropy = -np.sum(np.where(shares > 0, shares * np.log(np.maximum(shares, 1e-300)), 0.0), axis=0)
    lower = min(float(np.dot(weight, entropy)), upper) * (1 - ROUNDING)
    data = {"slope": slope}
    rigour = f"convexity (nuclear norm) and a dual point, {FLOATING}"
    return Certificate(problem, lower, upper, means, "depth one", rigour, time.perf_counter() - start, data)


def _without_boxes(problem: DeepUFM, means: Array, upper: float) -> Certificate:
    proof = _one_direction(problem, means, upper) if problem.balanced else _trivial(problem, means, upper)
    return proof if proof.lower >= LEAST_LOSS else _trivial(problem, means, upper)


def _trivial(problem: DeepUFM, means: Array, upper: float) -> Certificate:
    return Certificate(problem, 0.0, upper, means, "nonnegative", "fit and penalty are nonnegative", 0.0)


def _one_direction(problem: DeepUFM, means: Array, upper: float) -> Certificate:
    start = time.perf_counter()
    samples = int(problem.class_sizes[0])
    least = best_scales(OneDirection(problem.classes), problem.depth, Reduction(problem).reg, samples).loss
    rigour = f"Jensen's inequality and one singular value, {FLOATING}"
    lower = min(float(least), upper) * (1 - ROUNDING)
    return Certificate(problem, lower, upper, means, "one direction", rigour, time.perf_counter() - start)


def _searched(
    problem: DeepUFM,
    means: Array,
    upper: float,
    form: ConvexConcave,
    gap: float,
    budget: Budget,
    checkpoint: Path | None,
    progress: Callable[[BranchAndBound], None],
    chosen: NDArray[np.int64] | None = None,
) -> tuple[Certificate, BranchAndBound]:
    whole = form.classes == problem.classes
    known = min(upper, form.zero_fit if whole else upper_bound(form))
    search = search_of(form, known, gap_of_search(gap), means if whole else None)
    if checkpoint is None:
        _run(search, budget, progress)
    else:
        near = search.boxes.near
        about = f"{form} {upper!r} {gap!r} {None if near is None else near.centres.tolist()}"
        _run_kept(search, budget, progress, checkpoint, about)
    proof = _from_search(problem, means, upper, form, search, chosen)
    return replace(proof, ended=budget.ended(search)), search


def _run(search: BranchAndBound, budget: Budget, progress: Callable[[BranchAndBound], None]) -> None:
    """Split boxes within the budget; where matrices are singular to rounding the bound so far stays."""
    with suppress(np.linalg.LinAlgError):
        search.run(budget.most, budget.seconds, progress)


def _run_kept(
    search: BranchAndBound,
    budget: Budget,
    progress: Callable[[BranchAndBound], None],
    checkpoint: Path,
    about: str,
) -> None:
    """The same with a copy in a file, now and then and at an early end, from which it goes on."""
    if checkpoint.exists() and not is_special(checkpoint):
        search.restore(checkpoint, about)
    saved = time.perf_counter()

    def keep(now: BranchAndBound) -> None:
        nonlocal saved
        progress(now)
        if time.perf_counter() - saved > SAVE_EVERY:
            now.save(checkpoint, about)
            saved = time.perf_counter()

    try:
        _run(search, budget, keep)
    finally:
        if not search.done:
            search.save(checkpoint, about)
    if search.done:
        remove(checkpoint)


def _from_search(
    problem: DeepUFM,
    means: Array,
    upper: float,
    form: ConvexConcave,
    search: BranchAndBound,
    chosen: NDArray[np.int64] | None,
) -> Certificate:
    few = f"{form.classes} of {problem.classes} classes, and "
    part = "" if form.classes == problem.classes else f"means over {few}" if chosen is None else f"the largest {few}"
    near = search.boxes.near
    known = "" if near is None else f" and the curvature within a relative {near.rho:.2g} of the logits' Gram matrix"
    rigour = f"{part}bounds of {len(search.tree)} boxes of matrices{known}, {FLOATING}"
    data = {
        "form": form.as_array(),
        "target": np.array(search.target),
        "top": np.array(search.boxes.top),
        **search.tree.arrays(),
        **({} if near is None else {"centres": near.centres, "limits": near.limits}),
        **({} if chosen is None else {"classes": chosen}),
    }
    lower = max(search.bound, 0.0) * (1 - ROUNDING)
    return _checked(Certificate(problem, lower, upper, means, "branch and bound", rigour, search.seconds, data))


def _checked(claim: Certificate) -> Certificate:
    """The claim no higher than its check: where multipliers are ill-conditioned that may reach a little less."""
    found = claim.verify()
    if found:
        return claim
    lowered = replace(claim, lower=max(found.lower, 0.0) * (1 - ROUNDING))
    return lowered if lowered.verify() else _trivial(claim.problem, claim.means, claim.upper)

"""Proofs of lower bounds for one problem, by every method that applies to it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from optima.certify.bounding import OneDirection
from optima.certify.bounds import search_of, upper_bound
from optima.certify.branch import BranchAndBound
from optima.certify.certificate import Certificate
from optima.certify.form import ConvexConcave
from optima.files import is_special, remove
from optima.model import Array, DeepUFM
from optima.reduction import Reduction
from optima.solve.exact import squared_error_minimum
from optima.solve.scale import best_scales

# Classes of the problems whose minima bound larger ones, and the gaps to which those are found.
PARTS = {3: 1e-4, 4: 1e-2}
# Part of the time that each but the largest of them gets.
SMALLER = 0.2
# Relative rounding of closed forms.
ROUNDING = 1e-12
# Effort of the bound that every solution carries.
CHEAP_GAP, CHEAP_SECONDS = 1e-3, 1.0
# Bytes a box takes, with its tree node.
BOX_BYTES = 700
SAVE_EVERY = 30.0

FLOATING = "in floating point, with a relative rounding of about 1e-12"


def cheap_certificate(problem: DeepUFM, means: Array) -> Certificate:
    """The best lower bound to be had in about a second; ``means`` (K, K) are the best logits known."""
    most = 3 if problem.balanced else 2
    if problem.loss == "mse" or problem.depth == 1 or problem.classes <= most:
        return prove(problem, means, CHEAP_GAP, CHEAP_SECONDS)
    upper = Reduction(problem).value(means)
    return _one_direction(problem, means, upper) if problem.balanced else _trivial(problem, means, upper)


def prove(
    problem: DeepUFM,
    means: Array,
    gap: float = 1e-6,
    seconds: float = 300.0,
    memory: float = 4.0,
    checkpoint: Path | None = None,
    progress: Callable[[BranchAndBound], None] = lambda search: None,
    most_classes: int = 4,
) -> Certificate:
    r"""Lower bound of the minimum, as close to the loss of ``means`` as time allows.

    .. math:: \text{lower} \le \min_Z \operatorname{fit}(Z) + c \sum_i s_i(Z)^p \le f(\text{means})

    Squared error and L = 1 are exact. Otherwise two to four classes of one size, and three of any sizes, are
    searched box by box in M, less a neighbourhood of ``means`` where the curvature tells. More of one size are bounded
    by one direction (Jensen) and by searches of problems of three and of four classes, and the best bound counts;
    more of several sizes by the three largest classes alone.

    Parameters
    ----------
    means
        The best class-mean logits known, shape (K, K).
    gap, seconds, memory
        The search ends at this relative gap, after this time, or with this many GiB.
    checkpoint
        File in which an interrupted search is kept, and from which it goes on.
    progress
        Called with the search after each batch of boxes.
    most_classes
        The largest problem searched, 3 or 4; those of 3 can be checked in interval arithmetic.

    Source: derivations/convex_concave.py, derivations/neighbourhood.py, derivations/subsampling_bound.py,
    derivations/squared_error.py.
    """
    upper = Reduction(problem).value(means)
    if problem.loss == "mse":
        return _squared_error(problem, means, upper)
    if problem.depth == 1:
        return _depth_one(problem, means, upper)
    form = ConvexConcave.of(problem)
    fewest = min(PARTS)
    if problem.classes <= fewest:
        return _searched(problem, means, upper, form, gap, seconds, memory, checkpoint, progress)
    if not problem.balanced:
        chosen = np.argsort(-problem.class_sizes, kind="stable")[:fewest].astype(np.int64)
        part = form.restrict(chosen.tolist())
        return _searched(problem, means, upper, part, gap, seconds, memory, checkpoint, progress, chosen)
    found = [_one_direction(problem, means, upper)]
    sizes = [classes for classes in PARTS if classes <= most_classes]
    for classes in sizes:
        whole, last = classes == problem.classes, classes == sizes[-1]
        part, aim = (form, gap) if whole else (form.subsample(classes), max(gap, PARTS[classes]))
        left = seconds - sum(proof.seconds for proof in found)
        kept, left = (checkpoint, left) if last else (None, SMALLER * left)
        found.append(_searched(problem, means, upper, part, aim, left, memory, kept, progress))
    return max(found, key=lambda certificate: certificate.lower)


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
    seconds: float,
    memory: float,
    checkpoint: Path | None,
    progress: Callable[[BranchAndBound], None],
    chosen: NDArray[np.int64] | None = None,
) -> Certificate:
    whole = form.classes == problem.classes
    search = search_of(form, min(upper, form.zero_fit if whole else upper_bound(form)), gap, means if whole else None)
    near = search.boxes.near
    about = f"{form} {upper!r} {gap!r} {None if near is None else near.centres.tolist()}"
    if checkpoint is not None and checkpoint.exists() and not is_special(checkpoint):
        search.restore(checkpoint, about)
    most = memory * 2**30 / BOX_BYTES
    try:
        while not search.done and search.seconds < seconds and len(search.tree) < most:
            search.run(min(SAVE_EVERY, seconds - search.seconds), most, progress)
            if checkpoint is not None and not search.done:
                search.save(checkpoint, about)
    except KeyboardInterrupt:
        if checkpoint is not None:
            search.save(checkpoint, about)
        raise
    if checkpoint is not None and search.done:
        remove(checkpoint)
    return _from_search(problem, means, upper, form, search, chosen)


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

"""Proofs of lower bounds for one problem, by every method that applies to it."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optima.checker.pair_bound import PairBound
from optima.files import is_special, remove
from optima.model import Array, DeepUFM
from optima.progress import Tell, silent
from optima.proofs.arithmetic import proving
from optima.proofs.branch_and_bound import BranchAndBound
from optima.proofs.budget import CHEAP_BOXES, Budget
from optima.proofs.certificate import Certificate
from optima.proofs.class_shares import unequal_bound
from optima.proofs.form import ConvexConcave
from optima.proofs.gap import BOUND_ROUNDING, gap_of_search
from optima.proofs.one_direction import OneDirection
from optima.proofs.pair_search import PairSearch
from optima.proofs.rank_one import RankOneSearch
from optima.proofs.relabelled import searches_of_orders
from optima.proofs.searching import Searching
from optima.proofs.small_problems import search_of, upper_bound
from optima.reduction import Reduction
from optima.scales.scale import best_scales
from optima.scales.squared_error import squared_error_minimum

# Classes of the problems whose minima bound larger ones, and the gaps to which those are found.
PARTS = {3: 1e-4, 4: 1e-2}
# Part of the work that each but the largest of them gets.
SMALLER = 0.2
# Part of the work that pairs of classes get, and boxes of matrices that one programme of theirs is worth.
OF_PAIRS, PAIR_BOXES = 0.8, 2_500
# Programmes of the bound by pairs that a solution of a thorough search carries.
CHEAP_PAIRS = 14
# Gap of the bound that every solution carries.
CHEAP_GAP = 1e-3
# Below this factor of the penalty boxes are lost in rounding, and below this loss everything is.
WEAKEST, LEAST_LOSS = 1e-40, 1e-290
# Seconds between two copies of a search in its checkpoint.
SAVE_EVERY = 30.0

FLOATING = "in floating point, with a relative rounding of about 1e-12"


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
        claims = known.of_all_methods(gap, budget or Budget(), checkpoint, progress, most_classes)
        if max(claim.lower for claim in claims) < LEAST_LOSS:
            claims = [known.trivial()]
    best = max(claims, key=lambda certificate: certificate.lower)
    return replace(best, ended=f"the gap of {gap:g} is reached" if best.gap <= gap else claims[-1].ended)


@dataclass(frozen=True)
class Claims:
    """Certificates of one problem by every method: ``means`` (K, K) are the best logits known, ``upper`` their loss."""

    problem: DeepUFM
    means: Array
    upper: float

    @classmethod
    def of(cls, problem: DeepUFM, means: Array) -> Claims:
        """Raises ValueError where the loss is beyond the range of floats."""
        reduction = Reduction(problem)
        upper = reduction.value(means)
        if not np.isfinite(upper):
            raise ValueError(f"the loss at reg {reduction.reg:g} is beyond the range of floats; pass a smaller reg")
        return cls(problem, means, upper)

    def _claim(self, method: str, lower: float, rigour: str, seconds: float, **data: Array) -> Certificate:
        """A bound that is not free of rounding."""
        lower = min(lower, self.upper) * (1 - BOUND_ROUNDING)
        return Certificate(self.problem, lower, self.upper, self.means, method, f"{rigour}, {FLOATING}", seconds, data)

    def of_all_methods(
        self, gap: float, budget: Budget, checkpoint: Path | None, progress: Tell[Searching], most_classes: int
    ) -> list[Certificate]:
        """Lower bounds by all methods that apply, the one that gets the most work last."""
        problem = self.problem
        if problem.loss == "mse":
            return [self.squared_error()]
        if is_narrow(problem) and most_classes == max(PARTS) and Reduction(problem).strength >= WEAKEST:
            instant = self.depth_one() if problem.depth == 1 else self.without_boxes()
            return [instant] if instant.gap <= gap else [instant, self.rank_one(gap, budget, progress)]
        if problem.depth == 1:
            return [self.depth_one()]
        form, fewest = ConvexConcave.of(problem), min(PARTS)
        if form.strength < WEAKEST:
            return [self.without_boxes()]
        if problem.classes <= fewest:
            proof, _ = self.searched(form, gap, budget, checkpoint, progress)
            # Where floats are too short for boxes.
            rest = [self.one_direction()] if problem.balanced and proof.gap > gap else []
            return [*rest, proof]
        if not problem.balanced:
            chosen = np.argsort(-problem.class_sizes, kind="stable")[:fewest].astype(np.int64)
            part = form.restrict(chosen.tolist())
            instant = self.without_boxes()
            if instant.gap <= gap:
                return [instant]
            if problem.classes > most_classes or most_classes < max(PARTS):
                return [instant, self.searched(part, gap, budget, checkpoint, progress, chosen)[0]]
            largest, search = self.searched(part, max(gap, PARTS[fewest]), budget.part(SMALLER), None, progress, chosen)
            together = self.relabelled(form, gap, budget.less([search]), checkpoint, progress)
            return [instant, largest, together]
        found, searches = [self.one_direction()], list[BranchAndBound]()
        if found[0].gap <= gap:
            return found
        if problem.classes > most_classes == max(PARTS):
            pairs = self.pairs(gap, budget.part(OF_PAIRS), progress)
            if pairs.gap <= gap:
                return [*found, pairs]
            found.append(pairs)
            budget = budget.part(1 - OF_PAIRS)
        sizes = [classes for classes in PARTS if classes <= most_classes]
        for classes in sizes:
            whole, last = classes == problem.classes, classes == sizes[-1]
            part, aim = (form, gap) if whole else (form.subsample(classes), max(gap, PARTS[classes]))
            left = budget.less(searches)
            kept, left = (checkpoint, left) if last else (None, left.part(SMALLER))
            proof, search = self.searched(part, aim, left, kept, progress)
            found.append(proof)
            searches.append(search)
        return found

    def squared_error(self) -> Certificate:
        """The minimum itself."""
        start = time.perf_counter()
        lower = Reduction(self.problem).value(squared_error_minimum(self.problem))
        rigour = "von Neumann's inequality and a scalar equation for each singular value"
        return self._claim("squared error", lower, rigour, time.perf_counter() - start)

    def depth_one(self) -> Certificate:
        r"""Value of the dual: entropy of the shares, the gradient being scaled to spectral norm lambda.

        .. math:: \min_Z \operatorname{fit}(Z) + \lambda \|Z\|_* \ge -\operatorname{fit}^*(G) = \sum_c w_c H(q_c),
            \qquad \|G\|_2 \le \lambda
        """
        start = time.perf_counter()
        reduction = Reduction(self.problem)
        slope = reduction.fit_gradient(self.means)
        sizes = self.problem.class_sizes.astype(float)
        norm = np.linalg.norm(slope / np.sqrt(sizes), 2)
        scale = min(1.0, float(reduction.strength / norm)) if norm else 1.0
        weight = sizes / sizes.sum()
        shares = np.eye(self.problem.classes) + scale * slope / weight
        entropy = -np.sum(np.where(shares > 0, shares * np.log(np.maximum(shares, 1e-300)), 0.0), axis=0)
        lower = float(np.dot(weight, entropy))
        rigour = "convexity (nuclear norm) and a dual point"
        return self._claim("depth one", lower, rigour, time.perf_counter() - start, slope=slope)

    def without_boxes(self) -> Certificate:
        """The best bound to be had at once."""
        proof = self.one_direction() if self.problem.balanced else self.class_shares()
        return proof if proof.lower >= LEAST_LOSS else self.trivial()

    def trivial(self) -> Certificate:
        """The bound zero."""
        rigour = "fit and penalty are nonnegative"
        return Certificate(self.problem, 0.0, self.upper, self.means, "nonnegative", rigour, 0.0)

    def one_direction(self) -> Certificate:
        """Jensen's bound for balanced classes."""
        start = time.perf_counter()
        samples = int(self.problem.class_sizes[0])
        structure = OneDirection(self.problem.classes)
        least = best_scales(structure, self.problem.depth, Reduction(self.problem).reg, samples).loss
        rigour = "Jensen's inequality and one singular value"
        return self._claim("one direction", float(least), rigour, time.perf_counter() - start)

    def pairs(self, gap: float, budget: Budget, progress: Tell[Searching]) -> Certificate:
        """The bound by pairs of balanced classes; the trivial one where singular values go beyond floats."""
        form = ConvexConcave.of(self.problem)
        pairs = PairBound(form.classes, 2 * form.q, form.strength, self.upper)
        if not pairs.finite:
            return self.trivial()
        singular = Reduction(self.problem).singular_values(self.means)
        scale = float(self.problem.class_sizes[0]) ** -0.5
        typical = max(float(np.sum(singular)) * scale / form.classes, 1.0)
        search = PairSearch(pairs, self.upper * (1 - gap_of_search(gap)), typical)
        search.run(budget.most / PAIR_BOXES, budget.seconds, progress)
        count = len(search.leaves)
        rigour = f"two classes at a time, symmetrised, {count} boxes of singular values and {search.solved} programmes"
        lower, data = max(search.bound, 0.0), search.arrays()
        claim = self._claim("pairs of classes", lower, rigour, search.seconds, **data)
        ended = "all boxes are closed" if search.done else f"stopped after {search.solved} programmes"
        return replace(self.checked(claim), ended=ended)

    def rank_one(self, gap: float, budget: Budget, progress: Tell[Searching]) -> Certificate:
        """The bound for logits of rank one."""
        singular = Reduction(self.problem).singular_values(self.means)
        search = RankOneSearch(
            self.problem, self.upper * (1 - gap_of_search(gap)), self.upper, float(sum(singular)) or 1.0
        )
        search.run(budget.most, budget.seconds, progress)
        rigour = f"Gibbs' inequality in {search.size} boxes of directions and scales of logits of rank one"
        claim = self._claim("rank one", max(search.bound, 0.0), rigour, search.seconds, **search.arrays())
        return replace(self.checked(claim), ended=budget.ended(search))

    def class_shares(self) -> Certificate:
        """Gibbs' inequality in each class, for classes of several sizes."""
        start = time.perf_counter()
        lower, shares = unequal_bound(self.problem)
        rigour = "Gibbs' inequality in each class and one singular value"
        return self.checked(self._claim("class shares", lower, rigour, time.perf_counter() - start, shares=shares))

    def searched(
        self,
        form: ConvexConcave,
        gap: float,
        budget: Budget,
        checkpoint: Path | None,
        progress: Tell[Searching],
        chosen: NDArray[np.int64] | None = None,
    ) -> tuple[Certificate, BranchAndBound]:
        """The bound of a search of the problem, of means over it, or of its ``chosen`` classes; and the search."""
        whole = form.classes == self.problem.classes
        known = min(self.upper, form.zero_fit if whole else upper_bound(form))
        search = search_of(form, known, gap_of_search(gap), self.means if whole else None)
        search.best = self.upper
        self._run(search, form, gap, budget, checkpoint, progress)
        return replace(self.of_search(form, search, chosen), ended=budget.ended(search)), search

    def relabelled(
        self, form: ConvexConcave, gap: float, budget: Budget, checkpoint: Path | None, progress: Tell[Searching]
    ) -> Certificate:
        """The bound of searches of all orders of four classes of several sizes."""
        files = list[Path]()

        def run(search: BranchAndBound, part: ConvexConcave, left: Budget) -> None:
            # Each order has a file of its own, kept until all are done.
            if checkpoint is not None:
                files.append(checkpoint.with_name(f"{checkpoint.name}-{len(files)}"))
            self._run(search, part, gap, left, files[-1] if files else None, progress, keep=True)

        searches = searches_of_orders(form, self.means, self.upper, gap_of_search(gap), budget, run)
        if all(search.done for search in searches.values()):
            for path in files:
                remove(path)
        data = dict[str, Array]()
        for i, (order, search) in enumerate(searches.items()):
            arrays = _arrays(form.restrict(order), search) | {"classes": np.array(order)}
            data |= {f"{name}_{i}": array for name, array in arrays.items()}
        last = min(searches.values(), key=lambda search: search.bound)
        size, seconds = sum(search.size for search in searches.values()), sum(s.seconds for s in searches.values())
        rigour = f"bounds of {size} boxes of matrices in {len(searches)} orders of the classes"
        claim = self._claim("relabelled boxes", max(last.bound, 0.0), rigour, seconds, **data)
        return replace(
            self.checked(claim), ended="all boxes are closed" if last.done else f"stopped after {size} boxes"
        )

    def _run(
        self,
        search: BranchAndBound,
        form: ConvexConcave,
        gap: float,
        budget: Budget,
        checkpoint: Path | None,
        progress: Tell[Searching],
        keep: bool = False,
    ) -> None:
        """A search within the budget, with a file to go on from where one is given; ``keep`` it also when done."""
        if checkpoint is None:
            _run(search, budget, progress)
        else:
            near = search.boxes.near
            about = f"{form} {self.upper!r} {gap!r} {None if near is None else near.centres.tolist()}"
            _run_kept(search, budget, progress, checkpoint, about, keep)

    def of_search(
        self, form: ConvexConcave, search: BranchAndBound, chosen: NDArray[np.int64] | None = None
    ) -> Certificate:
        """The bound that a search has reached."""
        few = f"{form.classes} of {self.problem.classes} classes, and "
        whole = form.classes == self.problem.classes
        part = "" if whole else f"means over {few}" if chosen is None else f"the largest {few}"
        near = search.boxes.near
        known = (
            "" if near is None else f" and the curvature within a relative {near.rho:.2g} of the logits' Gram matrix"
        )
        rigour = f"{part}bounds of {len(search.tree)} boxes of matrices{known}"
        data: dict[str, Any] = {**_arrays(form, search), **({} if chosen is None else {"classes": chosen})}
        return self.checked(self._claim("branch and bound", max(search.bound, 0.0), rigour, search.seconds, **data))

    def checked(self, claim: Certificate) -> Certificate:
        """The claim no higher than its check: where multipliers are ill-conditioned that may reach a little less."""
        found = claim.verify()
        if found:
            return claim
        lowered = replace(claim, lower=max(found.lower, 0.0) * (1 - BOUND_ROUNDING))
        return lowered if lowered.verify() else self.trivial()


def _arrays(form: ConvexConcave, search: BranchAndBound) -> dict[str, Array]:
    """What the checker needs of a search."""
    near = search.boxes.near
    return {
        "form": form.as_array(),
        "target": np.array(search.target),
        "top": np.array(search.boxes.top),
        **search.tree.arrays(),
        **({} if near is None else {"centres": near.centres, "limits": near.limits}),
    }


def _run(search: BranchAndBound, budget: Budget, progress: Tell[BranchAndBound]) -> None:
    """Split boxes within the budget; where matrices are singular to rounding the bound so far stays."""
    with suppress(np.linalg.LinAlgError):
        search.run(budget.most, budget.seconds, progress)


def _run_kept(
    search: BranchAndBound,
    budget: Budget,
    progress: Tell[Searching],
    checkpoint: Path,
    about: str,
    keep_done: bool,
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
        if keep_done or not search.done:
            search.save(checkpoint, about)
    if search.done and not keep_done:
        remove(checkpoint)

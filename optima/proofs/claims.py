"""Certificates of one problem by each method."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optima.checker.pair_bound import PairBound
from optima.files import remove
from optima.model import Array, DeepUFM
from optima.progress import Tell
from optima.proofs.branch_and_bound import BranchAndBound
from optima.proofs.budget import Budget
from optima.proofs.certificate import Certificate
from optima.proofs.class_shares import unequal_bound
from optima.proofs.form import ConvexConcave
from optima.proofs.gap import BOUND_ROUNDING, gap_of_search
from optima.proofs.kept import run
from optima.proofs.one_direction import OneDirection
from optima.proofs.pair_search import PairSearch
from optima.proofs.rank_one import RankOneSearch
from optima.proofs.relabelled import searches_of_orders
from optima.proofs.searching import Searching
from optima.proofs.small_problems import search_of, upper_bound
from optima.reduction import Reduction
from optima.scales.scale import best_scales
from optima.scales.squared_error import squared_error_minimum

# Boxes of matrices that one programme of the bound by pairs is worth.
PAIR_BOXES = 2_500
# Below this loss everything is lost in rounding.
LEAST_LOSS = 1e-290

FLOATING = "in floating point, with a relative rounding of about 1e-12"


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

    def claimed(self, method: str, lower: float, rigour: str, seconds: float, data: dict[str, Array]) -> Certificate:
        """A bound that was worked for elsewhere, no higher than its check."""
        return self.checked(self._claim(method, lower, rigour, seconds, **data))

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

        def run_part(search: BranchAndBound, part: ConvexConcave, left: Budget) -> None:
            # Each order has a file of its own, kept until all are done.
            if checkpoint is not None:
                files.append(checkpoint.with_name(f"{checkpoint.name}-{len(files)}"))
            self._run(search, part, gap, left, files[-1] if files else None, progress, keep=True)

        searches = searches_of_orders(form, self.means, self.upper, gap_of_search(gap), budget, run_part)
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
        near = search.boxes.near
        about = f"{form} {self.upper!r} {gap!r} {None if near is None else near.centres.tolist()}"
        run(search, budget, progress, checkpoint, about, keep)

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

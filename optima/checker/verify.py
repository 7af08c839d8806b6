"""Proof of the two bounds of a certificate, anew."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from optima.checker.arithmetic import Balls, Floats, Numbers
from optima.checker.chord import chord
from optima.checker.class_shares import class_shares
from optima.checker.depth_one import depth_one
from optima.checker.entropy_directions import entropy_directions
from optima.checker.instance import Instance
from optima.checker.loss import loss_of, loss_of_network
from optima.checker.pair_bound import pairs_of_classes
from optima.checker.rank_one import rank_one
from optima.checker.relabelled import relabelled_boxes
from optima.checker.scalar_bounds import nuclear_norm, one_direction, squared_error, two_directions
from optima.checker.tree_bound import tree_bound
from optima.checker.verification import Refuted, Verification
from optima.model import Array, DeepUFM

# Relative rounding by which the claimed bounds may be better than those found here.
CLAIM_ROUNDING = 1e-12

V = TypeVar("V", bound=Verification)


def verify(
    problem: DeepUFM,
    lower: float,
    upper: float,
    means: Array,
    method: str,
    data: dict[str, Array],
    intervals: bool = False,
) -> Verification:
    r"""Whether lower <= min f and f(means) <= upper, proved from ``data`` without the prover.

    .. math:: \text{lower} \le \min_Z \operatorname{fit}(Z) + c \sum_i s_i(Z)^p \le f(\text{means}) \le \text{upper}

    Parameters
    ----------
    lower, upper, means
        The claim; means has shape (K, K). Up to a relative 1e-12 is taken for the rounding of the claim; the
        verification holds the bounds found here.
    method
        How the lower bound was proved: "squared error", "depth one", "branch and bound", "one direction", "nuclear
        norm", "two directions", "class shares", "pairs of classes", "rank one", "relabelled boxes" or
        "nonnegative".
    data
        What the method needs: "slope" (K, K), the gradient of the fit, for depth one; for branch and bound "form",
        "top", the tree "axis", "child", "multiplier", and where a neighbourhood of the minimum is left out its
        "centres" and "limits"; for relabelled boxes the same and "classes" of each tree, all with _0, _1, ...; for
        class shares the "shares" (m, K) of m lines. For relu
        "factor_0", "factor_1", ..., the factors of a network of loss upper.
    intervals
        Compute in balls that enclose the true values; a search over at most three classes.

    Nothing is raised for a proof that fails. Raises ValueError when python-flint is needed and missing.
    Source: derivations/convex_concave.py, derivations/neighbourhood.py, derivations/plane_bound.py,
    derivations/near_lines.py, derivations/subsampling_bound.py, derivations/rank_one_bound.py,
    derivations/price_of_minima.py.
    """
    return judged(
        Verification,
        (lower, upper),
        intervals,
        lambda numbers: _upper(problem, means, _numeric(data), numbers),
        lambda numbers, wanted: _lower(problem, wanted, method, _numeric(data), numbers),
    )


def judged(
    kind: type[V],
    claim: tuple[float, float],
    intervals: bool,
    prove_upper: Callable[[Numbers], float],
    prove_lower: Callable[[Numbers, float], float],
) -> V:
    """The answer to a claim (lower, upper) by what proves each bound again; ``prove_lower`` is told which is wanted."""
    numbers: Numbers = Balls() if intervals else Floats()
    (lower, upper), found_lower, found_upper, reason = claim, -math.inf, math.inf, ""
    try:
        # Data that overflow prove nothing, and say so by their bounds.
        with numbers.arithmetic(), np.errstate(all="ignore"):
            found = prove_upper(numbers)
            if not found <= upper * (1 + CLAIM_ROUNDING):
                raise Refuted(f"the logits have loss {found:.15g}, above the upper bound {upper:.15g}")
            found_upper = found
            if not math.isfinite(lower):
                raise Refuted(f"the lower bound {lower} is not a number")
            wanted = lower * (1 - CLAIM_ROUNDING)
            found_lower = prove_lower(numbers, wanted)
            if not found_lower >= wanted:
                raise Refuted(f"only {found_lower:.15g} is proved, less than the lower bound {lower:.15g}")
    except Refuted as refuted:
        reason = str(refuted)
    except np.linalg.LinAlgError:
        reason = "a multiplier is too close to singular to be used"
    except ArithmeticError:
        reason = "the data are beyond the range of floats"
    return kind(not reason, found_lower, found_upper, reason, numbers.rigorous)


def _upper(problem: DeepUFM, means: Array, data: dict[str, Array], numbers: Numbers) -> float:
    if problem.nonlinear:
        return loss_of_network(problem, data, numbers)
    return loss_of(problem, np.asarray(means, dtype=float), numbers)


def _numeric(data: dict[str, Array]) -> dict[str, Array]:
    """The data, which must be arrays of real numbers."""
    arrays = {name: np.asarray(array) for name, array in data.items()}
    for name, array in arrays.items():
        if array.dtype.kind not in "biuf":
            raise Refuted(f"{name} in the data is not made of real numbers")
    return arrays


def _lower(problem: DeepUFM, wanted: float, method: str, data: dict[str, Array], numbers: Numbers) -> float:
    """The lower bound that the method proves."""
    if method == "nonnegative":
        return 0.0
    if not problem.regularised:
        raise Refuted("without regularisation the loss has no minimum, and no bound but zero")
    if method == "nuclear norm":
        if problem.loss != "mse":
            raise Refuted("the bound by the nuclear norm alone is for squared error")
        return nuclear_norm(problem, numbers)
    if method == "two directions":
        if not problem.nonlinear or (problem.loss == "ce" and not problem.balanced):
            raise Refuted("the bound by two directions is for relu networks, with cross-entropy for balanced classes")
        if problem.loss == "ce":
            return entropy_directions(Instance.of(problem, numbers), wanted, numbers)
        return two_directions(problem, numbers)
    if method == "class shares":
        return class_shares(problem, data, numbers)
    if problem.nonlinear and method != "one direction":
        raise Refuted(f"{method} is a proof for linear models")
    if method == "squared error":
        if problem.loss != "mse":
            raise Refuted("singular values decouple for squared error only")
        return squared_error(problem, numbers)
    if problem.loss != "ce":
        raise Refuted(f"{method} is a proof for cross-entropy")
    if method == "depth one":
        if "slope" not in data:
            raise Refuted("the data lack slope")
        return depth_one(problem, np.asarray(data["slope"], dtype=float), numbers)
    if method == "one direction":
        if not problem.balanced:
            raise Refuted("the bound by one direction needs balanced classes")
        return one_direction(Instance.of(problem, numbers), numbers)
    if method == "pairs of classes":
        return pairs_of_classes(problem, data, numbers)
    if method == "rank one":
        return rank_one(problem, data, numbers)
    if method == "relabelled boxes":
        return relabelled_boxes(problem, wanted, data, numbers)
    if method == "chord":
        return chord(problem, data, numbers)
    if method == "branch and bound":
        return tree_bound(problem, wanted, data, numbers)
    raise Refuted(f"there is no proof by {method!r}")

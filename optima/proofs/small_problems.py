"""Lower bounds that cost next to nothing: forms of two classes that bound a form of K classes."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from optima.model import Array
from optima.proofs.boxes import MatrixBoxes
from optima.proofs.branch_and_bound import BranchAndBound
from optima.proofs.dual import FitDual
from optima.proofs.form import ConvexConcave, centred_basis
from optima.proofs.neighbourhood import Neighbourhood, neighbourhood_of

# Part of the target below which multipliers are not followed.
NEGLIGIBLE = 1e-10
# Sizes of the simplex that are tried.
SCALES = np.geomspace(0.1, 1e3, 2000)


def one_direction(form: ConvexConcave) -> ConvexConcave:
    r"""The form of two classes whose minimum is the general bound of a balanced form of K classes.

    .. math:: f \ge \min_{x \ge 0} \log(1 + \mu (K-1) e^{-x/(K-1)}) + c\, x^p

    By Jensen's inequality over the rivals and the classes the fit is at least log(1 + mu (K-1) e^(-m)) with
    m = tr(S Z) / (K-1) <= sum s_i / (K-1), and sum s_i^p >= (sum s_i)^p. Raises ValueError for unequal classes.
    Source: derivations/convex_concave.py.
    """
    if not form.balanced:
        raise ValueError("the bound by one direction needs balanced classes; pass a problem with one class size")
    K = form.classes
    total = sum(form.weight)
    return replace(
        form,
        weight=(total / 2, total / 2),
        count=form.count[:1] * 2,
        rivals=form.rivals * (K - 1),
        strength=form.strength * (K - 1) ** (2 * form.q),
        max_rank=1,
    )


def search_of(
    form: ConvexConcave, upper: float, gap: float, logits: Array | None = None, relabelled: bool = False
) -> BranchAndBound:
    """A branch and bound for forms of two to four classes that tries to prove upper (1 - gap).

    With the ``logits`` (K, K) that reach ``upper``, a neighbourhood of them is left out by their curvature. Four
    classes of several sizes need ``relabelled`` and a search for each order (:mod:`optima.proofs.relabelled`).
    """
    target = upper * (1 - gap)
    # One unit in the last place more, so that rounding cannot cut the box off.
    top = float(np.nextafter(upper / form.strength, np.inf))
    near = None if logits is None else _near(form, logits)
    boxes = MatrixBoxes(form, top, near if near is not None and near.bound >= target else None, relabelled)
    return BranchAndBound(boxes, FitDual.of(form, NEGLIGIBLE * target), target)


def _near(form: ConvexConcave, logits: Array) -> Neighbourhood | None:
    """The neighbourhood of a minimum; none where floats are too short for its curvature."""
    try:
        return neighbourhood_of(form, logits)
    except np.linalg.LinAlgError:
        return None


def upper_bound(form: ConvexConcave, seed: int = 0) -> float:
    """Loss of a good point of a small form: descents in factors of every rank, from the simplex and random starts."""
    rng = np.random.default_rng(seed)
    from scipy.optimize import minimize

    K, best = form.classes, form.zero_fit

    def logarithm(x: Array, rank: int) -> float:
        A, B = x.reshape(2, K, rank)
        return math.log(form.value(A @ B.T))

    simplex = centred_basis(K) @ centred_basis(K).T
    if form.max_rank == K - 1:
        best = min(best, *(form.value(scale * simplex) for scale in SCALES))
    for rank in range(1, form.max_rank + 1):
        for scale in (1.0, 2.0, 4.0):
            A = rng.standard_normal((K, rank))
            start = scale * np.concatenate([A, A]).ravel()
            # The logarithm, so that the tolerances of the descent are relative.
            end = minimize(logarithm, start, args=(rank,), method="L-BFGS-B", options={"ftol": 1e-13})
            best = min(best, math.exp(end.fun))
    return best

"""The global minimum of the squared-error model, in closed form but for one scale."""

from __future__ import annotations

import numpy as np

from optima.model import Array, DeepUFM
from optima.reduction import Reduction
from optima.scales.branches import SquaredErrorBranches
from optima.scales.scale import best_on_branches
from optima.scales.terms import SquaredErrorTerms


def squared_error_minimum(problem: DeepUFM) -> Array:
    r"""Class-mean logits of the global minimum of the linear squared-error model, shape (K, K).

    .. math:: \min_{s \ge 0} \sum_c \frac{(s_c - \sqrt{n_c})^2}{2N} + c\, s_c^p

    over the min(K, d) classes that gain most: fit = ||M diag(sqrt n) - diag(sqrt n)||^2 / (2N), so by von
    Neumann's inequality the singular values decouple and the minimum is diagonal.
    Source: derivations/squared_error.py.
    """
    reduction = Reduction(problem)
    roots = np.sqrt(problem.class_sizes.astype(float))
    sizes, kinds = np.unique(roots, return_inverse=True)
    column = np.ones((sizes.size, 1))
    terms = SquaredErrorTerms(
        sigma=column,
        multiplicity=column,
        weight=column,
        network_price=np.full(sizes.size, None),
        size=sizes**2,
        square=np.ones(sizes.size),
        trace=sizes,
        classes=np.full(sizes.size, float(problem.size)),
    )
    branch = SquaredErrorBranches(terms, np.full(sizes.size, reduction.exponent))
    every = np.arange(sizes.size)
    scale, fit, penalty = best_on_branches(branch, every, np.full(sizes.size, reduction.reg))
    gain = branch.zero_fit(every) - fit - penalty
    kept = np.argsort(-gain[kinds], kind="stable")[: problem.max_rank]
    means = np.zeros((problem.classes, problem.classes))
    means[kept, kept] = (scale[kinds] / roots)[kept]
    return means

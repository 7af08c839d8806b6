"""The minimum that lies downhill from given logits."""

from __future__ import annotations

import numpy as np

from optima.model import Array, DeepUFM
from optima.reduction import balanced_factors
from optima.search.descent import descend
from optima.search.rung import polish
from optima.search.rung_objective import RungObjective, products

# Singular values below this part of the largest are noise, which a descent would have to bring to zero.
NOISE = 1e-2


def downhill(problem: DeepUFM, means: Array) -> tuple[Array, str]:
    r"""Where descent of the reduced loss of a linear model leads from class-mean logits (K, K), and its verdict.

    .. math:: \min_{A, B} f(A B^T), \quad A, B \in R^{K \times r}

    by limited-memory BFGS and Newton's method from U sqrt(S), V sqrt(S) of the logits without noise, r their rank;
    where a singular value vanishes on the way it goes on with one less. The verdict is that of
    :func:`optima.search.rung.polish`.

    Raises ValueError for relu models.
    """
    objective = RungObjective.of(problem)
    product = means / objective.column
    s = np.linalg.svd(product, compute_uv=False)
    for rank in range(min(int(np.sum(s > NOISE * s[0])), problem.max_rank), 0, -1):
        found = descend(objective, balanced_factors(product, rank)[None])
        product = products(found.factors)[0]
        if not found.dropped[0]:
            point = polish(objective, found.factors[0])
            if point.verdict != "rank dropped":
                return point.product * objective.column, point.verdict
    return 0 * means, "minimum"

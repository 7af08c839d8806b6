"""Theorem 5: the dimension of the set of parameters with given logits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import product

import numpy as np

from optima.claims.claim import Control, claim
from optima.claims.evidence import Cases, Evidence, Ints, Reals, Remark
from optima.claims.verdict import COUNTEREXAMPLE
from optima.model import Array, DeepUFM
from optima.reduction import Reduction
from optima.spectra.orbit import tangent_dimension


def published_dimension(singular: Reals, depth: int, width: int, corrected: bool = True) -> int:
    """L (r d - C(r)), C(r) = r(r+1)/2 + sum of m(m-1)/2 over the multiplicities m; without the sum if not corrected."""
    r = len(singular)
    repeated = sum(m * (m - 1) // 2 for m in Counter(singular).values()) if corrected else 0
    return depth * (r * width - r * (r + 1) // 2 - repeated)


@claim(
    "garrod2025.theorem5",
    statement="As we read it: the balanced parameters with logits Z* of rank r form a set of dimension L (r d - C(r)), "
    "C(r) = r(r+1)/2 plus m(m-1)/2 for each nonzero singular value of multiplicity m; for the simplex C = (K-1)^2, and "
    "its dimension over that of rank 2 <= r < K-1 starts below one.",
    latex=r"D=L\,(rd-C(r)),\qquad C(r)=\tfrac{r(r+1)}2+\sum_{\mu}\tfrac{\mu(\mu-1)}2",
    source="garrod2025, Theorem 5, as restated in this project's theory; derivations/solution_dimension.py",
    how="rank of the tangent map of the hidden rotations at lifted factors, on a grid",
    axes={"classes": range(3, 6), "depths": range(1, 4), "widths": (4, 6)},
    deep={"classes": range(3, 9), "depths": range(1, 5), "widths": (8, 10)},
    control=Control(
        "the same with r(r-1)/2 in place of r(r+1)/2", {"shift": 1}, {"classes": (3,), "depths": (1,), "widths": (4,)}
    ),
    recorded=COUNTEREXAMPLE,
)
def theorem5(classes: Ints, depths: Ints, widths: Ints, *, shift: int = 0) -> Iterator[Evidence]:
    """Margin: minus the difference between the formula and the dimension of the set."""
    for K, L, d in product(classes, depths, widths):
        for name, singular in spectra(K):
            found = measured_dimension(singular, K, L, d)
            formula = published_dimension(singular, L, d) + L * shift * len(singular)
            yield Cases(0.0 - abs(found - formula), classes=K, depths=L, widths=d, singular_values=name)
    yield Remark(
        "as we read it, the count takes off m(m-1)/2 for repeated singular values; where they repeat, as at the "
        "simplex, that is too much: the count without it is model.solution_dimension, and favours deep neural collapse "
        "even more"
    )


def spectra(classes: int) -> Iterator[tuple[str, list[float]]]:
    """Patterns of nonzero singular values for logits on K classes: all distinct, two equal, all equal."""
    r = classes - 1
    yield "distinct", [float(r - i) for i in range(r)]
    if r > 2:
        yield "one double", [2.0, 2.0, *(1.0 / (i + 1) for i in range(r - 2))]
    yield "simplex", [1.0] * r


def measured_dimension(singular: Reals, classes: int, depth: int, width: int) -> int:
    """Dimension of the orbit of lifted factors with these singular values, by linear algebra."""
    rng = np.random.default_rng([classes, depth, width])
    left, right = (_centred_basis(classes, len(singular), rng) for _ in range(2))
    problem = DeepUFM(classes, depth, 1e-2, width=width)
    return tangent_dimension(Reduction(problem).lift((left * np.array(singular)) @ right.T, rng=rng))


def _centred_basis(classes: int, rank: int, rng: np.random.Generator) -> Array:
    """Orthonormal columns orthogonal to the vector of ones."""
    random = rng.standard_normal((classes, rank))
    return np.linalg.qr(random - random.mean(axis=0))[0]

"""The convex-plus-concave form of a linear cross-entropy problem, on which the certificates rest.

With q = 1/(L+1), U an orthonormal basis of the centred vectors and logits z_c = U y_c,

    min_Z fit(Z) + c sum_i s_i(Z diag(sqrt(nu)))^(2q)  =  min_{M >= 0} h(M) + c tr M^q,
    h(M) = min { sum_c w_c log(1 + mu sum_{j != c} e^(z_jc - z_cc)) : sum_c nu_c y_c y_c^T <= M },

h convex and decreasing, the rest concave. Source: derivations/convex_concave.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from optima.checker.instance import STRONGEST
from optima.model import Array, DeepUFM
from optima.model.inputs import positive_integer
from optima.reduction import Reduction


@dataclass(frozen=True)
class ConvexConcave:
    """The numbers of the form: everything a bound depends on.

    ``weight`` (K,) is w_c, ``count`` (K,) is nu_c (class sizes over their geometric mean), ``rivals`` is mu, how many
    times each rival counts, ``strength`` is c (1e100 at most), ``depth`` is L, and ``max_rank`` bounds the rank of Z.
    """

    weight: tuple[float, ...]
    count: tuple[float, ...]
    rivals: float
    strength: float
    depth: int
    max_rank: int

    @classmethod
    def of(cls, problem: DeepUFM) -> ConvexConcave:
        """The form of a linear cross-entropy problem. Raises ValueError for relu and squared error."""
        if problem.loss != "ce":
            raise ValueError("squared error is solved exactly; pass a cross-entropy problem")
        reduction = Reduction(problem)
        sizes = problem.class_sizes.astype(float)
        middle = math.exp(float(np.mean(np.log(sizes))))
        count = np.ones(sizes.size) if problem.balanced else sizes / middle
        strength = reduction.strength * (float(sizes[0]) if problem.balanced else middle) ** (reduction.exponent / 2)
        strength = min(strength, STRONGEST)
        rank = min(problem.max_rank, problem.classes - 1)
        return cls(tuple(sizes / sizes.sum()), tuple(count), 1.0, strength, problem.depth, rank)

    def subsample(self, classes: int) -> ConvexConcave:
        r"""The k-class problem whose minimum bounds this one's from below.

        .. math:: f^*_K(c, \mu) \ge f^*_k\bigl(c\,(K/k)^p,\; \mu (K-1)/(k-1)\bigr), \qquad p = 2/(L+1)

        The mean over all sets of k classes of the submatrices of Z has a smaller fit (the logarithm is concave)
        and sum_i s_i^p smaller by (k/K)^p (the joint concavity of A, B -> tr (A^(1/2) Z B Z^T A^(1/2))^q, q <= 1/2).
        Raises ValueError unless the classes are balanced and 2 <= k <= K.
        Source: derivations/subsampling_bound.py.
        """
        K, k = len(self.weight), positive_integer("classes", classes, minimum=2)
        if k > K or not self.balanced:
            raise ValueError(f"subsample needs balanced classes and k <= {K}; pass such a problem, not k = {k}")
        factor = (K / k) ** (2 / (self.depth + 1))
        rivals = self.rivals * (K - 1) / (k - 1)
        weight, count = (sum(self.weight) / k,) * k, self.count[:1] * k
        rank = min(self.max_rank, k - 1)
        return ConvexConcave(weight, count, rivals, self.strength * factor, self.depth, rank)

    def restrict(self, classes: Sequence[int]) -> ConvexConcave:
        """The form of some of the classes alone, a lower bound: without the others fit and singular values fall."""
        weight, count = (tuple(values[c] for c in classes) for values in (self.weight, self.count))
        return replace(self, weight=weight, count=count, max_rank=min(self.max_rank, len(weight) - 1))

    def as_array(self) -> Array:
        """[K, mu, c, L, largest rank, weights, counts], as certificates keep it."""
        numbers = (self.classes, self.rivals, self.strength, self.depth, self.max_rank)
        return np.array([*numbers, *self.weight, *self.count], dtype=float)

    @property
    def classes(self) -> int:
        """K."""
        return len(self.weight)

    @property
    def q(self) -> float:
        """q = 1 / (L + 1), half the Schatten exponent."""
        return 1 / (self.depth + 1)

    @property
    def balanced(self) -> bool:
        """Whether all classes count alike."""
        return len(set(self.weight)) == 1 and len(set(self.count)) == 1

    @property
    def zero_fit(self) -> float:
        """Fit at zero logits, log(1 + mu (K - 1)) times the weights."""
        return sum(self.weight) * math.log1p(self.rivals * (self.classes - 1))

    def fit(self, logits: Array) -> float:
        """Fit at logits (K, K): column c of class c."""
        ratio = logits - np.diag(logits)
        own = np.eye(self.classes, dtype=bool)
        top = np.maximum(np.max(np.where(own, 0.0, ratio), axis=0), 0.0)
        rivals = self.rivals * np.sum(np.where(own, 0.0, np.exp(ratio - top)), axis=0)
        return float(np.asarray(self.weight) @ (top + np.log1p(np.expm1(-top) + rivals)))

    def value(self, logits: Array) -> float:
        """Fit plus penalty at logits (K, K)."""
        s = np.linalg.svd(logits * np.sqrt(self.count), compute_uv=False)
        kept = s[s > 1e-13 * max(s[0], 1e-300)]
        return self.fit(logits) + self.strength * float(np.sum(kept ** (2 * self.q)))


def centred_basis(classes: int) -> Array:
    """Orthonormal basis (K, K-1) of the centred vectors, in which relabelling acts simply.

    K = 3: the first class lies on the first axis. K = 4: the classes are alternate corners of a cube whose axes are
    the coordinate axes, so relabelling and sign are the symmetries of that cube.
    """
    if classes == 3:
        angles = 2 * np.pi * np.arange(3) / 3
        return np.sqrt(2 / 3) * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    if classes == 4:
        return np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / 2
    # Helmert's basis.
    rows = np.arange(1, classes)
    basis = np.triu(np.ones((classes, classes - 1))) - np.eye(classes, classes - 1, -1) * rows
    return basis / np.sqrt(rows * (rows + 1))

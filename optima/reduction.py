"""The exact reduction of the linear model to a problem over class-mean logits, and the way back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optima.model import Array, DeepUFM
from optima.model.arguments import model_itself
from optima.model.arrays import numerical_rank
from optima.model.fit import Fit
from optima.model.inputs import positive_integer

# Relative size up to which singular values beyond the width are taken for rounding noise.
NOISE = 1e-6
UNREGULARISED = (
    "reg is 0; pass a positive finite number, or use max_margin: without regularisation the loss has no minimum, and "
    "training goes on towards a code of largest margin"
)


def exponent(depth: float | Array) -> float | Array:
    """p = 2 / (L + 1), the exponent of the Schatten quasi-norm that L + 1 factors induce."""
    return 2.0 / (depth + 1.0)


def geometric_mean(values: Sequence[float]) -> float:
    """(v_1 ... v_m)^(1/m) to machine precision for any positive floats, without over- or underflow."""
    if len(set(values)) == 1:
        return float(values[0])
    mantissas, exponents = zip(*(math.frexp(value) for value in values), strict=True)
    whole, rest = divmod(sum(exponents), len(values))
    logs = math.fsum([*(math.log(m) for m in mantissas), rest * math.log(2.0)])
    return math.ldexp(math.exp(logs / len(values)), whole)


def mean_reg(problem: DeepUFM) -> float:
    """lambda: geometric mean of the regularisations of the L + 1 factors, however many they are."""
    return geometric_mean(problem.reg) if isinstance(problem.reg, tuple) else problem.reg


def center(logits: Array) -> Array:
    """Logits with each column's mean removed: cross-entropy is unchanged, no singular value rises."""
    return logits - logits.mean(axis=0, keepdims=True)


def class_means(columns: Array, sizes: NDArray[np.int64]) -> Array:
    """Mean over each class of columns (m, N), those of class 0 first, shape (m, K)."""
    return np.add.reduceat(columns, np.concatenate([[0], np.cumsum(sizes)[:-1]]), axis=1) / sizes


def balanced_factors(products: ArrayLike, rank: int) -> Array:
    """A = U sqrt(S) and B = V sqrt(S) of matrices U S V^T (..., K, K) cut to a rank r, shape (..., 2, K, r)."""
    U, s, V = np.linalg.svd(np.asarray(products, dtype=float))
    root = np.sqrt(s[..., None, :rank])
    return np.stack([U[..., :rank] * root, np.swapaxes(V, -1, -2)[..., :rank] * root], axis=-3)


def halves(product: Array, tolerance: float = 0.0) -> tuple[Array, Array]:
    """U sqrt(S) (d, r) and sqrt(S) V^T (r, k) of a matrix (d, k): of all its factors those of least norm.

    r is its rank, where singular values up to ``tolerance`` times the largest count as zero.
    """
    U, s, V = np.linalg.svd(product, full_matrices=False)
    rank = numerical_rank(s, tolerance)
    root = np.sqrt(s[:rank])
    return U[:, :rank] * root, root[:, None] * V[:rank]


@dataclass(frozen=True)
class Reduction:
    r"""The reduced problem of a linear model.

    .. math::
        \min_{M \in R^{K \times K}} f(M) = \sum_c \pi_c\, g_c(M_{:c}) + c \sum_i s_i(Z)^p, \qquad
        s(Z) = s(M \operatorname{diag}(\sqrt{n_c})),\quad p = \tfrac{2}{L+1},\quad
        c = \tfrac{L+1}{2} \lambda

    with pi_c = n_c / N, lambda the geometric mean of the regularisations of the L + 1 factors, and
    Z = M R the logits of all samples (R repeats column c of M n_c times).
    The value of f is the least objective of the model over all factors whose logits are Z, and
    averaging the columns of one class never raises it.

    Singular values below ``rank_tolerance`` times the largest are taken to be zero: s^p is not small
    there when p is (rounding noise 1e-16 to the power 0.01 is 0.69). Beyond the width of the model, where
    only noise is admissible, the tolerance is 1e-6. Value, gradient and factors are those of :meth:`admissible`
    logits, from which such values are removed; logits of a higher rank than the width keep theirs, and no
    factors have them.

    Raises ValueError for relu models, where no such reduction is known, without regularisation, and for class-mean
    logits that are not finite or of the wrong shape.

    Source: derivations/schatten_reduction.py; garrod2025, Lemma 1.

    Examples
    --------
    >>> import numpy as np
    >>> import optima
    >>> problem = optima.DeepUFM(3, 2, 1e-2, width=3)
    >>> reduction, M = optima.Reduction(problem), np.eye(3) - 1 / 3
    >>> round(reduction.value(M), 6), round(problem.objective(reduction.lift(M)), 6)
    (0.581445, 0.581445)
    """

    problem: DeepUFM

    def __post_init__(self) -> None:
        if model_itself(self.problem).nonlinear:
            raise ValueError("the reduction to singular values needs activation='linear'")
        if not self.problem.regularised:
            raise ValueError(UNREGULARISED)

    @property
    def exponent(self) -> float:
        """p = 2 / (L + 1)."""
        return float(exponent(self.problem.depth))

    @cached_property
    def reg(self) -> float:
        """lambda: geometric mean of the regularisations of the L + 1 factors."""
        return mean_reg(self.problem)

    @property
    def strength(self) -> float:
        """c = (L + 1) lambda / 2, the factor of the Schatten penalty."""
        return (self.problem.depth + 1) / 2 * self.reg

    @property
    def effective_reg(self) -> float:
        """lam_eff = lambda n^(1/(L+1)): the balanced problem with n = 1 and lam_eff has the same value.

        Raises ValueError when the classes differ in size.
        """
        if not self.problem.balanced:
            raise ValueError("the effective regularisation needs classes of equal size")
        return self.reg * float(self.problem.class_sizes[0]) ** (1 / (self.problem.depth + 1))

    @property
    def rank_tolerance(self) -> float:
        """Relative size under which a singular value of M diag(sqrt(n_c)) counts as zero."""
        return 8 * self.problem.classes * float(np.finfo(float).eps)

    @cached_property
    def _root_sizes(self) -> Array:
        return np.sqrt(self.problem.class_sizes.astype(float))

    @cached_property
    def _fit(self) -> Fit:
        problem = self.problem
        return Fit(problem.loss, problem.classes, np.arange(problem.classes), problem.class_sizes / problem.size)

    def fit(self, means: Array) -> float:
        """sum_c pi_c g_c(M_{:c}) at class-mean logits M of shape (K, K)."""
        return float(self._fit.value(self._checked(means)))

    def fit_gradient(self, means: Array) -> Array:
        """Gradient of :meth:`fit` in M, shape (K, K)."""
        return np.asarray(self._fit.slope(self._checked(means)))

    def singular_values(self, means: Array) -> Array:
        """Nonzero singular values of Z = M R, descending."""
        return self._svd(self._checked(means))[1]

    def rank(self, means: Array) -> int:
        """Number of nonzero singular values of Z = M R."""
        return self.singular_values(means).size

    def admissible(self, means: Array) -> Array:
        """M without the singular values of Z that count as zero, shape (K, K): what fit and penalty both are of."""
        return self._admissible(self._checked(means))[0]

    def _admissible(self, means: Array) -> tuple[Array, Array]:
        """The admissible logits and their singular values."""
        left, s, right = np.linalg.svd(means * self._root_sizes)
        rank = self._rank(s)
        return _without(means, left, s, right / self._root_sizes, rank), s[:rank]

    def penalty(self, means: Array) -> float:
        """c sum_i s_i(Z)^p at class-mean logits M."""
        return self._penalty(self.singular_values(means))

    def _penalty(self, s: Array) -> float:
        return self.strength * float(np.sum(s**self.exponent))

    def value(self, means: Array) -> float:
        """f(M) = fit + penalty at the admissible logits of M, shape (K, K)."""
        kept, s = self._admissible(self._checked(means))
        return self.fit(kept) + self._penalty(s)

    def value_at_logits(self, logits: Array) -> float:
        """g(Z) + c sum_i s_i(Z)^p at any logits Z of shape (K, N), class-averaged or not, without their zeros s_i."""
        logits = self.problem.checked_logits(logits)
        left, s, right = np.linalg.svd(logits, full_matrices=False)
        rank = self._rank(s, max(logits.shape))
        return self.problem.data_loss(_without(logits, left, s, right, rank)) + self._penalty(s[:rank])

    def gradient(self, means: Array) -> Array:
        """Gradient of f at M within the matrices of the rank of M.

        grad fit + c p U diag(s^(p-1)) V^T diag(sqrt(n_c)), with U diag(s) V^T the SVD of
        M diag(sqrt(n_c)) without its zero singular values.
        """
        means = self._checked(means)
        left, s, right = self._svd(means)
        spectral = self.strength * self.exponent * (left * s ** (self.exponent - 1)) @ right
        return self.fit_gradient(self.admissible(means)) + spectral * self._root_sizes

    def replicate(self, means: Array) -> Array:
        """Z = M R: column c of M once for each sample of class c, shape (K, N)."""
        return np.repeat(self._checked(means), self.problem.class_sizes, axis=1)

    def lift(self, means: Array, width: int | None = None, rng: np.random.Generator | None = None) -> list[Array]:
        """Balanced factors (W_1, ..., W_L, H) with logits M R and objective f(M).

        W_l = sqrt(lam / lam_l) U_l diag(s^(1/(L+1))) U_{l-1}^T, and H likewise with the right singular
        vectors of Z. The hidden bases U_l are the first coordinate vectors, or random orthonormal ones
        when ``rng`` is given. ``width`` defaults to the width of the problem, or K.

        Raises ValueError when the width is smaller than the rank of M.
        """
        *weights, features = self.class_factors(means, width, rng)
        return [*weights, np.repeat(features, self.problem.class_sizes, axis=1)]

    def class_factors(
        self, means: Array, width: int | None = None, rng: np.random.Generator | None = None
    ) -> list[Array]:
        """The factors of :meth:`lift` with one column of H for each class, shape (d, K): its samples share it."""
        means = self._checked(means)
        left, s, right = self._svd(means)
        width = self._lift_width(width, s.size)
        depth, regs = self.problem.depth, self.problem.regs
        root = s ** (1 / (depth + 1))
        bases = [_orthonormal(width, s.size, rng) for _ in range(depth)]
        features = (bases[0] * root) @ (right / self._root_sizes)
        weights = [(after * root) @ before.T for before, after in pairwise([*bases, left])]
        factors = [*weights, features]
        return [math.sqrt(self.reg / reg) * factor for reg, factor in zip(regs, factors, strict=True)]

    def project(self, factors: Sequence[Array]) -> Array:
        """Class-mean logits M of any factors: the mean over each class of the columns of Z."""
        return class_means(self.problem.logits(factors), self.problem.class_sizes)

    def _svd(self, means: Array) -> tuple[Array, Array, Array]:
        """SVD of M diag(sqrt(n_c)) without its zero singular values."""
        left, s, right = np.linalg.svd(means * self._root_sizes)
        rank = self._rank(s)
        return left[:, :rank], s[:rank], right[:rank]

    def _rank(self, s: Array, size: int = 0) -> int:
        """Number of singular values (descending) that count as nonzero, of a matrix with ``size`` rows or columns."""
        tolerance = self.rank_tolerance * max(1.0, size / self.problem.classes)
        floor = np.full(s.size, tolerance)
        floor[self.problem.max_rank :] = max(NOISE, tolerance)
        return numerical_rank(s, floor)

    def _lift_width(self, width: int | None, rank: int) -> int:
        own = self.problem.width
        width = positive_integer("width", width, minimum=0) if width is not None else (own or self.problem.classes)
        if own is not None and width != own:
            raise ValueError(f"width {width} is not the width {own} of the problem; pass {own} or none")
        if width < rank:
            raise ValueError(f"width {width} cannot carry logits of rank {rank}; pass a width of at least {rank}")
        return width

    def _checked(self, means: Array) -> Array:
        means = np.asarray(means, dtype=float)
        shape = (self.problem.classes, self.problem.classes)
        if means.shape != shape:
            raise ValueError(f"class-mean logits have shape {means.shape}; pass shape {shape}")
        if not np.isfinite(means).all():
            raise ValueError("class-mean logits contain nan or infinity; pass finite numbers")
        return means


def _without(matrix: Array, left: Array, s: Array, right: Array, rank: int) -> Array:
    """A matrix less the part of its singular values from number ``rank`` on; what is kept keeps its digits."""
    return matrix - (left[:, rank : s.size] * s[rank:]) @ right[rank : s.size]


def _orthonormal(rows: int, columns: int, rng: np.random.Generator | None) -> Array:
    if rng is None:
        return np.eye(rows, columns)
    return np.linalg.qr(rng.standard_normal((rows, columns)))[0]

"""Multiples of a fixed matrix of class-mean logits: the least loss along a line, and comparison of two lines."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import logsumexp

from optima.model import Array

# Grid of scales, then rounds of zooming in on the best one.
GRID = np.concatenate([[0.0], np.geomspace(1e-6, 1e4, 240)])
ROUNDS, POINTS = 5, 41


@dataclass(frozen=True)
class Line:
    r"""Logits alpha X with class sizes n_c.

    .. math:: f(\alpha) = \sum_c \tfrac{n_c}N \log\bigl(1+\sum_{j\ne c}e^{-\alpha(X_{cc}-X_{jc})}\bigr)
        + \tfrac{L+1}2\lambda\sum_i s_i(X\operatorname{diag}(\sqrt{n_c}))^p\,\alpha^p
    """

    matrix: Array
    sizes: tuple[int, ...]

    @cached_property
    def margins(self) -> Array:
        """X_cc - X_jc for j != c, shape (K - 1, K)."""
        K = len(self.matrix)
        leads = np.diagonal(self.matrix) - self.matrix
        return leads.T[~np.eye(K, dtype=bool)].reshape(K, K - 1).T

    @cached_property
    def singular(self) -> Array:
        """Nonzero singular values of X diag(sqrt(n_c))."""
        s = np.linalg.svd(self.matrix * np.sqrt(self.sizes), compute_uv=False)
        return s[s > 1e-9 * s[0]]

    @property
    def diagonally_superior(self) -> bool:
        """Whether every class beats all its rivals."""
        return bool(self.margins.min() > 0)

    def fit(self, scales: Array) -> Array:
        """Weighted cross-entropy at scales of any shape."""
        weights = np.array(self.sizes) / sum(self.sizes)
        losses = np.logaddexp(0, logsumexp(-np.asarray(scales)[..., None, None] * self.margins, axis=-2))
        return losses @ weights

    def penalty(self, depth: int) -> float:
        """sum_i s_i^p at scale one."""
        return float(np.sum(self.singular ** (2 / (depth + 1))))

    def minimum(self, depth: int, regs: Array) -> tuple[Array, Array]:
        """Least loss over the scale, and the scale, for an array of lambda."""
        p, regs = 2 / (depth + 1), np.asarray(regs, dtype=float)
        strength = (depth + 1) / 2 * regs * self.penalty(depth)
        grid = np.broadcast_to(GRID, (regs.size, GRID.size))
        fits = np.broadcast_to(self.fit(GRID), grid.shape)
        for _ in range(ROUNDS):
            values = fits + strength[:, None] * grid**p
            best = np.argmin(values, axis=1)
            low = np.take_along_axis(grid, np.maximum(best - 1, 0)[:, None], axis=1)
            high = np.take_along_axis(grid, np.minimum(best + 1, grid.shape[1] - 1)[:, None], axis=1)
            grid = low + (high - low) * np.linspace(0, 1, POINTS)
            fits = self.fit(grid)
        values = fits + strength[:, None] * grid**p
        rows, best = np.arange(regs.size), np.argmin(values, axis=1)
        # Scale zero may be left by the zooming, never improved on by it.
        zero = float(self.fit(np.array(0.0)))
        value, scale = values[rows, best], grid[rows, best]
        return np.minimum(value, zero), np.where(value < zero, scale, 0.0)


def gains(high: Line, low: Line, depth: int, shares: Array) -> tuple[Array, Array]:
    """Relative gain of ``low`` over ``high`` where the scale of ``high`` is positive, and the lambda there.

    ``shares`` are those of 2 log K / (L + 1), from which on all is zero. Where ``high`` is best at zero there is
    nothing to show: ``low`` is never above the zero logits.
    """
    regs = shares * 2 * np.log(len(low.matrix)) / (depth + 1)
    (V, scale), (U, _) = high.minimum(depth, regs), low.minimum(depth, regs)
    alive = scale > 0
    return ((V - U) / V)[alive], regs[alive]


def scale_ratio(low: Line, high: Line) -> float:
    """Least C found such that every fit of ``high`` at alpha is reached by ``low`` at some beta <= C alpha.

    The smallest beta with fit_low(beta) <= fit_high(alpha), on a grid of alpha, by bisection; fit_low decreases.
    """
    scales = GRID[1:][GRID[1:] < 1e3]
    target = high.fit(scales)
    lower, upper = np.zeros_like(scales), np.full_like(scales, 1e8)
    for _ in range(120):
        middle = (lower + upper) / 2
        reached = low.fit(middle) <= target
        lower, upper = np.where(reached, lower, middle), np.where(reached, middle, upper)
    needed = np.where(target >= np.log(len(low.matrix)), 0.0, upper)
    return float(np.max(needed / scales))


def comparison_depth(low: Line, high: Line, ratio: float) -> int:
    """A depth from which on (C^p sum of low.singular^p) < (sum of high.singular^p), for every larger one too.

    q (C m_max)^p < r x_min^p with the ranks q < r holds for all p below log(r/q) / log(C m_max / x_min).
    """
    if ratio == 0:
        # Every multiple of the other matrix fits worse than zero.
        return 1
    gain = np.log(high.singular.size / low.singular.size)
    spread = np.log(ratio * low.singular[0] / high.singular[-1])
    if spread <= 0:
        return 1
    return max(1, int(np.floor(2 * spread / gain)))


def step_sizes(classes: int, ratio: int, share: float, least: int = 1) -> tuple[int, ...]:
    """Class sizes under step imbalance: R n_min for the majority classes, n_min for a share rho of the classes."""
    minority = round(share * classes)
    return (*[ratio * least] * (classes - minority), *[least] * minority)

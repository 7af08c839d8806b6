"""The exact spectrum of the all-parameter Hessian at the lift of any critical class-mean logits."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optima.model import Array, DeepUFM
from optima.model.fit import Fit
from optima.reduction import Reduction
from optima.spectra.multiplicities import Spectrum

# Largest gradient of the reduced value, relative to that of the fit, at a critical point.
CRITICAL = 1e-6

Index = NDArray[np.intp]


def lifted_spectrum(problem: DeepUFM, means: Array, width: int | None = None, regularised: bool = True) -> Spectrum:
    r"""Eigenvalues of the Hessian at balanced factors (W_1, ..., W_L, H) of critical class-mean logits M.

    In the singular bases of the factors the Hessian splits into blocks. With Z = U diag(s) V^T of rank r and width
    d, hidden directions leave, for every layer,

    .. math:: 0 \text{ and } \lambda_l + \lambda_{l-1}\ (r(d-r) \text{ times each}),\qquad
        \lambda_l\ ((d-r)^2 \text{ times in hidden layers})

    directions within a class leave the r x r matrices
    \lambda_H + (\lambda_H / \lambda) \Sigma^{L/(L+1)} U^T \nabla^2 g_c U \Sigma^{L/(L+1)} / N (n_c - 1 times), and one
    symmetric matrix of order (L+1) r^2 + 2 (K-r) r holds the rest; it is diagonalised densely. The result does not
    depend on the hidden bases.

    Parameters
    ----------
    means
        Class-mean logits (K, K) at which the reduced value is stationary among matrices of their rank.
    width
        d; the width of the problem, or K, when not given.
    regularised
        Whether the regularisation is part of the Hessian; without it lambda_l + lambda_{l-1} and 0 above become
        +- sqrt(lambda_l lambda_{l-1}), and the other lambda_l are zero.

    Raises ValueError for relu models, and for logits that are not critical. Source: derivations/simplex_hessian.py.
    """
    reduction = Reduction(problem)
    means = reduction.admissible(means)
    slope, size = _slope(reduction, means)
    if slope > CRITICAL * size:
        raise ValueError(
            f"the logits are not critical (gradient {slope:.2g}, that of the fit {size:.2g}); pass a solution, or a "
            "structure at a stationary scale"
        )
    return _Lifted(reduction, means, width, regularised).spectrum()


def is_critical(reduction: Reduction, means: Array) -> bool:
    """Whether the reduced value is stationary at class-mean logits among those of their rank."""
    slope, size = _slope(reduction, reduction.admissible(means))
    return slope <= CRITICAL * size


def _slope(reduction: Reduction, means: Array) -> tuple[float, float]:
    """Norm of the gradient of the reduced value within the rank, and of that of the fit."""
    roots = np.sqrt(reduction.problem.class_sizes.astype(float))
    size = float(np.linalg.norm(reduction.fit_gradient(means) / roots))
    if not np.any(means):
        return 0.0, size
    U, _, V = np.linalg.svd(means * roots)
    rank = reduction.rank(means)
    # Across the rank a critical point may have any gradient.
    inside = U.T @ (reduction.gradient(means) / roots) @ V.T
    inside[rank:, rank:] = 0
    return float(np.linalg.norm(inside)), size


class _Lifted:
    """The blocks, in coordinates Y_l = U_l^T (dW_l) U_{l-1} with complete bases."""

    def __init__(self, reduction: Reduction, means: Array, width: int | None, regularised: bool) -> None:
        problem = reduction.problem
        # Factor of the regularisation in the Hessian.
        self.on = float(regularised)
        self.K, self.L, self.N = problem.classes, problem.depth, problem.size
        self.m = self.L + 1
        self.sizes = problem.class_sizes
        # Index 0 is H, index l is W_l.
        self.regs = np.array([problem.regs[-1], *problem.regs[:-1]])
        self.reg = reduction.reg
        roots = np.sqrt(self.sizes.astype(float))
        U, s, V = np.linalg.svd(means * roots)
        self.r = reduction.rank(means)
        self.s, self.U, self.V = s[: self.r], U, V.T
        self.d = _width(problem, width, self.r)
        each_class = Fit(problem.loss, self.K, np.arange(self.K), np.ones(self.K))
        directions = np.eye(self.K)[:, :, None] * np.ones(self.K)
        self.curvature = each_class.curvature(means, directions).transpose(2, 1, 0)
        slope = reduction.fit_gradient(means) / roots
        self.slope = self.U.T @ slope @ self.V

    def spectrum(self) -> Spectrum:
        """All blocks together."""
        return Spectrum.of([*self._hidden(), *self._within_classes(), (np.linalg.eigvalsh(self._core()), 1)])

    def _hidden(self) -> list[tuple[ArrayLike, int]]:
        r, d, K, N, regs = self.r, self.d, self.K, self.N, self.on * self.regs
        parts: list[tuple[ArrayLike, int]] = []
        for low, high in pairwise(self.regs):
            ends = (0.0, low + high) if self.on else (-np.sqrt(low * high), np.sqrt(low * high))
            parts += [(end, r * (d - r)) for end in ends]
        parts += [(reg, (d - r) ** 2) for reg in regs[1:-1]]
        if self.L > 1:
            return [*parts, (regs[-1], (K - r) * (d - r)), (regs[0], (N - r) * (d - r))]
        # With one weight matrix the complements of the two factors meet in the gradient of the fit.
        rest = np.linalg.svd(self.slope[r:, r:], compute_uv=False)
        mean, half = regs.mean(), (regs[1] - regs[0]) / 2
        root = np.sqrt(half**2 + rest**2)
        return [*parts, (mean + root, d - r), (mean - root, d - r), (regs[0], (N - K) * (d - r))]

    def _within_classes(self) -> list[tuple[ArrayLike, int]]:
        left = self.U[:, : self.r] * self.s ** (self.L / self.m)
        scale = self.regs[0] / self.reg / self.N
        blocks = scale * np.einsum("ai,cab,bj->cij", left, self.curvature, left)
        values = np.linalg.eigvalsh(blocks) + self.on * self.regs[0]
        return [(row, int(n) - 1) for row, n in zip(values, self.sizes, strict=True)]

    def _core(self) -> Array:
        """Blocks Y_l[r, r] of all factors, Y_L[rest, r] and Y_0[r, rest] in one matrix."""
        layer, i, j = self._coordinates()
        move = self._moves(layer, i, j)
        data = np.einsum("ai,cab,bk,cj,cl->ijkl", self.U, self.curvature, self.U, self.V, self.V, optimize=True)
        # In steps: the four-index array is read at pairs of coordinates.
        place = i * self.K + j
        core = data.reshape(self.K**2, self.K**2)[np.ix_(place, place)] * np.outer(move, move) / self.N
        core[np.diag_indices_from(core)] += self.on * self.reg
        self._add_second_order(core, layer, i, j)
        ratio = np.sqrt(self.regs[layer] / self.reg)
        return core * np.outer(ratio, ratio)

    def _coordinates(self) -> tuple[Index, Index, Index]:
        r, K = self.r, self.K
        inner = [(layer, i, j) for layer in range(self.m) for i in range(r) for j in range(r)]
        top = [(self.L, i, j) for i in range(r, K) for j in range(r)]
        bottom = [(0, i, j) for i in range(r) for j in range(r, K)]
        columns = np.array([*inner, *top, *bottom], dtype=np.intp).reshape(-1, 3)
        return columns[:, 0], columns[:, 1], columns[:, 2]

    def _moves(self, layer: Index, i: Index, j: Index) -> Array:
        """How much an entry of Y_l moves the logits: s_i^((L-l)/m) s_j^(l/m)."""
        logs = np.concatenate([np.log(self.s), np.zeros(self.K - self.r)])
        # Outside the range only the outermost factors act, with no power of a zero singular value.
        return np.exp(logs[i] * (self.L - layer) / self.m + logs[j] * layer / self.m)

    def _add_second_order(self, core: Array, layer: Index, i: Index, j: Index) -> None:
        """<grad g, second derivative of the product>: Y_l[i, j] meets Y_k[j, i] in the range of Z.

        Their coefficient is -lam (s_j / s_i)^((l-k-1)/m) for l > k, because U^T (grad g) V = -lam s^((1-L)/m).
        """
        at = {(int(a), int(b), int(c)): n for n, (a, b, c) in enumerate(zip(layer, i, j, strict=True))}
        r = self.r
        for high in range(1, self.m):
            for low in range(high):
                power = (high - low - 1) / self.m
                for a in range(r):
                    for b in range(r):
                        x, y = at[high, a, b], at[low, b, a]
                        core[x, y] -= self.reg * (self.s[b] / self.s[a]) ** power
                        core[y, x] = core[x, y]
        middle = self.s ** ((self.L - 1) / self.m)
        for a in range(r, self.K):
            for c in range(r, self.K):
                for b in range(r):
                    x, y = at[self.L, a, b], at[0, b, c]
                    core[x, y] += self.slope[a, c] * middle[b]
                    core[y, x] = core[x, y]


def _width(problem: DeepUFM, width: int | None, rank: int) -> int:
    found = width or problem.width or problem.classes
    if found < rank:
        raise ValueError(f"width {found} cannot carry logits of rank {rank}; pass a width of at least {rank}")
    return found

r"""Multipliers for the bound by pairs of classes in one box: a semidefinite programme.

.. math:: \max\; K N - \pi + \tau t \quad\text{such that every pair of classes has a charge of at least zero and every
    class one of at least } N

at knots of r = |g_c| and some cosines u. A kernel of degree d is H(r, r') u^d with a positive semidefinite matrix H of
its values at the knots. What the solver finds is a guess: the checker's bound holds for any multipliers.
Source: derivations/pair_bound.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import linprog

from optima.checker.pair_bound import DEGREES, Box, Multipliers, PairBound
from optima.model import Array

# Columns of the factor of a kernel that a certificate keeps, and the part of it below which none is kept.
COLUMNS = 8
# Cosines at which pairs are looked at.
COSINES = 25
# Singular values at which lines are held below the price.
VALUES = 12
# Iterations of the solver.
STEPS = 60
# Cosines at which the charges are polished, the charge below which a pair counts, and rounds of it.
FINE, NEAR, ROUNDS = 161, 0.05, 8
# A charge of a pair that is no worse than this, relative to those of classes, is good enough.
SLIGHT = 1e-4


def knots_of(pairs: PairBound, box: Box, count: int, typical: float) -> Array:
    """Knots of r: zero, and from somewhat below the ``typical`` r^2 to the largest in equal ratios."""
    top = (1 - 1 / pairs.classes) * box.high[0] * (1 + 1e-9)
    inner = np.sqrt(np.geomspace(min(0.4 * typical, 0.3 * top), top, count - 2))
    return np.concatenate([[0.0, 0.6 * inner[0]], inner])


@dataclass
class PairDual:
    """The programme of one box; ``kappa`` is the slope of the fit in the odds.

    ``apart`` says whether the largest singular value has a price of its own.
    """

    pairs: PairBound
    box: Box
    kappa: float
    knots: Array
    apart: bool = True

    def __post_init__(self) -> None:
        r, n = self.knots, self.knots.size
        # Classes at the knots and in the middle between two.
        weight = np.zeros((2 * n - 1, n))
        weight[::2] = np.eye(n)
        weight[1::2] = 0.5 * (np.eye(n)[:-1] + np.eye(n)[1:])
        self.weight, self.at = weight, weight @ r
        self.k, self.l = np.triu_indices(n)
        u = np.cos(np.linspace(np.pi, 0.0, COSINES))
        self.row = np.repeat(np.arange(self.k.size), COSINES)
        self.cosine = np.tile(u, self.k.size)

    def solved(self) -> Multipliers:
        """The multipliers."""
        import clarabel

        n, points, cells = self.knots.size, self.at.size, self.k.size
        # Columns: N, pi, tau+, tau-, share, centring, bend, price of each class, the upper triangles of the kernels.
        matrix, limit, width = self._rows()
        kernel = 4 + 3 * n + points
        scale = np.where(self.k == self.l, 1.0, np.sqrt(2.0))
        # The solver takes upper triangles column by column.
        order = np.lexsort((self.k, self.l))
        cones = [clarabel.NonnegativeConeT(limit.size)]
        for index in range(len(DEGREES)):
            at = kernel + index * cells + order
            block = sparse.coo_matrix((-scale[order], (np.arange(cells), at)), shape=(cells, width))
            matrix = sparse.vstack([matrix, block])
            limit = np.concatenate([limit, np.zeros(cells)])
            cones.append(clarabel.PSDTriangleConeT(n))
        settings = clarabel.DefaultSettings()
        settings.verbose, settings.max_iter, settings.max_threads = False, STEPS, 1
        nothing = sparse.csc_matrix((width, width))
        found = clarabel.DefaultSolver(nothing, self._cost(width), matrix.tocsc(), limit, cones, settings).solve()
        # Whatever its status, this is a guess that the checker bounds; where it gave up altogether there is none.
        x = np.nan_to_num(np.asarray(found.x), nan=0.0, posinf=0.0, neginf=0.0)
        factors = np.stack([self._factor(x[kernel + d * cells :][:cells]) for d in range(len(DEGREES))])
        # What is kept of the kernels.
        x[kernel:] = np.concatenate([np.einsum("nr,nr->n", f[self.k], f[self.l]) for f in factors])
        x = self._polished(x)
        sizes = np.sqrt(np.maximum(x[kernel:], 0.0))
        parts = x[4 : 4 + 3 * n].reshape(3, n)
        prices = np.array([float(self.apart), x[1], x[2] - x[3], self.kappa])
        bend = np.maximum(parts[2], 0.0)
        return Multipliers(self.knots, parts[0], parts[1], bend, prices, factors * sizes[:, None, None])

    def _cost(self, width: int) -> Array:
        """-(K N - pi + tau t)."""
        low, high = self.box.t if self.apart else self.box.sums
        cost = np.zeros(width)
        cost[:4] = -self.pairs.classes, 1.0, -low, high
        return cost

    def _polished(self, x: Array) -> Array:
        """The rest of the multipliers anew, by linear programmes with more cosines; the kernels only keep their shape.

        Returns them with one size for each degree in place of the kernels.
        """
        cells, kernel = self.k.size, 4 + 3 * self.knots.size + self.at.size
        fold = sparse.block_diag([sparse.csr_matrix(h[:, None]) for h in x[kernel:].reshape(len(DEGREES), cells)])
        fold = sparse.block_diag([sparse.identity(kernel), fold]).tocsr()
        at = np.concatenate([x[:kernel], np.ones(len(DEGREES))])
        matrix, limit, _ = self._rows(pairs=False)
        matrix, cost = matrix @ fold, self._cost(at.size)
        u = np.cos(np.linspace(np.pi, 0.0, FINE))
        self.row, self.cosine = np.repeat(np.arange(cells), FINE), np.tile(u, cells)
        pairs = sparse.hstack([sparse.csr_matrix((self.row.size, 4)), self._pairs()]) @ fold
        pairs, odds = pairs.tocsr(), self._exponential(self.row, self.cosine)
        bounds = [(None, None)] * kernel + [(0.0, 1.0)] * len(DEGREES)
        scale = abs(at[0])
        used = np.flatnonzero(odds - pairs @ at < NEAR * scale)
        for _ in range(ROUNDS):
            found = linprog(
                cost,
                A_ub=sparse.vstack([matrix, pairs[used]]),
                b_ub=np.concatenate([limit, odds[used]]),
                bounds=bounds,
                method="highs",
            )
            if found.status != 0:
                return at
            at = found.x
            bad = np.flatnonzero(odds - pairs @ at < -SLIGHT * scale)
            if not bad.size:
                break
            used = np.union1d(used, bad)
        return at

    def _factor(self, triangle: Array) -> Array:
        """A factor (n, COLUMNS) of a kernel, from its upper triangle."""
        n = self.knots.size
        H = np.zeros((n, n))
        H[self.k, self.l] = H[self.l, self.k] = triangle
        values, vectors = np.linalg.eigh(H)
        values, vectors = values[::-1][:COLUMNS], vectors[:, ::-1][:, :COLUMNS]
        out = np.zeros((n, COLUMNS))
        out[:, : values.size] = vectors * np.sqrt(np.maximum(values, 0.0))
        return out

    def _rows(self, pairs: bool = True) -> tuple[sparse.csr_matrix, Array, int]:
        """Linear constraints, rows @ x <= limit."""
        box, n, points, cells = self.box, self.knots.size, self.at.size, self.k.size
        K, p, m = self.pairs.classes, self.pairs.power, box.second if self.apart else box.high[0]
        share, centring, bend, price = (4 + i * n for i in range(4))
        kernel = price + points
        width = kernel + len(DEGREES) * cells
        square = self.at**2
        rows: list[sparse.csr_matrix] = []
        right: list[Array] = []

        def add(parts: dict[int, Array | sparse.spmatrix], limit: Array) -> None:
            """Rows: the sum of blocks from their first columns <= limit."""
            blocks = [sparse.coo_matrix(block) for block in parts.values()]
            i = np.concatenate([block.row for block in blocks])
            j = np.concatenate([block.col + start for start, block in zip(parts, blocks, strict=True)])
            data = np.concatenate([block.data for block in blocks])
            rows.append(sparse.csr_matrix((data, (i, j)), shape=(limit.size, width)))
            right.append(limit)

        eye = sparse.identity(points)
        for s in m * np.linspace(0.06, 1.0, VALUES) ** 1.4 if m > 0 else ():
            lines = {2: square[:, None], 3: -square[:, None], bend: -s * self.weight, price: eye}
            add(lines, s ** (p - 1) * square)
        low, high, slope = box.low[0], box.high[0], self.pairs.chord(box)
        for s in (low, (low * high) ** 0.5, high) if self.apart and low > 0 else ():
            lines = {1: -square[:, None] / s, bend: -s * self.weight, price: eye}
            add(lines, slope * (s - low) / s * square)
        doubled = np.where(self.k == self.l, 1.0, 2.0)
        classes = {
            0: np.ones((points, 1)),
            share: (K - 1) * self.weight,
            centring: -self.at[:, None] * self.weight,
            bend: square[:, None] * self.weight,
            price: -eye,
            kernel: np.tile(self.weight[:, self.k] * self.weight[:, self.l] * doubled, len(DEGREES)),
        }
        add(classes, np.zeros(points))
        if pairs:
            add({share: self._pairs()}, self._exponential(self.row, self.cosine))
        for column in [1, 2, 3, *range(bend, bend + n)]:
            add({column: np.array([[-1.0]])}, np.zeros(1))
        return sparse.vstack(rows), np.concatenate(right), width

    def _pairs(self) -> sparse.csr_matrix:
        """How share, centring, bend, and the kernels enter the charges of pairs, with a minus."""
        r, n, u, cells = self.knots, self.knots.size, self.cosine, self.k.size
        i, j, at = self.k[self.row], self.l[self.row], np.arange(self.row.size)
        ones = np.ones(at.size)
        kernel = 3 * n + self.at.size
        entries = [(i, -ones), (j, -ones), (n + i, -u * r[j]), (n + j, -u * r[i])]
        entries += [(2 * n + i, u**2 * r[j] ** 2), (2 * n + j, u**2 * r[i] ** 2)]
        entries += [(kernel + d * cells + self.row, 2 * u**degree) for d, degree in enumerate(DEGREES)]
        columns, values = (np.concatenate(parts) for parts in zip(*entries, strict=True))
        width = kernel + len(DEGREES) * cells
        return sparse.csr_matrix((values, (np.tile(at, len(entries)), columns)), shape=(at.size, width))

    def _exponential(self, row: NDArray[np.intp], u: Array) -> Array:
        """The least value that the cells around knots leave to the odds of a pair."""
        r, n = self.knots, self.knots.size
        i, j = self.k[row], self.l[row]
        least = np.full(row.size, np.inf)
        weight = 2 * self.kappa / (self.pairs.classes * self.pairs.strength)
        for step_i in (-1, 1):
            for step_j in (-1, 1):
                other_i, other_j = i + step_i, j + step_j
                there = np.all([other_i >= 0, other_i < n, other_j >= 0, other_j < n], axis=0)
                other_i, other_j = np.clip(other_i, 0, n - 1), np.clip(other_j, 0, n - 1)
                a, b = 0.5 * (r[i] + r[other_i]), 0.5 * (r[j] + r[other_j])
                level = 0.5 * (a * a + b * b) - u * a * b
                for v in (-1.0, 1.0):
                    corners = [
                        0.5 * (x * x + y * y) - v * x * y for x in (r[i], r[other_i]) for y in (r[j], r[other_j])
                    ]
                    far = np.max(corners, axis=0) - (0.5 * (a * a + b * b) - v * a * b)
                    level = level + np.maximum(far - 0.5, 0.0) * 0.5 * (1 + u * v)
                own = 0.5 * (r[i] ** 2 + r[j] ** 2) - u * r[i] * r[j]
                value = np.exp(-level) * (1 + level - own)
                least = np.where(there, np.minimum(least, value), least)
        return weight * least

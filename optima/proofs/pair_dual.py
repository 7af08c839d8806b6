r"""Multipliers for the bound by pairs of classes in one box: semidefinite programmes.

.. math:: \max\; K N - \sum_i (\pi_i + [i \ge 2] \tau \underline s_i) + \tau t \quad\text{such that every pair of
    classes has a charge of at least zero and every class one of at least } N

for multipliers that are linear between knots of r = |g_c|. A kernel of degree d is H(r, r') u^d with a positive
semidefinite matrix H of its values at nodes, fewer than the knots. Pairs are looked at where the checker finds their
charge too low, at knots of its own and cosines u, until it is not. What the solver finds is a guess: the checker's
bound holds for any multipliers. Source: derivations/pair_bound.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from optima.checker.pair_bound import Box, PairBound
from optima.checker.pair_charges import DEGREES, Multipliers, corner_terms
from optima.model import Array

# Columns of the factor of a kernel that a certificate keeps.
COLUMNS = 6
# Knots in a cell of nodes, and points of classes in a cell of knots.
KNOTS, POINTS = 4, 1
# Cosines at which pairs are looked at, and every how many of knots and of cosines to begin with.
COSINES, SPARSE = 97, (2, 24)
# Singular values at which lines are held below the price.
VALUES = 8
# Iterations of the solver, and times that it is called.
STEPS, ROUNDS = 60, 8
# Charges of pairs below the first part of those of classes are looked at again, those below the second are too low, and
# those above the third are left out.
NEAR, SLIGHT, FAR = 0.0, -1e-3, 0.1
# The least norms r^2, relative to the typical one, that have a node of their own.
LOWEST, SMALL = 0.1, 0.25


def nodes_of(pairs: PairBound, box: Box, count: int, typical: float) -> Array:
    """Nodes of r: zero, and from somewhat below the ``typical`` r^2 to the largest in equal ratios."""
    top = (1 - 1 / pairs.classes) * box.high[0] * (1 + 1e-9)
    small = min(SMALL * typical, 0.3 * top)
    inner = np.geomspace(small, top, count - 2)
    return np.sqrt(np.concatenate([[0.0, small * LOWEST / SMALL], inner]))


def parted(knots: Array, parts: int) -> Array:
    """Knots with each cell cut into equal parts."""
    share = np.arange(parts) / parts
    return np.append((knots[:-1, None] + np.diff(knots)[:, None] * share).ravel(), knots[-1])


def hats(knots: Array, r: Array) -> Array:
    """What each knot counts at r, (M, n)."""
    cell = np.clip(np.searchsorted(knots, r, side="right") - 1, 0, knots.size - 2)
    share = (r - knots[cell]) / np.diff(knots)[cell]
    weight, row = np.zeros((r.size, knots.size)), np.arange(r.size)
    weight[row, cell], weight[row, cell + 1] = 1 - share, share
    return weight


@dataclass
class PairDual:
    """The programme of one box; ``kappa`` is the slope of the fit in the odds, ``nodes`` are those of the kernels."""

    pairs: PairBound
    box: Box
    kappa: float
    nodes: Array

    def __post_init__(self) -> None:
        self.knots = parted(self.nodes, KNOTS)
        self.at = parted(self.knots, POINTS)
        self.k, self.l = np.triu_indices(self.nodes.size)
        self.doubled = np.where(self.k == self.l, 1.0, 2.0)
        # Columns: N, tau+, tau-, prices, share, centring, bend, price of each point, upper triangles of the kernels.
        self.own = self.box.apart(self.box.positive)
        self.share = 3 + len(self.own)
        self.price = self.share + 3 * self.knots.size
        self.kernel = self.price + self.at.size
        self.width = self.kernel + len(DEGREES) * self.k.size
        nothing = Multipliers(self.knots, *(0 * self.knots,) * 3, np.zeros((len(DEGREES), self.knots.size, 1)), 0.0)
        self.fine = nothing.refined().knots
        self.first, self.second = np.triu_indices(self.fine.size)
        self.cosines = np.cos(np.linspace(np.pi, 0.0, COSINES))
        self.odds = self._least_odds()

    def solved(self) -> tuple[Multipliers, Array]:
        """The multipliers, and the prices with which they serve this box."""
        classes, least = self._classes()
        knot, cosine = (np.arange(size) for size in (self.fine.size, COSINES))
        some = np.isin(self.first, knot[:: SPARSE[0]]) & np.isin(self.second, knot[:: SPARSE[0]])
        first = np.flatnonzero(some[:, None] & (cosine % SPARSE[1] == 0))
        ends = np.isin(first % COSINES, [0, COSINES // 2, COSINES - 1])
        cuts = np.empty(0, dtype=np.intp)
        for _ in range(ROUNDS):
            used = np.union1d(first, cuts)
            x = self._programme(sparse.vstack([classes, self._pairs(used)]), np.append(least, self.odds.ravel()[used]))
            found = self._multipliers(x)
            charge, size = self._charges(found), abs(x[0])
            if not np.min(charge) < SLIGHT * size:
                break
            around = np.pad(charge, ((0, 0), (1, 1)), constant_values=np.inf)
            lowest = (charge <= around[:, :-2]) & (charge <= around[:, 2:]) & (charge < NEAR * size)
            cuts = np.union1d(cuts, np.flatnonzero(lowest))
            # Some of them stay, that no multiplier goes astray.
            near = ends | (charge.ravel()[first] < FAR * size)
            first, ends = first[near], ends[near]
        return found, np.array([1.0, x[1] - x[2], x[0], len(self.own)])

    def _programme(self, matrix: sparse.csr_matrix, limit: Array) -> Array:
        """Its solution."""
        import clarabel

        n, cells = self.nodes.size, self.k.size
        cones = [clarabel.NonnegativeConeT(limit.size)]
        scale = np.where(self.k == self.l, 1.0, np.sqrt(2.0))
        # The solver takes upper triangles column by column.
        order = np.lexsort((self.k, self.l))
        blocks = []
        for index in range(len(DEGREES)):
            at = self.kernel + index * cells + order
            blocks.append(sparse.coo_matrix((-scale[order], (np.arange(cells), at)), shape=(cells, self.width)))
            cones.append(clarabel.PSDTriangleConeT(n))
        matrix = sparse.vstack([matrix, *blocks]).tocsc()
        limit = np.append(limit, np.zeros(len(blocks) * cells))
        settings = clarabel.DefaultSettings()
        settings.verbose, settings.max_iter, settings.max_threads = False, STEPS, 1
        nothing = sparse.csc_matrix((self.width, self.width))
        found = clarabel.DefaultSolver(nothing, self._cost(), matrix, limit, cones, settings).solve()
        # Whatever its status, this is a guess that the checker bounds; where it gave up altogether there is none.
        return np.nan_to_num(np.asarray(found.x), nan=0.0, posinf=0.0, neginf=0.0)

    def _multipliers(self, x: Array) -> Multipliers:
        """From the columns of the programme."""
        share, centring, bend = x[self.share : self.price].reshape(3, -1)
        factors = [self._factor(triangle) for triangle in x[self.kernel :].reshape(len(DEGREES), -1)]
        kernels = hats(self.nodes, self.knots) @ np.stack(factors)
        return Multipliers(self.knots, share, centring, np.maximum(bend, 0.0), kernels, self.kappa)

    def _cost(self) -> Array:
        """-(K N - pi + tau t)."""
        low, high = self.box.rest(len(self.own))
        taken = sum(end for end, _ in self.own[1:])
        cost = np.zeros(self.width)
        cost[: self.share] = -self.pairs.classes, taken - low, high - taken, *np.ones(len(self.own))
        return cost

    def _least_odds(self) -> Array:
        """What the checker's cells around two knots leave at least to the odds, by pairs and cosines."""
        nothing = Multipliers(self.fine, *(0 * self.fine,) * 3, np.zeros((len(DEGREES), self.fine.size, 1)), 0.0)
        odds = np.full((self.first.size, COSINES), np.inf)
        weight = 2 * self.kappa / (self.pairs.classes * self.pairs.strength)
        for (step, other), terms in corner_terms(nothing, weight).items():
            first, second = self.first + step, self.second + other
            there = (first >= 0) & (first < self.fine.size) & (second >= 0) & (second < self.fine.size)
            rate, level, c0, c1 = terms[:4, :, None]
            value = np.exp(rate * self.cosines - level) * (c0 + c1 * self.cosines)
            odds[there] = np.minimum(odds[there], value)
        return odds

    def _charges(self, found: Multipliers) -> Array:
        """Of all pairs of the checker's knots, at all cosines."""
        found, u, r = found.refined(), self.cosines, self.fine
        i, j = self.first, self.second
        H = [2 * np.einsum("nr,nr->n", factor[i], factor[j])[:, None] for factor in found.kernels]
        line = found.centring[i] * r[j] + found.centring[j] * r[i]
        bend = found.bend[i] * r[j] ** 2 + found.bend[j] * r[i] ** 2
        charge = self.odds + (found.share[i] + found.share[j])[:, None] + line[:, None] * u - bend[:, None] * u**2
        return np.asarray(charge - sum(h * u**degree for h, degree in zip(H, DEGREES, strict=True)))

    def _factor(self, triangle: Array) -> Array:
        """A factor (n, COLUMNS) of a kernel, from its upper triangle."""
        n = self.nodes.size
        H = np.zeros((n, n))
        H[self.k, self.l] = H[self.l, self.k] = triangle
        values, vectors = np.linalg.eigh(H)
        values, vectors = values[::-1][:COLUMNS], vectors[:, ::-1][:, :COLUMNS]
        out = np.zeros((n, COLUMNS))
        out[:, : values.size] = vectors * np.sqrt(np.maximum(values, 0.0))
        return out

    def _kernels(self, first: Array, second: Array) -> Array:
        """What the upper triangle of a kernel counts between points."""
        both = first[:, self.k] * second[:, self.l] + first[:, self.l] * second[:, self.k]
        return 0.5 * both * self.doubled

    def _classes(self) -> tuple[sparse.csr_matrix, Array]:
        """Constraints of classes and of signs, rows @ x <= limit."""
        K, p, cap, points = self.pairs.classes, self.pairs.power, self.box.cap(len(self.own)), self.at.size
        n, square = self.knots.size, self.at**2
        centring, bend = self.share + n, self.share + 2 * n
        rows: list[Array] = []
        right: list[Array] = []

        def add(parts: dict[int, Array], limit: Array) -> None:
            """Rows: the sum of blocks from their first columns <= limit."""
            block = np.zeros((limit.size, self.width))
            for start, part in parts.items():
                block[:, start : start + part.shape[1]] = part
            rows.append(block)
            right.append(limit)

        eye, column, weight = np.eye(points), square[:, None], hats(self.knots, self.at)
        kernel = hats(self.nodes, self.at)
        for s in cap * np.linspace(0.06, 1.0, VALUES) ** 1.4 if cap > 0 else ():
            add({1: column, 2: -column, bend: -s * weight, self.price: eye}, s ** (p - 1) * square)
        for number, (low, high) in enumerate(self.own):
            slope = (high**p - low**p) / (high - low)
            for s in (low, (low * high) ** 0.5, high):
                share = (s - low) / s
                lines = {3 + number: -column / s, bend: -s * weight, self.price: eye}
                if number:
                    lines |= {1: share * column, 2: -share * column}
                add(lines, slope * share * square)
        classes = {
            0: np.ones((points, 1)),
            self.share: (K - 1) * weight,
            centring: -self.at[:, None] * weight,
            bend: column * weight,
            self.price: -eye,
            self.kernel: np.tile(self._kernels(kernel, kernel), len(DEGREES)),
        }
        add(classes, np.zeros(points))
        signs = [*range(1, self.share), *range(bend, bend + n)]
        add({0: -np.eye(self.width)[signs]}, np.zeros(len(signs)))
        return sparse.csr_matrix(np.vstack(rows)), np.concatenate(right)

    def _pairs(self, used: NDArray[np.intp]) -> sparse.csr_matrix:
        """How share, centring, bend, and the kernels enter the charges of pairs, with a minus."""
        pair, cosine = np.divmod(used, COSINES)
        i, j, u = self.first[pair], self.second[pair], self.cosines[cosine, None]
        line, kernel = hats(self.knots, self.fine), hats(self.nodes, self.fine)
        first, second, r, other = line[i], line[j], self.fine[i, None], self.fine[j, None]
        parts = [np.zeros((u.size, self.share)), -first - second, -u * (other * first + r * second)]
        parts += [u**2 * (other**2 * first + r**2 * second), np.zeros((u.size, self.at.size))]
        kernels = self._kernels(kernel[i], kernel[j])
        return sparse.csr_matrix(np.hstack([*parts, *(2 * u**degree * kernels for degree in DEGREES)]))

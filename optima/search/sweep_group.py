"""The cells of one sweep that have the same classes: a pool of codes, tried in all of them, and passed on."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from optima.model import Array, DeepUFM
from optima.reduction import Reduction, balanced_factors
from optima.scales.batch import best_of_structures
from optima.search.descent import descend
from optima.search.effort import EFFORTS
from optima.search.hop import Hopper
from optima.search.ladder import search
from optima.search.neighbours import neighbours, spread
from optima.search.ranks import rank_one_bound
from optima.search.rung import RungPoint, verified
from optima.search.rung_objective import RungObjective
from optima.search.rungs import CEILING, CONTENDER, HOPELESS, steps_of
from optima.search.starts import best_scale, random_codes
from optima.search.tally import SAME
from optima.solution import Minimum, Rung, Solution
from optima.structures import catalogue
from optima.structures.recognition import recognise

Index = NDArray[np.intp]

# Cells for each one that is searched from scratch.
SHARE = 14
# Random starts of every cell on each rung that may hold its best minimum.
FRESH = {"quick": 1, "normal": 2, "thorough": 8}
# A code is descended from when, rescaled, it is at most this much (relative) above the best known in a cell.
NEAR = 0.1
# Most codes of the pool for one cell and rung.
MOST = 4
# Codes of the pool with losses this close (relative) in the middle cell are taken for one.
ALIKE = 1e-5
# Halvings of the ratio between the scales that a code is tried at.
REFINEMENTS = 4
# Logits that are rescaled together.
CHUNK = 2**21


class Group:
    """Cross-entropy problems with the same classes, class sizes and width, each with its own lambda and depth.

    ``codes[r]`` (C, 2, K, r) and ``losses[r]`` (C,) are the best known on rung r in each of the C cells, the loss
    infinite where nothing is known, and ``changed[r]`` (C,) says which of them the neighbours have not yet seen.
    """

    def __init__(self, problems: list[DeepUFM], seed: int, effort: str) -> None:
        self.problems, self.seed, self.effort = problems, seed, effort
        self.cells = [_one_sample(problem) for problem in problems]
        self.every = np.arange(len(problems))
        first = self.cells[0]
        self.objective = RungObjective.of(first)
        self.reg = np.array([Reduction(cell).reg for cell in self.cells])
        self.depth = np.array([float(cell.depth) for cell in self.cells])
        self.p = np.array([Reduction(cell).exponent for cell in self.cells])
        self.max_rank = min(first.max_rank, first.classes - 1)
        self.zero = Reduction(first).value(np.zeros((first.classes, first.classes)))
        self.losses: dict[int, Array] = {}
        self.codes: dict[int, Array] = {}
        self.changed: dict[int, NDArray[np.bool_]] = {}
        self.random: dict[int, list[list[float]]] = {}
        self.anchors = spread(self.depth, self.reg, max(1, round(len(problems) / SHARE)))
        self.candidates: list[dict[str, float]] = [{} for _ in problems]

    def solutions(self) -> list[Solution]:
        """The best minimum of every cell, in the order of the problems."""
        if self.problems[0].balanced:
            self._try_named()
        self._try_pool(self._pool())
        self._try_random()
        if not self.problems[0].balanced:
            self._exchange()
            self._hop()
        points: dict[int, RungPoint | None] = {}
        pending = self.every
        while pending.size:
            self._exchange()
            before = self.best
            points |= {int(cell): self._verify(int(cell)) for cell in pending}
            # A cell that left a saddle has something new to offer, to others and on its other rungs.
            pending = np.flatnonzero(self.best < before * (1 - SAME))
        return [self._solution(cell, points[cell]) for cell in range(len(self.cells))]

    @property
    def best(self) -> Array:
        """Lowest loss known in each cell, that of the zero logits included, shape (C,)."""
        return np.min([np.full(len(self.cells), self.zero), *self.losses.values()], axis=0)

    def _objective(self, cells: Index) -> RungObjective:
        base = self.objective
        return RungObjective(base.loss, self.reg[cells], self.p[cells], base.column, base.weight)

    def _keep(self, rank: int, cells: Index, codes: Array, losses: Array) -> None:
        """Take what is better than the codes known in some cells (which may occur several times)."""
        if rank not in self.losses:
            self.losses[rank] = np.full(len(self.cells), np.inf)
            self.codes[rank] = np.zeros((len(self.cells), *codes.shape[1:]))
            self.changed[rank] = np.zeros(len(self.cells), dtype=bool)
        for cell, code, loss in zip(cells, codes, losses, strict=True):
            if loss < self.losses[rank][cell]:
                self.changed[rank][cell] |= loss < self.losses[rank][cell] * (1 - SAME)
                self.losses[rank][cell], self.codes[rank][cell] = loss, code

    def _descend(self, rank: int, cells: Index, starts: Array) -> Array:
        """Descents in the cells; the losses where they ended, infinite where the rank dropped."""
        if not cells.size:
            return np.zeros(0)
        steps = steps_of(self.objective.classes)
        ends = descend(self._objective(cells), starts, steps, ceiling=self.best[cells] * (1 + CEILING))
        losses = np.where(ends.dropped | ~np.isfinite(ends.loss), np.inf, ends.loss)
        self._keep(rank, cells, ends.factors, losses)
        return losses

    def _try_named(self) -> None:
        """The named structures in every cell: their losses, and those near the best as they are."""
        structures = list(catalogue(self.objective.classes, None, "ce", self.cells[0].max_rank))
        found = best_of_structures(structures, self.depth, self.reg, np.ones(len(self.cells)))
        losses = np.array([best.fit + best.penalty for best in found])
        near = losses <= (1 + NEAR) * losses.min(axis=0)
        for i, structure in enumerate(structures):
            for cell, loss in enumerate(losses[i].tolist()):
                self.candidates[cell][structure.name] = loss
            ranks = np.array([block.rank for block in structure.blocks()], dtype=np.int64) @ (found[i].scales > 0)
            for rank in np.unique(ranks[near[i] & (ranks > 0)] if structure.blocks() else []):
                cells = np.flatnonzero(near[i] & (ranks == rank))
                means = [structure.shape(tuple(found[i].scales[:, cell])) for cell in cells]
                self._keep(int(rank), cells, balanced_factors(means, int(rank)), losses[i][cells])

    def _pool(self) -> dict[int, list[Array]]:
        """The minima on the ladders of the cells searched from scratch, by rank."""
        pool: dict[int, list[Array]] = {}
        for cell in self.anchors:
            solution = search(self.cells[cell], self.seed, self.effort, many=True, shared=True)
            for rung in solution.ladder:
                products = [minimum.means / self.objective.column for minimum in rung.minima]
                codes = balanced_factors(products, rung.rank)
                here = np.full(len(codes), cell)
                self._keep(rung.rank, here, codes, np.array([minimum.loss for minimum in rung.minima]))
                pool.setdefault(rung.rank, []).extend(codes)
        return pool

    def _try_pool(self, pool: dict[int, list[Array]]) -> None:
        """In each cell the few codes of the pool that are near its best one once they are rescaled."""
        for rank in sorted(pool):
            codes = self._distinct(np.array(pool[rank]))
            cells, rows = np.repeat(self.every, len(codes)), np.tile(np.arange(len(codes)), len(self.cells))
            starts, losses = self._rescaled(cells, codes[rows])
            place = np.argsort(np.argsort(losses.reshape(len(self.cells), -1), axis=1), axis=1).ravel()
            chosen = (losses <= (1 + NEAR) * self.best[cells]) & (place < MOST)
            self._descend(rank, cells[chosen], starts[chosen])

    def _distinct(self, codes: Array) -> Array:
        """Codes of one rank without those that are alike in the first of the anchors."""
        losses = self._rescaled(np.full(len(codes), self.anchors[0]), codes)[1]
        kept: list[int] = []
        for i, loss in enumerate(losses):
            if all(abs(loss - losses[j]) > ALIKE * loss for j in kept):
                kept.append(i)
        return codes[kept]

    def _rescaled(self, cells: Index, codes: Array) -> tuple[Array, Array]:
        """Codes at their best scales in the cells, and their losses there."""
        step = max(1, CHUNK // self.objective.classes**2)
        parts = [
            best_scale(self._objective(cells[i : i + step]), codes[i : i + step], REFINEMENTS)
            for i in range(0, len(cells), step)
        ]
        return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])

    def _try_random(self) -> None:
        """A few random codes in every cell, from one rank below its near-best rungs to one above them."""
        if not self.losses:
            # Every search from scratch ended at the zero logits.
            return
        low, high = self._window()
        for rank in range(1, self.max_rank + 1):
            cells = np.flatnonzero((low <= rank) & (rank <= high))
            if rank == 1 and self.max_rank > 1:
                cells = cells[self.best[cells] > rank_one_bound(self.objective.weight)]
            if cells.size:
                cells = np.repeat(cells, FRESH[self.effort])
                rng = np.random.default_rng([self.seed, rank])
                starts = random_codes(self._objective(cells), rank, len(cells), rng)
                ends = self._descend(rank, cells, starts)
                self.random[rank] = [ends[cells == cell].tolist() for cell in self.every]

    def _window(self) -> tuple[Array, Array]:
        """For each cell the ranks next to the least and the greatest rank that is not hopeless."""
        ranks = np.array(sorted(self.losses))
        good = np.array([self.losses[rank] for rank in ranks]) <= (1 + HOPELESS) * self.best
        low = np.where(good, ranks[:, None], self.max_rank).min(axis=0)
        high = np.where(good, ranks[:, None], 2).max(axis=0)
        return low - 1, high + 1

    def _hop(self) -> None:
        """In every cell, on its rungs near the best one, local searches by exchanges of classes and by kicks."""
        classes = self.objective.classes
        effort = EFFORTS[self.effort]
        for cell in range(len(self.cells)):
            for rank in sorted(self.losses):
                if self.losses[rank][cell] <= self.best[cell] * (1 + CONTENDER):
                    rng = np.random.default_rng([self.seed, rank, cell, len(self.cells)])
                    hopper = Hopper(self._objective(np.array([cell])), rank, rng, steps_of(classes))
                    loss, code = float(self.losses[rank][cell]), self.codes[rank][cell]
                    hopper.begin(loss, code)
                    hopper.improve(loss, code)
                    hopper.search(effort.kicks(self.cells[cell]), effort.work / classes**2)
                    self._keep(rank, np.array([cell]), hopper.factors[None], np.array([hopper.loss]))

    def _exchange(self) -> None:
        """Every cell tries the new codes of its neighbours, rung by rung, until none improves."""
        to, source = neighbours(self.depth, self.reg)
        while any(changed.any() for changed in self.changed.values()):
            for rank in sorted(self.losses):
                best, losses, new = self.best, self.losses[rank], self.changed[rank].copy()
                self.changed[rank][:] = False
                offered = new[source] & (losses[source] <= (1 + CEILING) * best[source])
                if offered.any():
                    cells = to[offered]
                    starts, values = self._rescaled(cells, self.codes[rank][source[offered]])
                    chosen = values <= (1 + NEAR) * best[cells]
                    self._descend(rank, cells[chosen], starts[chosen])

    def _verify(self, cell: int) -> RungPoint | None:
        """The polished best minimum of a cell; None where that is the zero logits."""
        objective = self._objective(np.array([cell]))
        for rank in sorted(self.losses, key=lambda rank: self.losses[rank][cell]):
            if not self.losses[rank][cell] < self.zero:
                break
            point = verified(objective, self.codes[rank][cell])
            if point.verdict != "rank dropped":
                # The polished point is kept also where rounding makes it seem the higher one.
                self.losses[rank][cell] = np.inf
                self._keep(rank, np.array([cell]), point.factors[None], np.array([point.loss]))
                return point if point.loss < self.zero else None
            self.losses[rank][cell] = np.inf
        return None

    def _solution(self, cell: int, point: RungPoint | None) -> Solution:
        problem = self.problems[cell]
        means = np.zeros((problem.classes, problem.classes))
        if point is not None:
            means = point.product * self.objective.column
        found = recognise(means, rank=0 if point is None else point.rank)
        ladder = self._ladder(cell, point, found.name) if point is not None else ()
        known = self._known_by(cell)
        return Solution(problem, means, found, ladder, self.candidates[cell], known, self.seed, self.effort, 0.0)

    def _ladder(self, cell: int, point: RungPoint, name: str) -> tuple[Rung, ...]:
        """The rung of the best minimum, and the best codes known on the other rungs that are not hopeless."""
        ladder = []
        for rank in sorted(self.losses):
            loss = float(self.losses[rank][cell])
            ends = self.random[rank][cell] if rank in self.random else []
            hits = sum(abs(end - loss) <= SAME * loss for end in ends)
            A, B = self.codes[rank][cell]
            means = A @ B.T * self.objective.column
            if rank == point.rank:
                minimum = Minimum(loss, point.verdict, point.gradient_norm, point.curvature, hits, means, rank, name)
            elif loss <= (1 + HOPELESS) * point.loss:
                minimum = Minimum(loss, "unverified", math.nan, math.nan, hits, means, rank)
            else:
                continue
            ladder.append(Rung(rank, (minimum,), len(ends), sum(map(math.isinf, ends)), math.nan))
        return tuple(ladder)

    def _known_by(self, cell: int) -> str:
        starts = sum(len(ends[cell]) for ends in self.random.values())
        return (
            f"best in a sweep of {len(self.cells)} cells: {starts} random starts here, the minima of "
            f"{len(self.anchors)} cells searched from scratch, the named structures and the codes of the neighbours"
        )


def _one_sample(problem: DeepUFM) -> DeepUFM:
    """The balanced problem with one sample a class and the same class-mean logits; others as they are."""
    if not problem.balanced:
        return problem
    return DeepUFM(problem.classes, problem.depth, Reduction(problem).effective_reg, 1, problem.width, problem.loss)

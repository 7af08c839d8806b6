"""The search for codes of margin one with the least Schatten quasi-norm, rung by rung of the ladder of ranks."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from optima.model import Array
from optima.reduction import balanced_factors
from optima.search.interior_point import (
    SHORT,
    Codes,
    Seen,
    at_margin_one,
    continued,
    exponents,
    first_gaps,
    margins,
    norm,
    solve_margins,
    spectrum,
)
from optima.search.moves import shaken
from optima.structures import catalogue


@dataclass(frozen=True)
class Effort:
    """How hard to look: random starts on a rung, and rounds of kicks without success after which its search ends."""

    starts: int
    rounds: int


EFFORTS = {"quick": Effort(12, 12), "normal": Effort(24, 16), "thorough": Effort(64, 24)}
# Residual of the Lagrangian's gradient below which a code is a local solution.
STATIONARY = 1e-7
# Values this close (relative) are taken for one code.
SAME = 1e-9
# Noise on the named structures, in units of the root mean square of their entries, and how many best codes are kicked.
NOISE, KICKED = 0.02, 3
# Most classes that a kick moves, and the share of them moved along few coordinates, and of coordinates left at zero.
MOVED, SPARSE = 3, 0.5
# Kicked codes are followed from the exponents at these shares of the way from one down to p: few that start at p itself
# end at a local solution, and from p = 1 many fall back.
LEVELS = (0.25, 0.5, 0.75, 1.0)
# A round of kicks is this share of a rung's starts for each of these exponents.
SHARE = 3
# Codes that differ by little lie on one central path at larger gaps: as many shakes of the best code, of this size, are
# solved from this gap.
SHAKEN, NARROW_GAP = 0.15, 1e-5
# Least and largest margin of a class that is raised along a new dimension.
HEIGHTS = (0.1, 2.0)
# Distance of the second factor from the first in every other random start.
ASYMMETRY = 0.2
# A rung is hopeless when its best value is this much (relative) above that of a lower one.
HOPELESS = 0.02
# Hopeless rungs in a row after which the climb ends.
PATIENCE = 2
# Ranks are visited one by one up to this many times the step between them.
FINE = 12
# Starts on a rung times the cube of its unknowns, at most (and two starts at least).
WORK = 2e9
# A smallest singular value this small, relative to the largest, counts as zero.
ZERO = 1e-9


class MarginSearch:
    """Best codes found on the rungs of the ladder at K classes for the exponent p (zero for sum log s)."""

    def __init__(self, classes: int, p: float, seed: int, effort: Effort) -> None:
        self.classes, self.p, self.seed, self.effort = classes, p, seed, effort
        self.named = _named(classes)
        self.powers = exponents(p)
        self.seen: defaultdict[int, Seen] = defaultdict(Seen)
        self.rungs: dict[int, Codes] = {}
        # Rungs on which no local solution and no named structure is known.
        self.makeshift: set[int] = set()
        self.starts = 0

    def best(self, rank: int) -> float:
        """Least value found on a rung."""
        return float(self.rungs[rank].value[0])

    def rung(self, rank: int) -> None:
        """Search one rung, and lightly the one below, whose codes are starts."""
        if rank > 2:
            self._visit(rank - 1, 0)
        self._visit(rank, self.effort.rounds)

    def climb(self) -> None:
        """Rung by rung upwards until several in a row are hopeless, then with more kicks on those close to the best."""
        rank, hopeless = 2, 0
        while rank < self.classes and hopeless < PATIENCE:
            below = min((self.best(lower) for lower in self.rungs), default=np.inf)
            self._visit(rank, 0)
            hopeless = hopeless + 1 if self.best(rank) > below * (1 + HOPELESS) else 0
            rank += max(1, rank // FINE)
        for rank in sorted(self.named):
            if rank not in self.rungs and self._named_value(rank) <= self._least() * (1 + HOPELESS):
                self._visit(rank, 0)
        for rank in sorted(self.rungs, key=self.best):
            if self.best(rank) <= self._least() * (1 + HOPELESS):
                self._kick(rank, self.effort.rounds)

    def _least(self) -> float:
        return min(self.best(rank) for rank in self.rungs)

    def _named_value(self, rank: int) -> float:
        return float(norm(spectrum(at_margin_one(balanced_factors(self.named[rank], rank))[0]), self.p).min())

    def _visit(self, rank: int, rounds: int) -> None:
        rng = np.random.default_rng([self.seed, rank])
        count = self._count(rank)
        random = self._random(rank, count, rng)
        shapes = self.named.get(rank, []) + _pairs_and_alone(self.classes, rank)
        named = balanced_factors(shapes, rank) if shapes else random[:0]
        size = NOISE * np.sqrt(np.mean(named**2, axis=(1, 2, 3), keepdims=True))
        if len(named):
            self._keep(rank, *self._below(named))
        self._follow(rank, named + size * rng.standard_normal(named.shape), len(self.powers) - 1)
        self._follow(rank, np.concatenate([random, self._lifted(rank, count, rng)]), 0)
        if rank not in self.rungs:
            self._keep(rank, solve_margins(random, first_gaps(count), self.p))
        self._kick(rank, rounds)

    def _below(self, named: Array) -> tuple[Codes, int]:
        """Local solutions below named structures, and how many structures come first that lead to none.

        Those from which long steps lose rank are solved again with short ones.
        """
        found = solve_margins(named, first_gaps(len(named)), self.p)
        left = np.flatnonzero(found.residual > STATIONARY)
        if not left.size:
            return found, 0
        again = solve_margins(named[left], first_gaps(left.size), self.p, SHORT)
        solved = again.residual <= STATIONARY
        factors = at_margin_one(named[left[~solved]])[0]
        stay = Codes(factors, norm(spectrum(factors), self.p), np.full(len(factors), np.inf))
        reached = found.take(np.flatnonzero(found.residual <= STATIONARY)).join(again.take(np.flatnonzero(solved)))
        return stay.join(reached), len(factors)

    def _kick(self, rank: int, rounds: int) -> None:
        """Solve again from the best codes with noise, until nothing better comes several times in a row."""
        rng = np.random.default_rng([self.seed, rank, rounds])
        count, failures = max(1, self._count(rank) // SHARE) * len(LEVELS), 0
        while failures < rounds:
            before = self.best(rank)
            best = self.rungs[rank].factors[:KICKED]
            starts = self._relocated(best[np.arange(count) % len(best)], rng)
            for k, level in enumerate(LEVELS):
                self._follow(rank, starts[k :: len(LEVELS)], round(level * (len(self.powers) - 1)))
            nearby = shaken(best[0], SHAKEN, count // len(LEVELS), rng)
            self.starts += len(nearby)
            self._keep(rank, solve_margins(nearby, np.full(len(nearby), NARROW_GAP), self.p))
            failures = 0 if self.best(rank) < before - SAME * abs(before) else failures + 1

    def _follow(self, rank: int, starts: Array, level: int) -> None:
        """Local solutions at the end of the paths of some starts, from one of the exponents on."""
        self.starts += len(starts)
        points, gaps = continued(starts, first_gaps(len(starts)), self.powers[level:], self.seen[rank])
        if len(points):
            self._keep(rank, solve_margins(points, gaps, self.p))

    def _relocated(self, factors: Array, rng: np.random.Generator) -> Array:
        """The codes with one to three classes at random places, half of them on few singular vectors."""
        out = factors.copy()
        rank = out.shape[3]
        for point in out:
            radius = np.linalg.norm(point, axis=2).mean(axis=1)
            for c in rng.choice(self.classes, min(self.classes, int(rng.integers(1, MOVED + 1))), replace=False):
                direction = rng.standard_normal((rank,))
                if rng.random() < SPARSE:
                    kept = np.asarray(rng.random(rank) >= SPARSE)
                    kept[rng.integers(rank)] = True
                    direction = np.where(kept, direction, 0.0)
                point[:, c] = radius[:, None] * direction / np.linalg.norm(direction)
        return out

    def _count(self, rank: int) -> int:
        unknowns = 2 * self.classes * rank
        return int(np.clip(WORK // unknowns**3, 2, self.effort.starts))

    def _random(self, rank: int, count: int, rng: np.random.Generator) -> Array:
        """Points on the sphere, which are codes of positive margins; every other one with factors that differ."""
        A = rng.standard_normal((count, self.classes, rank))
        A /= np.linalg.norm(A, axis=2, keepdims=True)
        noise = rng.standard_normal(A.shape) * (np.arange(count) % 2)[:, None, None] / np.sqrt(rank)
        same, apart = np.stack([A, A], axis=1), np.stack([A, A + ASYMMETRY * noise], axis=1)
        return np.where(at_margin_one(apart)[1][:, None, None, None], same, apart)

    def _lifted(self, rank: int, count: int, rng: np.random.Generator) -> Array:
        """The best codes of the rung below with one class raised, or two apart, along a new dimension."""
        if rank - 1 not in self.rungs:
            return np.zeros((0, 2, self.classes, rank))
        below = self.rungs[rank - 1].factors[:KICKED]
        extra = np.zeros((count, 2, self.classes, 1))
        for k, height in enumerate(np.geomspace(*HEIGHTS, count)):
            first, second = rng.choice(self.classes, 2, replace=False)
            extra[k, :, first] = np.sqrt(height)
            extra[k, :, second] = -np.sqrt(height) * (k % 2)
        return np.concatenate([below[np.arange(count) % len(below)], extra], axis=3)

    def _keep(self, rank: int, found: Codes, named: int = 0) -> None:
        """All different codes of a rung, best first: local solutions, and the first ``named`` whatever they are.

        Others are kept only while nothing else is known: near a code of lower rank values have no minimum.
        """
        good = (found.residual <= STATIONARY) | (np.arange(len(found.value)) < named)
        if good.any():
            found = found.take(np.flatnonzero(good))
            if rank not in self.makeshift and rank in self.rungs:
                found = self.rungs[rank].join(found)
            self.makeshift.discard(rank)
        elif rank in self.rungs:
            return
        else:
            self.makeshift.add(rank)
        order = np.argsort(found.value, kind="stable")
        values = found.value[order]
        new = np.concatenate([[True], np.diff(values) > SAME * np.abs(values[1:])])
        self.rungs[rank] = found.take(order[new & np.isfinite(values)])


def _named(classes: int) -> dict[int, list[Array]]:
    """Shapes of the named structures with positive margins, by rank."""
    found: dict[int, list[Array]] = {}
    for structure in catalogue(classes):
        shape = np.asarray(structure.shape(), dtype=float)
        shape = shape - shape.mean(axis=0)
        s = np.linalg.svd(shape, compute_uv=False)
        rank = int(np.sum(s > ZERO * s[0]))
        if rank and margins(shape).min() > ZERO * s[0]:
            found.setdefault(rank, []).append(shape)
    return found


def _pairs_and_alone(classes: int, rank: int) -> list[Array]:
    """Pairs of opposite classes beside classes alone, each on an axis of its own, where two pairs and one fit a rank.

    Local solutions, below all that other starts lead to on many rungs at p of 1/4 and less.
    """
    pairs = classes - rank
    if not 2 <= pairs < classes / 2:
        return []
    shape = np.eye(classes)
    first = 2 * np.arange(pairs)
    shape[first, first + 1] = shape[first + 1, first] = -1.0
    return [shape - shape.mean(axis=0)]

"""Search of one rung from minimum to minimum: exchanges of classes until none improves, then a kick, and again."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from optima.model import Array
from optima.search import moves
from optima.search.descent import STEPS, descend
from optima.search.rung_objective import RungObjective
from optima.search.starts import centred, random_codes, scaled

# Steps after which descents are compared, and of how many the best few are followed to their end.
FEW_STEPS, TOGETHER, FOLLOWED = 25, 32, 6
# Most exchanges that are descended from before a code counts as one that no exchange improves.
TRIED = 96
# Descents a kick that draws at random begins with; the best of them goes on.
DRAWN = 8
# An end this much below (relative) is better, not the same one again.
BETTER = 1e-9
# Ends this close (relative) to the best are the best met again.
SAME = 1e-7
# Local searches from random codes that meet the best end and so halve the patience.
CONVINCING = 3
# A descent this much above (relative) what it should improve on is given up after its first steps.
CEILING = 2e-3
# Ends this little above (relative) where their kick began are gone on from when the search wanders.
UPHILL = 1e-3
# Its patience and its work, in units of those before.
LONGER, FURTHER = 2, 3
# Ways to leave an end: all classes move a little or more, one or two go elsewhere, some change places.
EXCHANGED = ("gentle", "relocated", "strong", "ring", "pairs")
# With random codes between; places of classes of several sizes make many basins, of which these find others.
IN_TURN = ("gentle", "relocated", "fresh", "strong")
UNEQUAL_IN_TURN = tuple(way for kick in EXCHANGED for way in (kick, "fresh"))


class Hopper:
    """A search from minimum to minimum on one rung of one problem.

    ``loss`` and ``factors`` (2, K, r) are the best end, ``ends`` the losses where the local searches ended, in order.
    ``work`` counts the steps of all descents, in units of one whole descent.
    """

    def __init__(self, objective: RungObjective, rank: int, rng: np.random.Generator, steps: int = STEPS) -> None:
        self.objective, self.rank, self.rng, self.steps = objective, rank, rng, steps
        self.exchanges = moves.exchanges(objective, rng)
        self.unequal = len(self.exchanges) > 0
        self.loss, self.factors, self.begun = math.inf, np.zeros((2, objective.classes, rank)), math.inf
        self.ends: list[float] = []
        # Of these, the ends that began at random codes: kicks of the best end often just fall back to it.
        self.independent: list[float] = []
        self.work = 0.0
        self.kicks = 0

    @property
    def met(self) -> int:
        """Local searches that came to the best loss from elsewhere."""
        return sum(end <= self.loss * (1 + SAME) for end in self.ends)

    @property
    def confirmed(self) -> int:
        """Local searches from random codes that came to the best loss."""
        return sum(end <= self.loss * (1 + SAME) for end in self.independent)

    @property
    def stale(self) -> int:
        """Local searches since the best loss was first reached."""
        if self.loss < self.begun * (1 - SAME):
            return len(self.ends) - 1 - next(i for i, end in enumerate(self.ends) if end <= self.loss * (1 + SAME))
        return len(self.ends)

    def begin(self, loss: float, factors: Array) -> None:
        """The minimum to begin from; it does not count as the end of a search."""
        self.loss, self.factors, self.begun = loss, factors, loss

    def improve(self, loss: float, factors: Array) -> None:
        """A local search from a minimum."""
        loss, factors = self.local(loss, factors)
        self.ends.append(loss)
        if loss < self.loss:
            self.loss, self.factors = loss, factors

    def search(self, patience: int, most: float) -> None:
        """:meth:`hop`, and where classes differ in size and few random codes come to the best end :meth:`wander`."""
        self.hop(patience, most)
        if self.unequal and self.confirmed < CONVINCING:
            self.wander(LONGER * patience, FURTHER * most)

    def hop(self, patience: int, most: float) -> None:
        """Kicks of the best end, each followed by a local search.

        Ends after ``patience`` of them in a row without a better end, or fewer the more often random codes came to the
        best one again (half as many when three did), or when the work exceeds ``most``.
        """
        order = UNEQUAL_IN_TURN if self.unequal else IN_TURN
        while self.work < most and self.stale * (1 + self.confirmed / CONVINCING) < patience:
            way, loss, factors = self.kick(order, self.loss, self.factors)
            if loss > self.loss * (1 + SAME) or loss < self.loss * (1 - SAME):
                self.improve(loss, factors)
            else:
                # A kick that falls back at once tells nothing; a random code that comes to the best minimum does.
                self.ends.append(loss if way == "fresh" else math.inf)
            if way == "fresh":
                self.independent.append(self.ends[-1])

    def wander(self, patience: int, most: float) -> None:
        """Kicks of the last end that was little worse than the one before, and a local search after each.

        The best ends of many classes lie in a valley with ends that are a little worse between them: from the best one
        met so far kicks fall back to it. Ends after ``patience`` kicks in a row without an end better than all before,
        or when the further work exceeds ``most``.
        """
        loss, factors, begun, quiet = self.loss, self.factors, self.work, 0
        while self.work < begun + most and quiet < patience:
            end, point = self.local(*self.kick(EXCHANGED, loss, factors)[1:])
            # One that falls back to where it began tells nothing.
            self.ends.append(math.inf if abs(end - loss) <= SAME * loss else end)
            quiet += 1
            if end < self.loss * (1 - SAME):
                quiet = 0
            if end < self.loss:
                self.loss, self.factors = end, point
            if end < loss * (1 + UPHILL):
                loss, factors = end, point

    def local(self, loss: float, factors: Array) -> tuple[float, Array]:
        """Exchange the places of two classes, several pairs at once where that is better, until none improves."""
        improved = len(self.exchanges) > 0
        while improved:
            tried = moves.most_promising(self.objective, factors, self.exchanges, TRIED)
            improved = False
            for i in range(0, len(tried), TOGETHER):
                better = self._improved(loss, factors, tried[i : i + TOGETHER])
                if better is not None:
                    loss, factors = better
                    improved = True
                    break
        return loss, factors

    def _improved(self, loss: float, factors: Array, tried: moves.Permutations) -> tuple[float, Array] | None:
        points, losses = self._descend(moves.permuted(self.objective, factors, tried), FEW_STEPS)
        order = np.argsort(losses, kind="stable")[:FOLLOWED]
        order = order[np.isfinite(losses[order])]
        if not order.size:
            return None
        points, losses = self._descend(points[order], self.steps, loss * (1 + CEILING))
        good = np.argsort(losses, kind="stable")
        good = good[losses[good] < loss * (1 - BETTER)]
        if not good.size:
            return None
        best = float(losses[good[0]]), points[good[0]]
        if good.size > 1:
            together = moves.disjoint(tried[order[good]])
            points, losses = self._descend(moves.permuted(self.objective, factors, together[None]), self.steps)
            best = min(best, (float(losses[0]), points[0]), key=lambda end: end[0])
        return best

    def kick(self, order: Sequence[str], loss: float, factors: Array) -> tuple[str, float, Array]:
        """Leave an end, in one of the ways in turn; the way, and the least loss of the descents that is another.

        Where classes have one size the least loss of all: there is no local search that would need another minimum.
        """
        way = order[self.kicks % len(order)]
        self.kicks += 1
        starts = scaled(self.objective, centred(self.objective, self._kicked(way, factors)))
        points, losses = self._descend(starts, self.steps)
        same = (np.abs(losses - loss) <= SAME * loss) & self.unequal
        first = np.lexsort((losses, same))[0]
        return way, float(losses[first]), points[first]

    def _kicked(self, way: str, factors: Array) -> Array:
        objective, rng = self.objective, self.rng
        match way:
            case "gentle":
                return moves.shaken(factors, moves.GENTLE, DRAWN, rng)
            case "strong":
                return moves.shaken(factors, moves.STRONG, DRAWN, rng)
            case "relocated":
                return moves.relocated(objective, factors, DRAWN, rng)
            case "ring":
                return moves.cycled(objective, factors, rng)
            case "pairs":
                return moves.exchanged(objective, factors, rng)
            case _:
                return random_codes(objective, self.rank, DRAWN, rng)

    def _descend(self, starts: Array, steps: int, ceiling: float = np.inf) -> tuple[Array, Array]:
        """Ends of descents; their losses, infinite where rank is lost."""
        self.work += len(starts) * steps / self.steps
        ends = descend(self.objective, starts, steps, ceiling=ceiling)
        return ends.factors, np.where(ends.dropped | ~np.isfinite(ends.loss), np.inf, ends.loss)

"""Search of one rung from minimum to minimum: exchanges of classes until none improves, then a kick, and again."""

from __future__ import annotations

import math

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


class Hopper:
    """A search from minimum to minimum on one rung of one problem.

    ``loss`` and ``factors`` (2, K, r) are the best end, ``ends`` the losses where the local searches ended, in order.
    ``work`` counts the steps of all descents, in units of one whole descent.
    """

    def __init__(self, objective: RungObjective, rank: int, rng: np.random.Generator, steps: int = STEPS) -> None:
        self.objective, self.rank, self.rng, self.steps = objective, rank, rng, steps
        self.exchanges = moves.exchanges(objective, rng)
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

    def hop(self, patience: int, most: float) -> None:
        """Kicks of the best end, each followed by a local search.

        Ends after ``patience`` of them in a row without a better end, or fewer the more often random codes came to the
        best one again (half as many when three did), or when the work exceeds ``most``.
        """
        while self.work < most and self.stale * (1 + self.confirmed / CONVINCING) < patience:
            way, loss, factors = self.kick()
            if loss > self.loss * (1 + SAME) or loss < self.loss * (1 - SAME):
                self.improve(loss, factors)
            else:
                # A kick that falls back at once tells nothing; a random code that comes to the best minimum does.
                self.ends.append(loss if way == "fresh" else math.inf)
            if way == "fresh":
                self.independent.append(self.ends[-1])

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

    def kick(self) -> tuple[str, float, Array]:
        """Leave the best end, in one of six ways in turn; the way, and the least loss of the descents that is another.

        Where classes have one size the least loss of all: there is no local search that would need another minimum.
        """
        objective, factors, rng = self.objective, self.factors, self.rng
        ways = {
            "gentle": lambda: moves.shaken(factors, moves.GENTLE, DRAWN, rng),
            "relocated": lambda: moves.relocated(objective, factors, DRAWN, rng),
            "fresh": lambda: random_codes(objective, self.rank, DRAWN, rng),
            "strong": lambda: moves.shaken(factors, moves.STRONG, DRAWN, rng),
        }
        unequal = len(self.exchanges) > 0
        if unequal:
            ways |= {
                "ring": lambda: moves.cycled(objective, factors, rng),
                "pairs": lambda: moves.exchanged(objective, factors, rng),
            }
        order = list(ways)
        if unequal:
            # Places of classes make many basins: every other search begins at random codes.
            order = [way for other in order if other != "fresh" for way in (other, "fresh")]
        way = order[self.kicks % len(order)]
        self.kicks += 1
        points, losses = self._descend(scaled(objective, centred(objective, ways[way]())), self.steps)
        same = (np.abs(losses - self.loss) <= SAME * self.loss) & unequal
        first = np.lexsort((losses, same))[0]
        return way, float(losses[first]), points[first]

    def _descend(self, starts: Array, steps: int, ceiling: float = np.inf) -> tuple[Array, Array]:
        """Ends of descents; their losses, infinite where rank is lost."""
        self.work += len(starts) * steps / self.steps
        ends = descend(self.objective, starts, steps, ceiling=ceiling)
        return ends.factors, np.where(ends.dropped | ~np.isfinite(ends.loss), np.inf, ends.loss)

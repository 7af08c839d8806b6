"""What the descents on one rung of the ladder found."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from optima.model import Array
from optima.search.rung import RungPoint

# Losses this close (relative) are taken for one minimum.
SAME = 1e-7


@dataclass
class Tally:
    """What the descents on one rung found: distinct ends by loss, with their number of hits.

    ``reached`` is the least loss that a random start came to, be it on the way to a lower rank.
    """

    rank: int
    losses: list[float] = field(default_factory=list)
    factors: list[Array] = field(default_factory=list)
    hits: list[int] = field(default_factory=list)
    settled: list[bool] = field(default_factory=list)
    random: int = 0
    dropped: int = 0
    reached: float = math.inf
    searches: int = 0
    met_again: int = 0
    points: dict[int, RungPoint] = field(default_factory=dict)

    def add(self, loss: float, factors: Array, counted: bool, settled: bool = True) -> None:
        """Record an end; only those of random starts count as hits."""
        for i, known in enumerate(self.losses):
            if abs(loss - known) <= SAME * known:
                self.hits[i] += counted
                self.settled[i] |= settled
                if loss < known:
                    self.losses[i], self.factors[i] = loss, factors
                return
        self.losses.append(loss)
        self.factors.append(factors)
        self.hits.append(int(counted))
        self.settled.append(settled)

    @property
    def best(self) -> float:
        """Lowest loss, infinite when nothing was found."""
        return min(self.losses, default=math.inf)

    @property
    def minima(self) -> list[float]:
        """Losses at which random starts came to rest: no saddles, which they would have left."""
        return [
            loss for loss, hits, settled in zip(self.losses, self.hits, self.settled, strict=True) if hits and settled
        ]

    def lowest(self, count: int) -> list[Array]:
        """The codes with the least losses."""
        return [self.factors[i] for i in np.argsort(self.losses, kind="stable")[:count]]

    @property
    def met(self) -> int:
        """Random starts and local searches that ended at the best minimum."""
        return (self.hits[int(np.argmin(self.losses))] if self.losses else 0) + self.met_again

    @property
    def unseen(self) -> float:
        """What stops the random starts: a rough chance that one more ends in a better minimum not seen before.

        It is no probability: codes that random starts hardly reach do not show in it. The mass of unseen basins is
        about the share of minima met once (Good and Turing), and a new minimum ranks above all D seen with chance
        1 / (D + 1); one is added to be careful with few starts. Starts that lose rank count: their end is met often.
        """
        return self._doubt / (self.random + 2)

    def enough(self, allowed: float) -> int:
        """Random starts that bring ``unseen`` down to ``allowed`` where none of them is a minimum not seen before."""
        return math.ceil(self._doubt / allowed - 2)

    @property
    def _doubt(self) -> float:
        seen = [count for count in self.hits if count]
        return (sum(count == 1 for count in seen) + 1) / (len(seen) + 1)

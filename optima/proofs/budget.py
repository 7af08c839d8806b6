"""How much work a proof may take: boxes, which are the same on every machine, and only on request the clock."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from optima.model.inputs import positive_integer, positive_number
from optima.proofs.best_first import BestFirst

# Boxes of a proof, some minutes for four classes; of the bound that every solution carries, about a second.
BOXES, CHEAP_BOXES = 600_000, 3_000
# Bytes a box takes, with its tree node.
BOX_BYTES = 700


@dataclass(frozen=True)
class Budget:
    """Limits of a search; it ends after the batch of boxes that reaches one of them.

    ``boxes`` and ``memory`` (in GiB) count boxes, those of an interrupted search included; only ``seconds`` depend on
    the machine and its load.
    """

    boxes: float = BOXES
    memory: float = 4.0
    seconds: float = math.inf

    @property
    def most(self) -> float:
        """Boxes that both limits allow."""
        return min(self.boxes, self.memory * 2**30 / BOX_BYTES)

    def part(self, share: float) -> Budget:
        """A share of the work."""
        return replace(self, boxes=share * self.boxes, seconds=share * self.seconds)

    def less(self, searches: Iterable[BestFirst]) -> Budget:
        """What searches have left."""
        left = self
        for search in searches:
            left = replace(left, boxes=left.boxes - search.size, seconds=left.seconds - search.seconds)
        return left

    def ended(self, search: BestFirst) -> str:
        """Why a search ended, in words."""
        if search.done:
            return "all boxes are closed"
        if search.size >= self.boxes:
            return f"stopped after {search.size} boxes"
        if search.size >= self.most:
            return f"stopped at {self.memory:g} GiB"
        if search.seconds >= self.seconds:
            return "stopped by the clock"
        return "stopped where floats are too short"


def budget_of(boxes: int | None, memory: float, minutes: float | None, default: float = BOXES) -> Budget:
    """The budget that a user asks for: without boxes there are ``default``, or where minutes are given no limit.

    Raises ValueError for numbers that are not positive.
    """
    if boxes is not None:
        most: float = positive_integer("boxes", boxes)
    else:
        most = default if minutes is None else math.inf
    seconds = math.inf if minutes is None else 60 * positive_number("minutes", minutes)
    return Budget(most, positive_number("memory", memory), seconds)

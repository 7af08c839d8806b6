"""What both searches over boxes share: those with the least bounds are split first, until a target is proved."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from optima.model import Array
from optima.model.rows import Rows
from optima.progress import Tell, silent
from optima.proofs.tree import Tree

# Boxes bounded together.
BATCH = 4096


@dataclass
class OpenBoxes(Rows):
    """Boxes still to be split: nodes in the tree, corners, and lower bounds."""

    node: NDArray[np.int64]
    low: Array
    high: Array
    bound: Array


class BestFirst(ABC):
    """Best-first search for a proof that nothing is better than ``target``.

    ``bound`` is the least bound of all boxes, open or closed, capped by the target: valid at any time.
    """

    target: float
    open: OpenBoxes
    tree: Tree
    seconds = 0.0
    # The work allowed.
    most, longest = np.inf, np.inf

    @property
    def bound(self) -> float:
        """Lower bound of the minimum, at most the target."""
        return min(self.target, float(self.open.bound.min(initial=np.inf)))

    @property
    def done(self) -> bool:
        """Whether the target has been proved."""
        return not self.open.node.size

    @property
    def size(self) -> int:
        """Boxes of the tree, split ones and those closed unbounded included: the work done."""
        return len(self.tree)

    @property
    def fraction(self) -> float | None:
        """The part of the work allowed that is done; None where nothing limits it."""
        return min(1.0, max(self.size / self.most, self.seconds / self.longest)) or None

    @abstractmethod
    def _split(self, chosen: NDArray[np.bool_]) -> None:
        """Put the halves of some of the open boxes in their place."""

    def run(
        self,
        most_boxes: float = np.inf,
        seconds: float = np.inf,
        progress: Tell[Self] = silent,
    ) -> None:
        """Split boxes until the target is proved, or those of an earlier run included there are ``most_boxes``.

        ``seconds`` of work, likewise in all, end it on request only: what is reached in them depends on the machine.
        """
        start = time.perf_counter() - self.seconds
        self.most, self.longest = most_boxes, seconds
        while not self.done and self.size < most_boxes and self.seconds < seconds:
            size, before = self.size, self.open
            try:
                self._split(_smallest(before.bound, BATCH))
            except BaseException:
                # An interrupt leaves the search as it was before the step.
                if self.open is before:
                    self.tree.forget(size, before.node)
                raise
            self.seconds = time.perf_counter() - start
            progress(self)


def _smallest(bound: Array, most: int) -> NDArray[np.bool_]:
    """Which of the boxes, ``most`` at the most, have the smallest bounds (N,)."""
    chosen = np.ones(bound.size, dtype=bool)
    if chosen.size > most:
        chosen[:] = False
        chosen[np.argpartition(bound, most)[:most]] = True
    return chosen

"""The minima that a search has met, best first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optima.model import Array
from optima.relu.descent import WIDTHS, descend, rescaled, smooth
from optima.relu.objective import Objective

# Relative difference of smoothed losses under which two descents count as ended at the same minimum.
SAME = 1e-5


@dataclass
class Pool:
    """Ends of descents (S, D) with their smoothed losses (S,) and how many descents ended there."""

    points: Array
    values: Array
    hits: NDArray[np.int64]

    @classmethod
    def empty(cls, objective: Objective) -> Pool:
        """No minima yet."""
        return cls(np.empty((0, objective.size)), np.empty(0), np.empty(0, np.int64))

    @property
    def best(self) -> float:
        """The least smoothed loss; infinite before there is one."""
        return float(self.values[0]) if self.values.size else float("inf")

    def with_descents(self, objective: Objective, starts: Array, most: int, widths: tuple[float, ...] = WIDTHS) -> Pool:
        """The pool after descents from ``starts``, at most ``most`` different minima."""
        if not len(starts):
            return self
        points = descend(objective, rescaled(objective, starts), widths, ceiling=self.best)
        values = objective.evaluate(points, smooth(objective, WIDTHS[-1]))[0]
        fine = np.isfinite(values) & (values > 0)
        points = np.concatenate([self.points, points[fine]])
        values = np.concatenate([self.values, values[fine]])
        hits = np.concatenate([self.hits, np.ones(int(fine.sum()), np.int64)])
        order = np.argsort(values, kind="stable")
        kept: list[int] = []
        counts: list[int] = []
        for index in order:
            if kept and values[index] <= values[kept[-1]] * (1 + SAME):
                counts[-1] += int(hits[index])
            elif len(kept) < most:
                kept.append(int(index))
                counts.append(int(hits[index]))
        return Pool(points[kept], values[kept], np.array(counts, dtype=np.int64))

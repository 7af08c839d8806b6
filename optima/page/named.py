"""What the named structures cost in the cells of a page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from optima.limits import MOST_NAMED
from optima.model import DeepUFM
from optima.reduction import Reduction
from optima.scales.batch import best_of_structures
from optima.scales.collapse import COLLAPSE
from optima.scales.scale import BestScales
from optima.structures import Structure, catalogue

# Rungs that a page lists for a cell.
RUNGS = 12


@dataclass(frozen=True)
class Named:
    """Loss of deep neural collapse (None where its rank is not allowed), and the best named structure of each rank.

    ``rungs`` are (rank, name, loss), ascending in the rank; the cheapest ones where there are many.
    """

    collapse: float | None = None
    rungs: tuple[tuple[int, str, float], ...] = ()


def named(problems: Sequence[DeepUFM]) -> list[Named]:
    """The named structures in each problem; none where class sizes differ, which have no closed form."""
    groups: dict[tuple[int, str, int], list[int]] = defaultdict(list)
    for place, problem in enumerate(problems):
        if problem.balanced and problem.classes <= MOST_NAMED:
            groups[problem.classes, problem.loss, problem.max_rank].append(place)
    found = [Named()] * len(problems)
    for (classes, loss, most), places in groups.items():
        structures = catalogue(classes, None, loss, most)
        chosen = [problems[place] for place in places]
        best = best_of_structures(
            structures,
            np.array([problem.depth for problem in chosen]),
            np.array([Reduction(problem).reg for problem in chosen]),
            np.array([problem.samples for problem in chosen]),
            loss,
        )
        for cell, place in enumerate(places):
            found[place] = _named(structures, best, cell, COLLAPSE[loss])
    return found


def _named(structures: Sequence[Structure], best: Sequence[BestScales], cell: int, collapse: str) -> Named:
    losses = {structure.name: float(each.loss[cell]) for structure, each in zip(structures, best, strict=True)}
    rungs: dict[int, tuple[int, str, float]] = {}
    for structure, each in zip(structures, best, strict=True):
        rung = structure.rank, structure.name, losses[structure.name]
        # With a block at scale zero it is another structure.
        if np.all(each.scales[:, cell] > 0) and (rung[0] not in rungs or rung[2] < rungs[rung[0]][2]):
            rungs[rung[0]] = rung
    kept = sorted(rungs.values(), key=lambda rung: rung[2])[:RUNGS]
    return Named(losses.get(collapse), tuple(sorted(kept)))

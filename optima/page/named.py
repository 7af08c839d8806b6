"""What the named structures cost in the cells of a page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from optima.limits import MOST_NAMED
from optima.model import DeepUFM
from optima.reduction import mean_reg
from optima.scales.batch import best_of_structures
from optima.scales.collapse_loss import collapse_loss, collapse_name
from optima.scales.scale import BestScales
from optima.scales.unequal import unequal_losses
from optima.structures import Structure, catalogue
from optima.structures.networks import NamedNetwork

# Rungs that a page lists for a cell.
RUNGS = 12


@dataclass(frozen=True)
class Named:
    """Loss of deep neural collapse (None where its rank is not allowed), and the best named structure of each rank.

    ``rungs`` are (rank, name, loss), ascending in the rank, of relu networks the middle rank; the cheapest ones where
    there are many.
    """

    collapse: float | None = None
    rungs: tuple[tuple[int, str, float], ...] = ()


def named(problems: Sequence[DeepUFM]) -> list[Named]:
    """The named structures in each problem; linear models have none where class sizes differ."""
    groups: dict[tuple[int, str, int | None, str], list[int]] = defaultdict(list)
    for place, problem in enumerate(problems):
        if problem.balanced and problem.classes <= MOST_NAMED:
            most = problem.width if problem.nonlinear else problem.max_rank
            groups[problem.classes, problem.loss, most, problem.activation].append(place)
    found = [Named() if problem.balanced or not problem.nonlinear else _unequal(problem) for problem in problems]
    for (classes, loss, most, activation), places in groups.items():
        structures = catalogue(classes, None, loss, most, activation)
        chosen = [problems[place] for place in places]
        best = best_of_structures(
            structures,
            np.array([problem.depth for problem in chosen]),
            np.array([mean_reg(problem) for problem in chosen]),
            np.array([problem.samples for problem in chosen]),
            loss,
        )
        rank = cache(_rank)
        for cell, place in enumerate(places):
            ranks = [rank(structure, problems[place].depth) for structure in structures]
            found[place] = _named(structures, ranks, best, cell, collapse_name(loss, activation))
    return found


def _unequal(problem: DeepUFM) -> Named:
    """The named relu networks of classes of different sizes."""
    known = unequal_losses(problem)
    rungs: dict[int, tuple[int, str, float]] = {}
    for each in reversed(known):
        rungs[each.network.middle_rank] = each.network.middle_rank, each.structure.name, each.loss
    cheapest = sorted(rungs.values(), key=lambda rung: rung[2])[:RUNGS]
    return Named(collapse_loss(problem), tuple(sorted(cheapest)))


def _rank(structure: Structure, depth: int) -> int:
    """The rank of a structure, of a network its middle rank at this depth."""
    if not isinstance(structure, NamedNetwork) or depth < structure.least_depth:
        return structure.rank
    return min(int(np.linalg.matrix_rank(layer)) for layer in structure.preactivations(depth))


def _named(
    structures: Sequence[Structure], ranks: Sequence[int], best: Sequence[BestScales], cell: int, collapse: str
) -> Named:
    losses = {structure.name: float(each.loss[cell]) for structure, each in zip(structures, best, strict=True)}
    rungs: dict[int, tuple[int, str, float]] = {}
    for structure, rank, each in zip(structures, ranks, best, strict=True):
        rung = rank, structure.name, losses[structure.name]
        # With a block at scale zero, or at a depth below its least, it is another structure.
        if np.all(each.scales[:, cell] > 0) and (rung[0] not in rungs or rung[2] < rungs[rung[0]][2]):
            rungs[rung[0]] = rung
    kept = sorted(rungs.values(), key=lambda rung: rung[2])[:RUNGS]
    return Named(losses.get(collapse), tuple(sorted(kept)))

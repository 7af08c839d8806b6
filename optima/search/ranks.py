"""Which rungs of the ladder are searched, and in what order."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from optima.model import Array
from optima.search.rungs import EVERY_RANK, Rungs

# The bracket is refined to single ranks up to this many classes, and more coarsely in proportion beyond.
FINE = 1000


def visit(rungs: Rungs, ranks: Sequence[int] | None = None) -> None:
    """Search these rungs, or all that matter; then from minimum to minimum on those near the best."""
    if ranks is not None:
        rungs.given = {rank: rungs.given[rank] for rank in ranks if rank in rungs.given}
        for rank in ranks:
            rungs.search(rank)
    elif rungs.problem.classes <= EVERY_RANK:
        _climb(rungs)
    else:
        _bracket(rungs)
    rungs.pass_down()
    rungs.hop()
    rungs.pass_down()
    rungs.keep_given()


def rank_one_bound(weight: Array) -> float:
    """Logits u v^T have their own class on top for argmax u and argmin u at most: the others lose log 2 each."""
    return float(np.sort(weight)[:-2].sum() * np.log(2))


def _climb(rungs: Rungs) -> None:
    """The rung where scouts find the least loss, then ranks one by one, until several in a row are hopeless."""
    promising = min(_ascend(rungs, rungs.scout), key=lambda rank: rungs.tallies[rank].best, default=None)
    if promising is not None:
        rungs.search(promising)
    _ascend(rungs, lambda rank: None if rank == promising else rungs.search(rank))
    if rungs.best > rank_one_bound(rungs.objective.weight):
        rungs.search(1)


def _ascend(rungs: Rungs, visit_rank: Callable[[int], None]) -> list[int]:
    """Visit the ranks from 2 up, until several in a row are hopeless; the ranks visited."""
    ranks, hopeless = [], 0
    for rank in range(2, rungs.max_rank + 1):
        visit_rank(rank)
        ranks.append(rank)
        bad = rungs.hopeless(rungs.tallies[rank])
        hopeless = hopeless + 1 if bad and _past_best(rungs, rank) else 0
        if hopeless >= rungs.effort.patience:
            break
    return ranks


def _past_best(rungs: Rungs, rank: int) -> bool:
    return any(tally.best < rungs.tallies[rank].best for tally in rungs.tallies.values() if tally.rank < rank)


def _bracket(rungs: Rungs) -> None:
    """From rank log2 K up by doubling and down by halving while that helps, then between the neighbours."""
    first = min(rungs.max_rank, max(2, int(math.log2(rungs.problem.classes))))
    rungs.search(first)
    for factor in (2.0, 0.5):
        rank = int(first * factor)
        while 2 <= rank <= rungs.max_rank:
            rungs.search(rank)
            if rungs.tallies[rank].best > rungs.best:
                break
            rank = int(rank * factor)
    while (gap := _widest_gap(rungs)) is not None:
        rungs.search(gap)


def _widest_gap(rungs: Rungs) -> int | None:
    """An unvisited rank in the middle of the wider side of the best one, while that side is wide."""
    ranks = sorted(rank for rank, tally in rungs.tallies.items() if tally.random)
    centre = min(ranks, key=lambda rank: rungs.tallies[rank].best)
    at = ranks.index(centre)
    sides = [(ranks[at - 1], centre)] if at else []
    sides += [(centre, ranks[at + 1])] if at + 1 < len(ranks) else []
    low, high = max(sides, key=lambda side: side[1] - side[0], default=(0, 0))
    return (low + high) // 2 if high - low > max(1, rungs.problem.classes // FINE) else None

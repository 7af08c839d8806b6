"""What a search reports of its rungs: minima come to rest and verified, the ladder, and how the best one is known."""

from __future__ import annotations

import math

import numpy as np

from optima.model import Array
from optima.search.chance import chance
from optima.search.descent import descend
from optima.search.rung import DENSE, RungPoint, verified
from optima.search.rungs import SETTLED, Rungs, steps_of
from optima.search.tally import Tally
from optima.solution import Minimum, Rung

# Ends of a rung that are tried in turn until one does not lose its rank.
TRIED = 3
# Unknowns up to which the curvature is computed on hopeless rungs too.
CHEAP = 160
# Too many unknowns for a dense Hessian: only rungs this close (relative) to the best one are run to rest and verified.
CLOSE = 1e-3
# Minima of a rung that are kept.
KEPT = 8


def ladder_of(rungs: Rungs) -> tuple[Rung, ...]:
    """The rungs with a minimum, by rank."""
    ladder = (_rung(rungs, rungs.tallies[rank]) for rank in sorted(rungs.tallies))
    return tuple(rung for rung in ladder if rung.minima)


def known_by(rungs: Rungs) -> str:
    """How many starts and searches the best minimum is the best of, and what they leave open."""
    tallies = rungs.tallies.values()
    searched = sorted(tally.rank for tally in tallies if tally.random)
    starts, local = sum(tally.random for tally in tallies), sum(tally.searches for tally in tallies)
    best = min(tallies, key=lambda tally: tally.best, default=None)
    hits = best.met if best else 0
    likely = chance(rungs.problem, hits)
    return (
        f"best of {starts} random starts on ranks {', '.join(map(str, searched))}"
        + (f" and of {local} searches from minimum to minimum" if local else "")
        + f" and of the named structures; met {hits} time{'s' * (hits != 1)}; "
        + (
            "no estimate of the chance that more work finds better: nothing like it was measured"
            if math.isnan(likely)
            else f"chance that ten times the work finds better at most {likely:.2g}, as measured on cells like this"
        )
    )


def minimum(rungs: Rungs, point: RungPoint, hits: int) -> Minimum:
    """A verified point in class-mean logits."""
    means = point.product * rungs.objective.column
    return Minimum(point.loss, point.verdict, point.gradient_norm, point.curvature, hits, means, point.rank)


def _rung(rungs: Rungs, tally: Tally) -> Rung:
    order = np.argsort(tally.losses, kind="stable")[:KEPT]
    minima: list[Minimum] = []
    verify = rungs.effort.verify_all or _worth_verifying(rungs, tally)
    for place, i in enumerate(order):
        hits = tally.met if place == 0 else tally.hits[i]
        settled = _settle(rungs, tally, i) if not minima and place < TRIED else tally.settled[i]
        if verify and not minima and place < TRIED:
            point = verified(rungs.objective, tally.factors[i])
            if point.verdict != "rank dropped":
                minima.append(minimum(rungs, point, hits))
        elif settled:
            minima.append(_unverified(rungs, tally.losses[i], tally.factors[i], hits))
    minima.sort(key=lambda minimum: minimum.loss)
    likely = chance(rungs.problem, tally.met) if tally.random else math.nan
    return Rung(tally.rank, tuple(minima), tally.random, tally.dropped, likely)


def _settle(rungs: Rungs, tally: Tally, i: int) -> bool:
    """Whether an end is at rest, once it was followed further where it was left early."""
    if not tally.settled[i] and tally.factors[i].size <= DENSE and not rungs.objective.interpreted:
        ends = descend(rungs.objective, tally.factors[i][None], steps_of(rungs.problem.classes))
        if not ends.dropped[0] and ends.loss[0] <= tally.losses[i]:
            tally.losses[i], tally.factors[i] = float(ends.loss[0]), ends.factors[0]
            tally.settled[i] = bool(ends.gradient_norm[0] < SETTLED)
    return tally.settled[i]


def _worth_verifying(rungs: Rungs, tally: Tally) -> bool:
    unknowns = 2 * rungs.problem.classes * tally.rank
    if unknowns > DENSE:
        return tally.best <= rungs.best * (1 + CLOSE)
    return unknowns <= CHEAP or not rungs.hopeless(tally)


def _unverified(rungs: Rungs, loss: float, factors: Array, hits: int) -> Minimum:
    means = factors[0] @ factors[1].T * rungs.objective.column
    return Minimum(loss, "unverified", math.nan, math.nan, hits, means, factors.shape[2])

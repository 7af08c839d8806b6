"""The rungs of one problem: minima of each rank, from named structures, neighbouring rungs, random codes and kicks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from optima.model import Array, DeepUFM
from optima.progress import Tell, Words, silent
from optima.reduction import Reduction, balanced_factors
from optima.search.descent import STEPS, descend
from optima.search.effort import Effort
from optima.search.hop import Hopper
from optima.search.rung_objective import RungObjective
from optima.search.starts import centred, random_codes, split
from optima.search.tally import Tally

# Losses and class-mean logits of the named structures, each at its best scales.
Named = Mapping[str, tuple[float, Array]]

# A rung is hopeless when its best minimum lies this much (relative) above the best of all, or it has none.
HOPELESS = 0.02
# Descents still this much above the best after their first steps are not followed to their end.
CEILING = 0.05
# Random starts with which a rung is scouted.
SCOUTS = 2
# Steps after which a descent is asked again whether it has met a known minimum, where starts come in whole batches.
LOOK = 10
# Gradient norm of log F below which an end is listed without having been verified.
SETTLED = 1e-4
# Beyond this many classes ranks are visited by bracketing instead of one by one.
EVERY_RANK = 48
# Minima of a rung from which classes are exchanged.
ELITES = 4
# Rungs this close (relative) to the best one get all random starts, and after the exchanges are searched by kicks.
CONTENDER = 5e-3
# The best minimum of a rung that this many random starts met is not doubted, where classes have one size.
ENOUGH = 6


def steps_of(classes: int) -> int:
    """Steps of a descent: larger codes have softer modes."""
    return STEPS if classes <= EVERY_RANK else 10 * STEPS


class Rungs:
    """The rungs of one problem that were searched: ``tallies[r]`` is what was found on rung r.

    ``given[r]`` are products A B^T = M diag(sqrt(n)) of rank r to begin from, those of the ``named`` structures first.
    """

    def __init__(
        self,
        problem: DeepUFM,
        seed: int,
        effort: Effort,
        named: Named,
        progress: Tell[Words] = silent,
        many: bool = False,
    ) -> None:
        self.problem, self.effort, self.seed, self.progress = problem, effort, seed, progress
        self.objective = RungObjective.of(
            problem, interpreted=not many and problem.balanced and problem.classes <= effort.small
        )
        self.max_rank = min(problem.max_rank, problem.classes - 1)
        self.tallies: dict[int, Tally] = {}
        self.passed: dict[int, float] = {}
        self.given: dict[int, list[Array]] = {}
        self.give([means for _, means in named.values()])
        zero = Reduction(problem).value(np.zeros((problem.classes,) * 2))
        self.best_named = min([zero, *(loss for loss, _ in named.values())])
        if named:
            progress(Words(f"named structures: best {self.best_named:.13g}"))

    def give(self, matrices: Sequence[Array]) -> None:
        """Class-mean logits (K, K) to begin from."""
        for rank, products in self.by_rank(matrices).items():
            self.given.setdefault(rank, []).extend(products)

    def by_rank(self, matrices: Sequence[Array]) -> dict[int, list[Array]]:
        """Products A B^T = M diag(sqrt(n)) of class-mean logits, by rank."""
        out: dict[int, list[Array]] = {}
        reduction = Reduction(self.problem)
        for means in matrices:
            rank = reduction.rank(means)
            if 1 <= rank <= self.max_rank:
                out.setdefault(rank, []).append(means / self.objective.column)
        return out

    @property
    def best(self) -> float:
        """Lowest loss so far, those of the named structures and of the zero logits included."""
        return min([self.best_named, *(tally.best for tally in self.tallies.values())])

    def tally(self, rank: int) -> Tally:
        """What was found on a rung so far."""
        return self.tallies.setdefault(rank, Tally(rank))

    def hopeless(self, tally: Tally) -> bool:
        """Whether its best minimum is out of reach of the best of all."""
        return tally.best > self.best * (1 + HOPELESS)

    def scout(self, rank: int) -> None:
        """Two random starts."""
        codes = random_codes(self.objective, rank, SCOUTS, np.random.default_rng([self.seed, rank, SCOUTS]))
        self._descend_from(rank, codes, counted=SCOUTS)
        self._report(rank)

    def search(self, rank: int) -> None:
        """Named and given starts, the rung below split, and random codes until the rule says enough.

        Random starts on the rung of the best minimum nearly all come near it: a rung is out of reach when a few do not.
        """
        rng = np.random.default_rng([self.seed, rank])
        tally = self.tally(rank)
        most = max(2, int(self.effort.work / self.problem.classes**2))
        first = self._first_starts(rank, rng)
        while True:
            batch = max(2, min(self._wanted(tally), most))
            codes = random_codes(self.objective, rank, batch, rng)
            self._descend_from(rank, np.concatenate([*first, codes]), counted=batch)
            first = []
            self._report(rank)
            if tally.unseen <= self._allowed(tally) or tally.random >= most or self.hopeless(tally):
                break

    def _wanted(self, tally: Tally) -> int:
        """Random starts of the next batch; counted, as many as the rule asks for if they meet nothing new."""
        if not self.effort.counted:
            return self.effort.batch
        if tally.reached > self.best * (1 + HOPELESS):
            return self.effort.few - tally.random
        return min(self.effort.batch, tally.enough(self._allowed(tally)) - tally.random)

    def _allowed(self, tally: Tally) -> float:
        near = tally.best <= self.best * (1 + CONTENDER)
        return self.effort.unseen if near else self.effort.distant

    def _first_starts(self, rank: int, rng: np.random.Generator) -> list[Array]:
        starts = [balanced_factors(self.given[rank], rank)] if rank in self.given else []
        below = self.tallies.get(rank - 1)
        if below and below.losses:
            starts.append(split(self.objective, below.factors[int(np.argmin(below.losses))], 2, rng))
        return starts

    def _descend_from(self, rank: int, starts: Array, counted: int = 0) -> None:
        """Descents from a batch of starts, the last ``counted`` of which are random."""
        tally = self.tally(rank)
        best = self.best
        starts, steps = centred(self.objective, starts), steps_of(self.problem.classes)
        ends = descend(
            self.objective,
            starts,
            steps,
            ceiling=best * (1 + CEILING),
            aim=best * (1 + HOPELESS),
            known=tally.minima,
            look=1 if self.effort.counted else LOOK,
        )
        dropped = ends.dropped | ~np.isfinite(ends.loss)
        random = np.arange(len(starts)) >= len(starts) - counted
        for i in np.flatnonzero(~dropped):
            settled = bool(ends.gradient_norm[i] < SETTLED)
            tally.add(float(ends.loss[i]), ends.factors[i], bool(random[i]), settled)
        tally.reached = min([tally.reached, *ends.loss[random & np.isfinite(ends.loss)].tolist()])
        tally.random += counted
        tally.dropped += int(np.sum(dropped & random))

    def _report(self, rank: int) -> None:
        tally = self.tallies[rank]
        found = f"best {tally.best:.13g}" if tally.losses else "nothing of this rank yet"
        self.progress(Words(f"rank {rank}: {found}, {tally.random} random starts"))

    def pass_down(self) -> None:
        """The best minimum of each rung without its smallest singular value, as a start one rung below, once."""
        for rank in sorted(self.tallies, reverse=True):
            tally = self.tallies[rank]
            new = tally.losses and self.passed.get(rank) != tally.best
            if new and rank - 1 in self.tallies and not self.hopeless(self.tallies[rank - 1]):
                self.passed[rank] = tally.best
                A, B = tally.factors[int(np.argmin(tally.losses))]
                self._descend_from(rank - 1, balanced_factors([A @ B.T], rank - 1))

    def hop(self) -> None:
        """On the rungs near the best one, from minimum to minimum by exchanges of classes and by kicks."""
        hoppers = {tally.rank: self._exchange(tally) for tally in self._near(HOPELESS) if self._doubtful(tally)}
        patience = self.effort.kicks(self.problem)
        most = self.effort.work / self.problem.classes**2
        for tally in self._near(CONTENDER):
            if tally.rank in hoppers:
                hopper = hoppers[tally.rank]
                hopper.search(patience, most)
                self._add_end(tally, hopper)
                self.progress(Words(f"rank {tally.rank}: best {tally.best:.13g}, {len(hopper.ends)} local searches"))

    def _near(self, share: float) -> list[Tally]:
        most = self.best * (1 + share)
        near = [tally for tally in self.tallies.values() if tally.best <= most]
        return sorted(near, key=lambda tally: tally.best)

    def _doubtful(self, tally: Tally) -> bool:
        """Whether random starts may have missed the best minimum of a rung."""
        return not self.problem.balanced or tally.hits[int(np.argmin(tally.losses))] < ENOUGH

    def _exchange(self, tally: Tally) -> Hopper:
        """Local searches from the best few minima of a rung."""
        rng = np.random.default_rng([self.seed, tally.rank, ELITES])
        hopper = Hopper(self.objective, tally.rank, rng, steps_of(self.problem.classes))
        order = np.argsort(tally.losses, kind="stable")
        hopper.begin(tally.losses[order[0]], tally.factors[order[0]])
        if not self.problem.balanced:
            for i in order[:ELITES]:
                hopper.improve(tally.losses[i], tally.factors[i])
        self._add_end(tally, hopper)
        return hopper

    def _add_end(self, tally: Tally, hopper: Hopper) -> None:
        tally.add(hopper.loss, hopper.factors, False)
        tally.searches, tally.met_again = len(hopper.ends), hopper.met

    def keep_given(self) -> None:
        """On rungs that were not searched, the named structures as they are (at their best scales)."""
        for rank, products in self.given.items():
            if rank not in self.tallies:
                factors = balanced_factors(products, rank)
                losses, _ = self.objective.value_and_gradient(factors)
                for loss, point in zip(losses, factors, strict=True):
                    self.tally(rank).add(float(loss), point, False)

"""The global search: every rung of the ladder of ranks, from many starts."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from optima.limits import check_searchable
from optima.model import Array, DeepUFM
from optima.model.inputs import one_of, positive_integer, shown
from optima.progress import Tell, Words, silent
from optima.reduction import Reduction, balanced_factors
from optima.scales.batch import best_of_structures
from optima.scales.squared_error import squared_error_minimum
from optima.search.chance import chance
from optima.search.depth_one import depth_one_minimum
from optima.search.hop import Hopper
from optima.search.rung import DENSE, STEPS, RungPoint, descend, verified
from optima.search.rung_objective import RungObjective
from optima.search.starts import best_scale, centred, random_codes, split
from optima.solution import Minimum, Rung, Solution
from optima.structures import catalogue
from optima.structures.block_sums import block_sums
from optima.structures.recognition import recognise


@dataclass(frozen=True)
class Effort:
    """How hard to look.

    A rung gets batches of random starts until the rough chance of an unseen better minimum is at most ``unseen``, or
    ``distant`` where its best is not near the best of all. Where they are ``counted`` a batch has no more of them than
    that asks for, and there is none after ``few`` that all ended out of reach of the best. ``patience`` is the number
    of hopeless rungs in a row after which higher ones get only the named structures; ``hops`` is the number of kicks in
    a row, in units of K, after which a minimum that none of them improves is left; ``work`` bounds the starts on one
    rung, and the descents of its kicks, by (number) K^2; ``verify_all`` computes the curvature on hopeless rungs too;
    ``small`` is the number of classes up to which a single problem is less work than starting a compiler.
    """

    batch: int
    few: int
    unseen: float
    distant: float
    patience: int
    hops: float
    work: float
    verify_all: bool = False
    small: int = 0
    counted: bool = True

    def kicks(self, problem: DeepUFM) -> int:
        """Kicks in a row without a better minimum that end the search from it: fewer where each tries all it can."""
        return math.ceil(self.hops * problem.classes / (2 if problem.balanced else 1))


EFFORTS = {
    "quick": Effort(batch=6, few=4, unseen=0.1, distant=0.1, patience=2, hops=0.75, work=1e6, small=8),
    "normal": Effort(batch=7, few=4, unseen=0.03, distant=0.1, patience=3, hops=3, work=4e6, small=6),
    "thorough": Effort(
        batch=32, few=32, unseen=0.003, distant=0.003, patience=10**9, hops=12, work=2e8, verify_all=True
    ),
}
# Random starts of a batch, at least, where minima serve other problems too.
SHARED = 16
# A rung is hopeless when its best minimum lies this much (relative) above the best of all, or it has none.
HOPELESS = 0.02
# Descents still this much above the best after their first steps are not followed to their end.
CEILING = 0.05
# Random starts with which a rung is scouted.
SCOUTS = 2
# Steps after which a descent is asked again whether it has met a known minimum, where starts come in whole batches.
LOOK = 10
# Losses this close (relative) are taken for one minimum.
SAME = 1e-7
# Gradient norm of log F below which an end is listed without having been verified.
SETTLED = 1e-4
# Ends of a rung that are tried in turn until one does not lose its rank.
TRIED = 3
# Beyond this many classes ranks are visited by bracketing instead of one by one.
EVERY_RANK = 48
# The bracket is refined to single ranks up to this many classes, and more coarsely in proportion beyond.
FINE = 1000
# Unknowns up to which the curvature is computed on hopeless rungs too.
CHEAP = 160
# Too many unknowns for a dense Hessian: only rungs this close (relative) to the best one are run to rest and verified.
CLOSE = 1e-3
# Minima of a rung that are kept.
KEPT = 8
# Minima of a rung from which classes are exchanged.
ELITES = 4
# Where classes differ in size, the starts of one rank: sums of structures, and minima of the problem at one size.
SUMS, CONTINUED = 12, 2
# Rungs this close (relative) to the best one get all random starts, and after the exchanges are searched by kicks.
CONTENDER = 5e-3
# The best minimum of a rung that this many random starts met is not doubted, where classes have one size.
ENOUGH = 6


def search(
    problem: DeepUFM,
    seed: int = 0,
    effort: str = "normal",
    starts: Sequence[Array] = (),
    ranks: Sequence[int] | None = None,
    progress: Tell[Words] = silent,
    many: bool = False,
    shared: bool = False,
) -> Solution:
    r"""Best minimum known of the linear model, over logits of every rank, without a proof.

    .. math:: \min_M \operatorname{fit}(M) + c \sum_i s_i(Z)^p, \qquad \operatorname{rank} M \le \min(d, K-1)

    Squared error, and cross-entropy at L = 1 and d >= K - 1, are solved exactly. Otherwise each rung is
    searched by descents from random codes, from the named structures and from its neighbours; descents
    that lose rank pass to the rung below. A rung gets more random starts until (n_1 + 1) / ((N + 2) (D + 1)), with
    n_1 of the D minima met just once in N descents, is below a number that the effort sets, a larger one for rungs
    more than 0.5 % above the best; where classes have one size no more are drawn than that asks for, and none after
    four that all end more than 2 % above the best. Two starts a rank scout which rung to search first; then ranks go up
    until several rungs in a row are hopeless (more than 2 % above the best, or empty), and the others get the named
    structures only. Beyond 48 classes the ranks visited bracket the best one, from log2 K by doubling and halving;
    beyond 500 not to the last rank.

    On the rungs near the best one the search then goes from minimum to minimum: where classes differ in size, two of
    them exchange their places until no exchange is better; then a kick moves classes or shakes the code, until several
    in a row bring nothing better (:mod:`optima.search.hop`). Where classes differ in size, sums of structures on some
    of them each and the minima of the problem with classes of one size are starts too. ``known_by`` says how many
    searches met the best minimum, and how often ten times the work improved on such searches where that was measured
    (:mod:`optima.search.chance`).

    Parameters and errors are those of :func:`optima.solve`. With ``many`` the descents of problems of few classes too
    run in machine code, which takes seconds to be made, once, and a second to be loaded; results agree up to rounding.
    With ``shared`` ranks that are not the best here get as many starts as those near it: what is found there is the
    best of other problems.

    Source: theory of the ladder of ranks; garrod2025.
    """
    one_of("effort", effort, tuple(EFFORTS))
    seed = positive_integer("seed", seed, minimum=0)
    check_searchable(problem)
    ranks = _checked_ranks(problem, ranks)
    began = time.perf_counter()
    reduction = Reduction(problem)
    named = _named(problem)
    ladder: tuple[Rung, ...] = ()
    if problem.loss == "mse":
        means, known = squared_error_minimum(problem), "exact: the singular values decouple"
    else:
        work = EFFORTS[effort]
        if shared:
            work = replace(work, batch=max(work.batch, SHARED), distant=work.unseen)
        if shared or not problem.balanced:
            # With fewer starts a seed of twenty unequal classes ended 1e-4 above the others.
            work = replace(work, counted=False)
        rungs = _Search(problem, seed, work, list(starts), named, progress, many)
        convex = problem.depth == 1 and ranks is None and problem.max_rank >= problem.classes - 1
        means, ladder, known = rungs.depth_one() if convex else rungs.run(ranks)
    zero = np.zeros_like(means)
    if reduction.value(zero) <= reduction.value(means):
        means = zero
    return Solution(
        problem,
        means,
        recognise(means, loss=problem.loss, rank=reduction.rank(means)),
        ladder,
        {name: loss for name, (loss, _) in named.items()},
        known,
        seed,
        effort,
        time.perf_counter() - began,
    )


def _checked_ranks(problem: DeepUFM, ranks: Sequence[int] | None) -> list[int] | None:
    if ranks is None:
        return None
    most = min(problem.max_rank, problem.classes - 1)
    checked = [positive_integer("ranks", rank) for rank in ranks]
    if not checked or max(checked) > most:
        raise ValueError(f"ranks is {shown(list(ranks))}; pass some of 1 to {most}, or none for all")
    return checked


def _named(problem: DeepUFM) -> dict[str, tuple[float, Array]]:
    """Loss and class-mean logits of the named structures at their best scales."""
    if not problem.balanced:
        return {}
    members = catalogue(problem.classes, None, problem.loss, problem.max_rank)
    depth, reg, samples = (np.array([x]) for x in (problem.depth, Reduction(problem).reg, problem.class_sizes[0]))
    bests = best_of_structures(members, depth, reg, samples, problem.loss)
    found = sorted(zip(members, bests, strict=True), key=lambda pair: float(pair[1].loss[0]))
    return {member.name: (float(best.loss[0]), member.shape(best.scales[:, 0].tolist())) for member, best in found}


def steps_of(classes: int) -> int:
    """Steps of a descent: larger codes have softer modes."""
    return STEPS if classes <= EVERY_RANK else 10 * STEPS


def rank_one_bound(weight: Array) -> float:
    """Logits u v^T have their own class on top for argmax u and argmin u at most: the others lose log 2 each."""
    return float(np.sort(weight)[:-2].sum() * np.log(2))


@dataclass
class _Tally:
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


class _Search:
    def __init__(
        self,
        problem: DeepUFM,
        seed: int,
        effort: Effort,
        starts: list[Array],
        named: dict[str, tuple[float, Array]],
        progress: Tell[Words],
        many: bool,
    ) -> None:
        self.problem, self.effort, self.seed, self.progress = problem, effort, seed, progress
        self.objective = RungObjective.of(
            problem, interpreted=not many and problem.balanced and problem.classes <= effort.small
        )
        self.max_rank = min(problem.max_rank, problem.classes - 1)
        self.tallies: dict[int, _Tally] = {}
        self.passed: dict[int, float] = {}
        self.given = self._by_rank([*(means for _, means in named.values()), *starts])
        if not problem.balanced and problem.depth > 1:
            self._give_unequal(seed)
        zero = Reduction(problem).value(np.zeros((problem.classes,) * 2))
        self.best_named = min([zero, *(loss for loss, _ in named.values())])
        if named:
            progress(Words(f"named structures: best {self.best_named:.13g}"))

    def _by_rank(self, matrices: list[Array]) -> dict[int, list[Array]]:
        """Products A B^T = M diag(sqrt(n)) of class-mean logits, by rank."""
        out: dict[int, list[Array]] = {}
        reduction = Reduction(self.problem)
        for means in matrices:
            rank = reduction.rank(means)
            if 1 <= rank <= self.max_rank:
                out.setdefault(rank, []).append(means / self.objective.column)
        return out

    def _give_unequal(self, seed: int) -> None:
        """Where classes differ in size: sums of structures on some classes each, and the minima at one size."""
        sums = self._by_rank([shape for _, shape in block_sums(tuple(self.problem.class_sizes.tolist()))])
        for rank, products in sums.items():
            factors, losses = best_scale(self.objective, balanced_factors(products, rank), 0)
            best = np.argsort(losses, kind="stable")[:SUMS]
            self.given.setdefault(rank, []).extend(A @ B.T for A, B in factors[best])
        if self.problem.classes <= EVERY_RANK:
            equal = replace(self.problem, samples=max(1, self.problem.size // self.problem.classes))
            search = _Search(equal, seed, replace(EFFORTS["quick"], counted=False), [], _named(equal), silent, True)
            search.visit(None)
            codes = [code for tally in search.tallies.values() for code in tally.lowest(CONTINUED)]
            for rank, products in self._by_rank([A @ B.T * search.objective.column for A, B in codes]).items():
                self.given.setdefault(rank, []).extend(products)

    def depth_one(self) -> tuple[Array, tuple[Rung, ...], str]:
        guesses = [factors for rank, products in self.given.items() for factors in balanced_factors(products, rank)]
        point, excess = depth_one_minimum(self.problem, guesses, self.objective.interpreted)
        if point is None:
            return np.zeros((self.problem.classes,) * 2), (), "exact: convex, ||G||_2 <= lambda at zero"
        known = f"exact: convex, dual certificate ||G||_2 <= (1 + {excess:.1g}) lambda"
        minimum = self._minimum(point, hits=1)
        return minimum.means, (Rung(point.rank, (minimum,), 1, 0, math.nan),), known

    def visit(self, ranks: Sequence[int] | None) -> None:
        """Fill the tallies of these rungs, or of all that matter."""
        if ranks is not None:
            self.given = {rank: self.given[rank] for rank in ranks if rank in self.given}
            for rank in ranks:
                self._search_rung(rank)
        elif self.problem.classes <= EVERY_RANK:
            self._climb()
        else:
            self._bracket()
        self._pass_down()
        self._hop()
        self._pass_down()
        self._keep_given()

    def run(self, ranks: Sequence[int] | None) -> tuple[Array, tuple[Rung, ...], str]:
        """The best class-mean logits, the ladder, and how they are known."""
        self.visit(ranks)
        ladder = tuple(self._rung(self.tallies[rank]) for rank in sorted(self.tallies))
        ladder = tuple(rung for rung in ladder if rung.minima)
        if not ladder:
            # Every descent ended at the zero logits.
            return np.zeros((self.problem.classes,) * 2), ladder, self._known()
        best = min((rung.minima[0] for rung in ladder), key=lambda minimum: minimum.loss)
        return best.means, ladder, self._known()

    def _keep_given(self) -> None:
        """On rungs that were not searched, the named structures as they are (at their best scales)."""
        for rank, products in self.given.items():
            if rank not in self.tallies:
                factors = balanced_factors(products, rank)
                losses, _ = self.objective.value_and_gradient(factors)
                for loss, point in zip(losses, factors, strict=True):
                    self._tally(rank).add(float(loss), point, False)

    def _known(self) -> str:
        searched = sorted(tally.rank for tally in self.tallies.values() if tally.random)
        starts = sum(tally.random for tally in self.tallies.values())
        local = sum(tally.searches for tally in self.tallies.values())
        best = min(self.tallies.values(), key=lambda tally: tally.best, default=None)
        hits = best.met if best else 0
        likely = chance(self.problem, hits)
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

    @property
    def best(self) -> float:
        """Lowest loss so far, those of the named structures and of the zero logits included."""
        return min([self.best_named, *(tally.best for tally in self.tallies.values())])

    def _climb(self) -> None:
        """The rung where scouts find the least loss, then ranks one by one, until several in a row are hopeless."""
        promising = min(self._ascend(self._scout), key=lambda rank: self.tallies[rank].best, default=None)
        if promising is not None:
            self._search_rung(promising)
        self._ascend(lambda rank: None if rank == promising else self._search_rung(rank))
        if self.best > rank_one_bound(self.objective.weight):
            self._search_rung(1)

    def _ascend(self, visit: Callable[[int], None]) -> list[int]:
        """Visit the ranks from 2 up, until several in a row are hopeless; the ranks visited."""
        ranks, hopeless = [], 0
        for rank in range(2, self.max_rank + 1):
            visit(rank)
            ranks.append(rank)
            bad = self._hopeless(self.tallies[rank])
            hopeless = hopeless + 1 if bad and self._past_best(rank) else 0
            if hopeless >= self.effort.patience:
                break
        return ranks

    def _scout(self, rank: int) -> None:
        codes = random_codes(self.objective, rank, SCOUTS, np.random.default_rng([self.seed, rank, SCOUTS]))
        self._descend_from(rank, codes, counted=SCOUTS)
        self._report(rank)

    def _past_best(self, rank: int) -> bool:
        return any(tally.best < self.tallies[rank].best for tally in self.tallies.values() if tally.rank < rank)

    def _bracket(self) -> None:
        """From rank log2 K up by doubling and down by halving while that helps, then between the neighbours."""
        first = min(self.max_rank, max(2, int(math.log2(self.problem.classes))))
        self._search_rung(first)
        for factor in (2.0, 0.5):
            rank = int(first * factor)
            while 2 <= rank <= self.max_rank:
                self._search_rung(rank)
                if self.tallies[rank].best > self.best:
                    break
                rank = int(rank * factor)
        while (gap := self._widest_gap()) is not None:
            self._search_rung(gap)

    def _widest_gap(self) -> int | None:
        """An unvisited rank in the middle of the wider side of the best one, while that side is wide."""
        ranks = sorted(rank for rank, tally in self.tallies.items() if tally.random)
        centre = min(ranks, key=lambda rank: self.tallies[rank].best)
        at = ranks.index(centre)
        sides = [(ranks[at - 1], centre)] if at else []
        sides += [(centre, ranks[at + 1])] if at + 1 < len(ranks) else []
        low, high = max(sides, key=lambda side: side[1] - side[0], default=(0, 0))
        return (low + high) // 2 if high - low > max(1, self.problem.classes // FINE) else None

    def _search_rung(self, rank: int) -> None:
        """Named and given starts, the rung below split, and random codes until the rule says enough.

        Random starts on the rung of the best minimum nearly all come near it: a rung is out of reach when a few do not.
        """
        rng = np.random.default_rng([self.seed, rank])
        tally = self._tally(rank)
        most = max(2, int(self.effort.work / self.problem.classes**2))
        first = self._first_starts(rank, rng)
        while True:
            batch = max(2, min(self._wanted(tally), most))
            codes = random_codes(self.objective, rank, batch, rng)
            self._descend_from(rank, np.concatenate([*first, codes]), counted=batch)
            first = []
            self._report(rank)
            if tally.unseen <= self._allowed(tally) or tally.random >= most or self._hopeless(tally):
                break

    def _wanted(self, tally: _Tally) -> int:
        """Random starts of the next batch; counted, as many as the rule asks for if they meet nothing new."""
        if not self.effort.counted:
            return self.effort.batch
        if tally.reached > self.best * (1 + HOPELESS):
            return self.effort.few - tally.random
        return min(self.effort.batch, tally.enough(self._allowed(tally)) - tally.random)

    def _report(self, rank: int) -> None:
        tally = self.tallies[rank]
        found = f"best {tally.best:.13g}" if tally.losses else "nothing of this rank yet"
        self.progress(Words(f"rank {rank}: {found}, {tally.random} random starts"))

    def _first_starts(self, rank: int, rng: np.random.Generator) -> list[Array]:
        starts = [balanced_factors(self.given[rank], rank)] if rank in self.given else []
        below = self.tallies.get(rank - 1)
        if below and below.losses:
            starts.append(split(self.objective, below.factors[int(np.argmin(below.losses))], 2, rng))
        return starts

    def _allowed(self, tally: _Tally) -> float:
        near = tally.best <= self.best * (1 + CONTENDER)
        return self.effort.unseen if near else self.effort.distant

    def _hopeless(self, tally: _Tally) -> bool:
        return tally.best > self.best * (1 + HOPELESS)

    def _tally(self, rank: int) -> _Tally:
        return self.tallies.setdefault(rank, _Tally(rank))

    def _descend_from(self, rank: int, starts: Array, counted: int = 0) -> None:
        """Descents from a batch of starts, the last ``counted`` of which are random."""
        tally = self._tally(rank)
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

    def _pass_down(self) -> None:
        """The best minimum of each rung without its smallest singular value, as a start one rung below, once."""
        for rank in sorted(self.tallies, reverse=True):
            tally = self.tallies[rank]
            new = tally.losses and self.passed.get(rank) != tally.best
            if new and rank - 1 in self.tallies and not self._hopeless(self.tallies[rank - 1]):
                self.passed[rank] = tally.best
                A, B = tally.factors[int(np.argmin(tally.losses))]
                self._descend_from(rank - 1, balanced_factors([A @ B.T], rank - 1))

    def _hop(self) -> None:
        """On the rungs near the best one, from minimum to minimum by exchanges of classes and by kicks."""
        hoppers = {tally.rank: self._exchange(tally) for tally in self._near(HOPELESS) if self._doubtful(tally)}
        patience = self.effort.kicks(self.problem)
        most = self.effort.work / self.problem.classes**2
        for tally in self._near(CONTENDER):
            if tally.rank in hoppers:
                hopper = hoppers[tally.rank]
                hopper.hop(patience, most)
                self._add_end(tally, hopper)
                self.progress(Words(f"rank {tally.rank}: best {tally.best:.13g}, {len(hopper.ends)} local searches"))

    def _near(self, share: float) -> list[_Tally]:
        most = self.best * (1 + share)
        near = [tally for tally in self.tallies.values() if tally.best <= most]
        return sorted(near, key=lambda tally: tally.best)

    def _doubtful(self, tally: _Tally) -> bool:
        """Whether random starts may have missed the best minimum of a rung."""
        return not self.problem.balanced or tally.hits[int(np.argmin(tally.losses))] < ENOUGH

    def _exchange(self, tally: _Tally) -> Hopper:
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

    def _add_end(self, tally: _Tally, hopper: Hopper) -> None:
        tally.add(hopper.loss, hopper.factors, False)
        tally.searches, tally.met_again = len(hopper.ends), hopper.met

    def _rung(self, tally: _Tally) -> Rung:
        order = np.argsort(tally.losses, kind="stable")[:KEPT]
        minima: list[Minimum] = []
        verify = self.effort.verify_all or self._worth_verifying(tally)
        for place, i in enumerate(order):
            hits = tally.met if place == 0 else tally.hits[i]
            settled = self._settle(tally, i) if not minima and place < TRIED else tally.settled[i]
            if verify and not minima and place < TRIED:
                point = verified(self.objective, tally.factors[i])
                if point.verdict != "rank dropped":
                    minima.append(self._minimum(point, hits))
            elif settled:
                minima.append(self._unverified(tally.losses[i], tally.factors[i], hits))
        minima.sort(key=lambda minimum: minimum.loss)
        likely = chance(self.problem, tally.met) if tally.random else math.nan
        return Rung(tally.rank, tuple(minima), tally.random, tally.dropped, likely)

    def _settle(self, tally: _Tally, i: int) -> bool:
        """Whether an end is at rest, once it was followed further where it was left early."""
        if not tally.settled[i] and tally.factors[i].size <= DENSE and not self.objective.interpreted:
            ends = descend(self.objective, tally.factors[i][None], steps_of(self.problem.classes))
            if not ends.dropped[0] and ends.loss[0] <= tally.losses[i]:
                tally.losses[i], tally.factors[i] = float(ends.loss[0]), ends.factors[0]
                tally.settled[i] = bool(ends.gradient_norm[0] < SETTLED)
        return tally.settled[i]

    def _worth_verifying(self, tally: _Tally) -> bool:
        unknowns = 2 * self.problem.classes * tally.rank
        if unknowns > DENSE:
            return tally.best <= self.best * (1 + CLOSE)
        return unknowns <= CHEAP or not self._hopeless(tally)

    def _minimum(self, point: RungPoint, hits: int) -> Minimum:
        means = point.product * self.objective.column
        return Minimum(point.loss, point.verdict, point.gradient_norm, point.curvature, hits, means, point.rank)

    def _unverified(self, loss: float, factors: Array, hits: int) -> Minimum:
        means = factors[0] @ factors[1].T * self.objective.column
        return Minimum(loss, "unverified", math.nan, math.nan, hits, means, factors.shape[2])

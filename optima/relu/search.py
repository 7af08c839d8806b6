"""Search for the best relu network of one problem."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from optima.limits import check_networks, check_searchable
from optima.model import Array, DeepUFM
from optima.progress import Tell, Words, silent
from optima.reduction import mean_reg
from optima.relu.descent import WIDTHS, sharpened
from optima.relu.growth import grown
from optima.relu.moves import hops
from optima.relu.neighbours import Chain, with_collapsed_class, with_idle_layer, without_class
from optima.relu.objective import Objective
from optima.relu.pool import Pool
from optima.relu.starts import chain_start, narrow_starts, random_starts, symmetric_starts
from optima.structures.networks import network_catalogue

# So many points where descents begin.
Draw = Callable[[Objective, int, np.random.Generator], Array]

# Networks of each neighbouring problem that starts are made of.
BEST = 4
# The best minima whose kinks are sharpened at the end.
SHARPENED = 2
# Different minima that the pool keeps.
KEPT = 64
# Descents from starts with a symmetry that are made together: the best of them is the ceiling of the next.
SWEEP = 128
# Hops are made from so many of the best minima of the pool, and as often from any of them.
HOPPED = 8
# Neurons are added to so many minima with each batch: the best ones, and as many again of any.
GROWN = 6


@dataclass(frozen=True)
class Effort:
    """How much a search does.

    ``symmetric`` starts with a symmetry a class, which cost little, ``narrow`` ones with few neurons in the first
    layers, and ``batch`` others; then batches of hops, ``most`` at most, until ``patience`` of them in a row found
    nothing better. ``neighbours`` tells whether problems of one layer less, and of one class less and more, are
    searched before, at quick effort.
    """

    symmetric: int
    narrow: int
    batch: int
    most: int
    patience: int
    neighbours: bool

    def starts(self, problem: DeepUFM) -> dict[str, tuple[Draw, int]]:
        """The many starts, in words, and how many of each: at depth two no layer can be narrow before another."""
        symmetric, narrow = (self.symmetric, self.narrow) if problem.depth > 2 else (self.symmetric + self.narrow, 0)
        return {
            "starts with a symmetry": (symmetric_starts, symmetric * problem.classes),
            "narrow starts": (narrow_starts, narrow * problem.classes),
        }


EFFORTS = {
    "quick": Effort(32, 16, 32, 3, 2, False),
    "normal": Effort(192, 64, 64, 40, 24, True),
    "thorough": Effort(3072, 1024, 64, 200, 40, True),
}


def widths(problem: DeepUFM) -> tuple[int, ...]:
    """Widths of H and of the hidden layers that are searched."""
    most = widths_of(problem)
    return (min(problem.classes, most), *[most] * (problem.depth - 1))


def widths_of(problem: DeepUFM) -> int:
    """The width of a hidden layer that is searched: K, half of it and three more, or the width of the model.

    The best networks known leave neurons spare there: hops need some to move to.
    """
    room = problem.classes + problem.classes // 2 + 3
    return room if problem.width is None else min(room, problem.width)


def size(problem: DeepUFM) -> int:
    """Numbers of such a network, at any depth."""
    inner, width = min(problem.classes, widths_of(problem)), widths_of(problem)
    ends = inner * (problem.classes + width) + (problem.classes * width if problem.loss == "ce" else 0)
    return ends + (problem.depth - 2) * width**2


def check_findable(problem: DeepUFM) -> None:
    """Raise ValueError when the search over logits, or over relu networks, cannot hold the problem."""
    if problem.nonlinear:
        check_networks(problem, size(problem))
    else:
        check_searchable(problem)


@dataclass(frozen=True)
class Looked:
    """What a search met, and how many descents it made, ``random`` of them from random starts."""

    objective: Objective
    pool: Pool
    descents: int
    random: int

    def best(self, count: int) -> Iterator[tuple[Array, int]]:
        """The points of the best minima with the number of descents that ended there; then the very best, sharpened.

        Where Newton's method finds no way to all digits from a smoothed minimum, the sharp one has nearly all.
        """
        yield from zip(self.pool.points[:count], self.pool.hits[:count], strict=True)
        yield from ((point, 0) for point in sharpened(self.objective, self.pool.points[:SHARPENED]))


def look(
    problem: DeepUFM,
    seed: int,
    effort: Effort,
    chains: Sequence[Chain] = (),
    progress: Tell[Words] = silent,
) -> Looked:
    """The minima met by descents from named networks, neighbouring problems, random starts, and hops from the best."""
    objective = Objective(problem, widths(problem))
    rng = np.random.default_rng([seed, problem.classes, problem.depth])
    beside = list(_beside(problem, seed)) if effort.neighbours else []
    given, near = _points(objective, chains), _points(objective, beside)
    # A wide kink would carry networks away that are minima as they are.
    pool = Pool.empty(objective).with_descents(objective, given, KEPT, WIDTHS[-2:])
    kinds = effort.starts(problem)
    for kind, (draw, count) in kinds.items():
        for done in range(0, count, SWEEP):
            pool = pool.with_descents(objective, draw(objective, min(SWEEP, count - done), rng), KEPT)
        progress(Words(f"{count} {kind}: best {pool.best:.8g}"))
    starts = np.concatenate([near, random_starts(objective, effort.batch, rng)])
    pool = pool.with_descents(objective, starts, KEPT)
    random = sum(count for _, count in kinds.values()) + effort.batch
    quiet, descents = 0, random + len(given) + len(near)
    for number in range(effort.most):
        before = pool.best
        half = effort.batch // 2
        made = [hops(objective, pool.points[:HOPPED], half, rng), hops(objective, pool.points, half, rng)]
        pool = pool.with_descents(objective, np.concatenate(made), KEPT)
        # Those that paid are grown again with the next batch.
        chosen = [*range(min(GROWN, len(pool.points))), *rng.integers(len(pool.points), size=GROWN)]
        more = grown(objective, pool.points[chosen], rng)
        pool = pool.with_descents(objective, more, KEPT, WIDTHS[-2:])
        descents += effort.batch + len(more)
        quiet = 0 if pool.best < before * (1 - 1e-6) else quiet + 1
        progress(Words(f"batch {number + 1} of at most {effort.most}: best {pool.best:.8g}"))
        if quiet >= effort.patience:
            break
    return Looked(objective, pool, descents, random)


def _points(objective: Objective, chains: Sequence[Chain]) -> Array:
    """The points (S, D) of the networks that are not too wide."""
    room = objective.widths[1:]
    fitting = [chain for chain in chains if all(len(M) <= width for M, width in zip(chain, room, strict=True))]
    return np.reshape([chain_start(objective, chain) for chain in fitting], (-1, objective.size))


def _beside(problem: DeepUFM, seed: int) -> Iterator[Chain]:
    """Chains of the best networks of neighbouring problems, grown or cut to this one."""
    yield from _beside_in_depth(replace(problem, reg=mean_reg(problem)), seed)
    if problem.balanced:
        above = replace(problem, classes=problem.classes + 1)
        for chain in _quick(above, seed, list(_named_above(above))):
            yield from without_class(chain)
        if problem.classes > 3:
            yield from map(with_collapsed_class, _quick(replace(problem, classes=problem.classes - 1), seed))
    else:
        yield from _quick(replace(problem, samples=max(1, problem.size // problem.classes)), seed)


def _beside_in_depth(problem: DeepUFM, seed: int) -> Iterator[Chain]:
    """Chains of all lesser depths, one idle layer after the other."""
    if problem.depth > 2:
        below = replace(problem, depth=problem.depth - 1)
        for chain in _quick(below, seed, list(_beside_in_depth(below, seed))):
            yield from with_idle_layer(chain)


def _named_above(problem: DeepUFM) -> Iterator[Chain]:
    """The named networks of a problem, and those of one class more without a class."""
    depth, loss = problem.depth, problem.loss
    for each in network_catalogue(problem.classes, loss, depth):
        yield each.preactivations(depth)
    for each in network_catalogue(problem.classes + 1, loss, depth):
        yield next(without_class(each.preactivations(depth)))


def _quick(problem: DeepUFM, seed: int, chains: Sequence[Chain] = ()) -> list[Chain]:
    looked = look(problem, seed, EFFORTS["quick"], chains)
    return [looked.objective.layers(point) for point in looked.pool.points[:BEST]]

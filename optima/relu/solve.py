"""The best relu network known of one problem, with the ladder of middle ranks."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from optima.limits import check_networks
from optima.model import DeepUFM
from optima.model.class_network import ClassNetwork
from optima.model.inputs import one_of, positive_integer
from optima.progress import Tell, Words, silent
from optima.reduction import mean_reg
from optima.relu.finish import Finished, finish, finish_network, zero_network
from optima.relu.names import Known, known_networks, recognise_network
from optima.relu.search import EFFORTS, Looked, look, size
from optima.relu.widened import widened
from optima.scales import best_scales
from optima.scales.unequal import unequal_losses
from optima.solution import Minimum, Rung, Solution
from optima.structures.networks import at_scales, network_catalogue
from optima.workers.threads import single_threaded

# Minima that are finished by Newton's method, by effort.
FINISHED = {"quick": 4, "normal": 8, "thorough": 16}
# Named networks that are finished too, the best ones.
NAMED = 3
# The best ends that get neurons that pay.
WIDENED = 3
# Relative difference up to which two finished networks are the same minimum.
SAME = 1e-9


def search_networks(
    problem: DeepUFM,
    seed: int = 0,
    effort: str = "normal",
    starts: Sequence[ClassNetwork] = (),
    progress: Tell[Words] = silent,
) -> Solution:
    r"""Best relu network known, over networks of every rank.

    .. math:: \min_{W_1..W_L, H} \sum_c \pi_c g_c(Z_{:c}) + \sum_l \tfrac{\lambda_l}{2} \|W_l\|_F^2
        + \tfrac{\lambda_H}{2} \sum_c n_c \|H_{:c}\|^2, \qquad Z = W_L s(W_{L-1} \cdots s(W_1 H))

    Descents from named networks, from networks of neighbouring problems, from random ones with and without symmetry,
    then hops from the best; relu is smoothed from inside on the way. The best ends are solved by Newton's method with
    the pre-activations that are zero held there, which gives all digits and a verdict, and get neurons that pay
    (:func:`optima.relu.widened.widened`). Nothing is proved by it.

    Parameters
    ----------
    problem
        A relu model of depth two or more, classes of any sizes.
    seed, effort
        Equal seeds give equal results; ``"quick"``, ``"normal"`` or ``"thorough"``.
    starts
        Networks of the same problem to begin from in addition.
    progress
        Told of each batch of descents.

    Raises ValueError for an unknown effort, and for problems beyond :mod:`optima.limits`.
    Source: derivations/network_price.py; sukenik2024; garrod2025, Theorem 7.
    """
    one_of("effort", effort, tuple(EFFORTS))
    seed = positive_integer("seed", seed, minimum=0)
    if not problem.nonlinear:
        raise ValueError("there is no relu in this model; pass activation='relu' and a depth of at least 2")
    if any(not isinstance(each, ClassNetwork) or each.problem != problem for each in starts):
        raise ValueError("starts are networks of the problem; pass ClassNetwork(problem, factors)")
    check_networks(problem, size(problem))
    began = time.perf_counter()
    named = _named(problem)
    # The rounding of a product, and so the path of a descent, depends on the number of threads.
    with single_threaded():
        given = [*(network for _, network in named.values()), *starts]
        chains = [network.layers[:-1] for network in given if network.logits.any()]
        looked = look(problem, seed, EFFORTS[effort], chains, progress)
        ends = _finished(looked, FINISHED[effort], [network for _, network in list(named.values())[:NAMED]])
    best, hits = ends[0]
    catalogue = known_networks(problem)
    return Solution(
        problem,
        best.network.logits,
        recognise_network(best.network, catalogue),
        _ladder(ends, catalogue),
        {name: loss for name, (loss, _) in named.items()},
        f"best of {looked.descents} descents, {looked.random} of them from random starts; {hits} ended there",
        seed,
        effort,
        time.perf_counter() - began,
        network=best.network,
    )


def with_end(solution: Solution, end: Finished) -> Solution:
    """The solution with a better network, and its minimum on the ladder; how it is known stays as it is."""
    network, catalogue = end.network, known_networks(solution.problem)
    (rung,) = _ladder([(end, 0)], catalogue)
    rungs = {each.rank: each for each in solution.ladder}
    if rung.rank in rungs:
        before = rungs[rung.rank]
        rung = replace(before, minima=(*rung.minima, *before.minima))
    rungs[rung.rank] = rung
    return replace(
        solution,
        means=network.logits,
        recognition=recognise_network(network, catalogue),
        ladder=tuple(rungs[rank] for rank in sorted(rungs)),
        network=network,
    )


def _named(problem: DeepUFM) -> dict[str, tuple[float, ClassNetwork]]:
    """Loss and network of the named networks at their best scales, best first."""
    if not problem.balanced:
        return {each.structure.name: (each.loss, each.network) for each in unequal_losses(problem)}
    found = {}
    for each in network_catalogue(problem.classes, problem.loss, problem.depth):
        if problem.width is not None and each.width > problem.width:
            continue
        best = best_scales(each, problem.depth, mean_reg(problem), problem.class_sizes[0], problem.loss)
        network = at_scales(problem, each, best.scales.ravel().tolist())
        found[each.name] = (network.loss, network)
    return dict(sorted(found.items(), key=lambda item: item[1][0]))


def _finished(looked: Looked, count: int, named: Sequence[ClassNetwork]) -> list[tuple[Finished, int]]:
    """The finished minima with their hits, best first: never worse than a named network or zero."""
    ends = [(finish(looked.objective, point), int(hits)) for point, hits in looked.best(count)]
    alive = [network for network in named if network.logits.any()]
    ends += [(finish_network(network), 0) for network in alive]
    if alive and alive[0].loss < min(end.network.loss for end, _ in ends) * (1 - SAME):
        ends.append((Finished(alive[0], "unverified", float("nan"), float("nan")), 0))
    ends.append((Finished(zero_network(looked.objective.problem), "minimum", 0.0, looked.objective.reg), 0))
    ends = _distinct(ends)
    return _distinct([*((widened(end), hits) for end, hits in ends[:WIDENED]), *ends[WIDENED:]])


def _distinct(ends: Sequence[tuple[Finished, int]]) -> list[tuple[Finished, int]]:
    """One of each loss, a minimum if there is one, with the hits of all; best first."""
    distinct: list[tuple[Finished, int]] = []
    for end, hits in sorted(ends, key=lambda end: end[0].network.loss):
        if distinct and end.network.loss <= distinct[-1][0].network.loss * (1 + SAME):
            kept, before = distinct[-1]
            better = end if kept.verdict != "minimum" and end.verdict == "minimum" else kept
            distinct[-1] = (better, before + hits)
        else:
            distinct.append((end, hits))
    return distinct


def _ladder(ends: Sequence[tuple[Finished, int]], catalogue: Sequence[Known]) -> tuple[Rung, ...]:
    """Rungs by middle rank."""
    rungs: defaultdict[int, list[Minimum]] = defaultdict(list)
    for end, hits in ends:
        network = end.network
        name = recognise_network(network, catalogue).name
        rank = network.middle_rank
        rungs[rank].append(
            Minimum(network.loss, end.verdict, end.residual, end.curvature, hits, network.logits, rank, name)
        )
    nan = float("nan")
    ended = lambda minima: sum(minimum.hits for minimum in minima)
    return tuple(Rung(rank, tuple(minima), ended(minima), 0, nan) for rank, minima in sorted(rungs.items()) if rank)

"""Relu networks of many problems: each is searched from the best networks of those beside it, too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from optima.model import DeepUFM
from optima.model.class_network import ClassNetwork
from optima.progress import Part, Tell, silent
from optima.relu.descent import rescaled
from optima.relu.neighbours import Chain, with_collapsed_class, with_idle_layer
from optima.relu.objective import Objective
from optima.relu.solve import search_networks
from optima.relu.starts import chain_start
from optima.solution import Solution

Found = Mapping[DeepUFM, Solution]


def search_grid(
    problems: Iterable[DeepUFM], seed: int = 0, effort: str = "quick", progress: Tell[Part] = silent
) -> dict[DeepUFM, Solution]:
    """Best networks known of each problem, by :func:`optima.relu.search_networks` from its neighbours' networks.

    Problems of few classes and small depth come first; each begins from the best network of one layer less with an idle
    layer, of one class less with a collapsed one, and of the nearest lambda, where these are among the problems. The
    result depends on the set of problems, the seed and the effort, not on their order.

    Raises ValueError like :func:`optima.relu.search_networks`.
    """
    found: dict[DeepUFM, Solution] = {}
    ordered = sorted(set(problems), key=lambda problem: (problem.classes, problem.depth, problem.regs))
    for number, problem in enumerate(ordered):
        starts = [through(problem, chain) for chain in _beside(problem, found)]
        found[problem] = search_networks(problem, seed, effort, starts)
        progress(Part(number + 1, len(ordered), f"K = {problem.classes}, L = {problem.depth}"))
    return found


def _beside(problem: DeepUFM, found: Found) -> Iterator[Chain]:
    """Chains of the neighbours that are known, grown to the problem."""
    if chain := _chain(found, replace(problem, depth=problem.depth - 1)):
        yield from with_idle_layer(chain)
    if problem.classes > 2 and (chain := _chain(found, replace(problem, classes=problem.classes - 1))):
        yield with_collapsed_class(chain)
    others = [each for each in found if replace(each, reg=problem.reg) == problem]
    if others and (chain := _chain(found, max(others, key=lambda each: each.regs))):
        yield chain


def _chain(found: Found, problem: DeepUFM) -> Chain | None:
    """M_2, ..., M_L of the best network of a problem; None where that is not known, or zero."""
    network = found[problem].network if problem in found else None
    return None if network is None or not network.logits.any() else network.layers[:-1]


def through(problem: DeepUFM, chain: Chain) -> ClassNetwork:
    """The network of least norm through the given pre-activations, at the best of some scales."""
    objective = Objective(problem, (problem.classes, *(len(layer) for layer in chain)))
    return objective.network(rescaled(objective, chain_start(objective, chain)[None])[0])

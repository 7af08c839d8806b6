"""ReLU networks of many problems: each is searched, then the networks of its neighbours in lambda are tried in it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from optima.brief import counted
from optima.model import DeepUFM
from optima.model.class_network import ClassNetwork
from optima.progress import Part, Tell, Words, silent
from optima.reduction import mean_reg
from optima.relu.descent import rescaled
from optima.relu.finish import finish_network
from optima.relu.neighbours import Chain, with_collapsed_class, with_idle_layer
from optima.relu.objective import Objective
from optima.relu.solve import SAME, search_networks, with_end
from optima.relu.starts import chain_start
from optima.solution import Solution
from optima.workers.executors import processes
from optima.workers.threads import single_threaded
from optima.workers.work import work


def search_all_networks(
    problems: Sequence[DeepUFM],
    seed: int = 0,
    effort: str = "normal",
    progress: Tell[Words] = silent,
    workers: int = 1,
) -> list[Solution]:
    """Best relu networks known of many problems, in their order: :func:`search_along` for each kind of them.

    Parameters and errors are those of :func:`optima.sweep`.
    """
    jobs = [_Along(kind, seed, effort) for kind in _kinds(problems)]
    found: dict[DeepUFM, Solution] = {}

    def take(job: _Along, solutions: list[Solution]) -> None:
        found.update((solution.problem, solution) for solution in solutions)
        first = job.problems[0]
        progress(Words(f"{first.classes} classes, depth {first.depth}: {counted(len(solutions), 'cell')}"))

    if min(workers, len(jobs)) > 1:
        work(jobs, processes(min(workers, len(jobs))), take)
    else:
        for job in jobs:
            take(job, job.run())
    return [found[problem] for problem in problems]


def search_grid(
    problems: Iterable[DeepUFM], seed: int = 0, effort: str = "quick", progress: Tell[Part] = silent
) -> dict[DeepUFM, Solution]:
    """Best relu networks known of each problem, those of few classes and small depth first, by :func:`search_along`.

    Each also begins from the best networks of one layer less, with an idle layer, and of one class less, with a
    collapsed one, where these are among the problems. The result depends on the set of problems, the seed and the
    effort, not on their order.

    Raises ValueError like :func:`optima.relu.search_networks`.
    """
    found: dict[DeepUFM, Solution] = {}
    kinds = sorted(_kinds(problems), key=lambda kind: (kind[0].classes, kind[0].depth))
    count = sum(map(len, kinds))
    for kind in kinds:
        found.update((each.problem, each) for each in search_along(kind, seed, effort, found))
        progress(Part(len(found), count, f"K = {kind[0].classes}, L = {kind[0].depth}"))
    return found


def _kinds(problems: Iterable[DeepUFM]) -> list[list[DeepUFM]]:
    """Problems in parts that differ in lambda only."""
    kinds: defaultdict[str, list[DeepUFM]] = defaultdict(list)
    for problem in dict.fromkeys(problems):
        kinds[str((problem.classes, problem.depth, problem.samples, problem.width, problem.loss))].append(problem)
    return list(kinds.values())


@dataclass(frozen=True)
class _Along:
    """Problems that differ in lambda only."""

    problems: list[DeepUFM]
    seed: int
    effort: str

    def run(self) -> list[Solution]:
        return search_along(self.problems, self.seed, self.effort)


def search_along(
    problems: Iterable[DeepUFM], seed: int = 0, effort: str = "normal", found: Mapping[DeepUFM, Solution] | None = None
) -> list[Solution]:
    r"""Best relu networks known of problems that differ in lambda only, by lambda.

    .. math:: f_i \leftarrow \min(f_i, f_i(\text{the minimum at } \lambda_i \text{ next to the network of } i \pm 1))

    until nothing changes, from the f_i of :func:`optima.relu.search_networks` on: where lambda is small the best
    network is the same up to its scales. A neighbour's network costs one descent and Newton's method. The searches
    begin from networks of one layer or class less, too, where ``found`` has them.

    Parameters and errors are those of :func:`optima.relu.search_networks`.
    """
    ordered = sorted(problems, key=lambda problem: (mean_reg(problem), problem.regs))
    starts = lambda problem: [through(problem, chain) for chain in _smaller(problem, found or {})]
    return passed_on([search_networks(problem, seed, effort, starts(problem)) for problem in ordered])


def _smaller(problem: DeepUFM, found: Mapping[DeepUFM, Solution]) -> Iterator[Chain]:
    """Chains of the networks of one layer or class less that are known, grown to the problem."""
    if chain := _chain(found, replace(problem, depth=problem.depth - 1)):
        yield from with_idle_layer(chain)
    fewer = problem.balanced and problem.classes > 2
    if fewer and (chain := _chain(found, replace(problem, classes=problem.classes - 1))):
        yield with_collapsed_class(chain)


def _chain(found: Mapping[DeepUFM, Solution], problem: DeepUFM) -> Chain | None:
    """M_2, ..., M_L of the best network of a problem; None where that is not known, or zero."""
    network = found[problem].network if problem in found else None
    return None if network is None or not network.logits.any() else network.layers[:-1]


def through(problem: DeepUFM, chain: Chain) -> ClassNetwork:
    """The network of least norm through the given pre-activations, at the best of some scales."""
    objective = Objective(problem, (problem.classes, *(len(layer) for layer in chain)))
    return objective.network(rescaled(objective, chain_start(objective, chain)[None])[0])


def passed_on(solutions: Sequence[Solution]) -> list[Solution]:
    """The solutions of neighbouring problems, in their order, after the networks of each were tried beside it."""
    best, last = list(solutions), len(solutions) - 1
    up = [(place, place - 1) for place in range(1, last + 1)]
    down = [(place, place + 1) for place in reversed(range(last))]
    tried: dict[tuple[int, int], ClassNetwork | None] = {}
    changed = True
    while changed:
        changed = False
        for here, there in (*up, *down):
            network = best[there].network
            if network is None or tried.get((here, there)) is network:
                continue
            tried[here, there] = network
            better = _taken_over(best[here], network)
            if better is not None:
                why = f"the network at lambda = {mean_reg(network.problem):.6g}, better here than the "
                best[here] = replace(better, known_by=f"one descent from {why}{solutions[here].known_by}")
                changed = True
    return best


def _taken_over(solution: Solution, network: ClassNetwork) -> Solution | None:
    """The solution by the minimum next to a network of another problem, if it is better."""
    if not network.logits.any():
        return None
    with single_threaded():
        end = finish_network(ClassNetwork(solution.problem, network.factors))
    return with_end(solution, end) if end.network.loss < solution.loss * (1 - SAME) else None

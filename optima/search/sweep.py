"""Many problems at once: cells with the same classes share their codes, each starts from its neighbours' best."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace

from optima.brief import counted
from optima.limits import check_searchable
from optima.model import DeepUFM
from optima.model.arguments import model_itself, several
from optima.model.inputs import one_of, positive_integer
from optima.progress import Tell, Words, silent
from optima.reduction import Reduction
from optima.search.effort import EFFORTS
from optima.search.ladder import search
from optima.search.sweep_group import Group
from optima.solution import Solution
from optima.workers.executors import processes
from optima.workers.work import work


def search_all(
    problems: DeepUFM | Iterable[DeepUFM],
    seed: int = 0,
    effort: str = "normal",
    progress: Tell[Words] = silent,
    workers: int = 1,
) -> list[Solution]:
    r"""Best minima known of many problems, in their order, without proofs: cells help each other.

    .. math:: \min_M \operatorname{fit}(M) + c \sum_i s_i(Z)^p, \qquad \operatorname{rank} M \le \min(d, K-1)

    Problems with the same classes, class sizes, width and loss (balanced ones whatever their n, which goes into
    lambda) form a group. One cell in 14, spread over depth and log lambda, is searched from scratch; the minima on
    its ladder, the named structures and a few random codes for each cell are the starts of all cells, rescaled, those
    within 10 % of the best there. Then every cell descends from the codes of its neighbours in depth and in lambda,
    rung by rung, until none improves. Squared error, and cross-entropy at L = 1 and d >= K - 1, are solved exactly.

    The ladder of a solution lists the rungs within 2 % of the best; only the best minimum has its curvature computed.
    ``seconds`` is the time of the group over its number of cells.

    Parameters and errors are those of :func:`optima.sweep`. Source: theory of the ladder of ranks.
    """
    one_of("effort", effort, tuple(EFFORTS))
    seed, workers = positive_integer("seed", seed, minimum=0), positive_integer("workers", workers)
    problems = several(problems)
    groups: dict[object, set[DeepUFM]] = {}
    for problem in problems:
        check_searchable(model_itself(problem))
        groups.setdefault(_kind(problem), set()).add(problem)
    # The largest first, so that the processes end together.
    cost = lambda group: (len(group) * group[0].classes ** 2, str(_kind(group[0])))
    tasks = sorted((sorted(group, key=_place) for group in groups.values()), key=cost, reverse=True)
    jobs = [_GroupJob(task, seed, effort) for task in tasks]
    found: dict[DeepUFM, Solution] = {}

    def take(job: _GroupJob, solutions: list[Solution]) -> None:
        found.update((solution.problem, solution) for solution in solutions)
        K, each, cells = solutions[0].problem.classes, solutions[0].seconds, counted(len(solutions), "cell")
        progress(Words(f"{K} classes: {cells}, {each:.3g} s each; {len(found)} cells done"))

    if min(workers, len(jobs)) > 1:
        work(jobs, processes(min(workers, len(jobs))), take)
    else:
        for job in jobs:
            take(job, job.run())
    return [found[problem] for problem in problems]


def _kind(problem: DeepUFM) -> object:
    sizes = None if problem.balanced else problem.samples
    return problem.classes, sizes, problem.max_rank, problem.loss, problem.activation


def _place(problem: DeepUFM) -> tuple[object, ...]:
    """What sorts the problems of a group, with a place of its own for each."""
    regs, width = problem.regs, problem.width or 0
    return problem.depth, Reduction(problem).reg, str(problem.samples), regs, width


@dataclass(frozen=True)
class _GroupJob:
    """All problems of one kind."""

    problems: list[DeepUFM]
    seed: int
    effort: str

    def run(self) -> list[Solution]:
        began = time.perf_counter()
        problems = self.problems
        exact = [p for p in problems if p.loss == "mse" or (p.depth == 1 and p.max_rank >= p.classes - 1)]
        rest = [problem for problem in problems if problem not in set(exact)]
        solutions = [search(problem, self.seed, self.effort, many=True) for problem in exact]
        if rest:
            solutions += Group(rest, self.seed, self.effort).solutions()
        each = (time.perf_counter() - began) / len(problems)
        return [replace(solution, seconds=each) for solution in solutions]

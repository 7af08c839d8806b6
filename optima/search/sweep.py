"""Many problems at once: cells with the same classes share their codes, each starts from its neighbours' best."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace

from optima.limits import check_searchable
from optima.model import DeepUFM
from optima.model.arguments import model_itself, several
from optima.model.inputs import one_of, positive_integer
from optima.reduction import Reduction
from optima.search.ladder import EFFORTS, search
from optima.search.sweep_group import Group
from optima.solution import Solution
from optima.workers.guard import check_guard
from optima.workers.threads import one_blas_thread

Progress = Callable[[str], None]


def search_all(
    problems: DeepUFM | Iterable[DeepUFM],
    seed: int = 0,
    effort: str = "normal",
    progress: Progress | None = None,
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

    Parameters
    ----------
    problems
        The models; one alone counts as a list of one.
    seed
        Seed of the random starts. The result depends on the set of problems and the seed, not on the order of the
        problems nor on ``workers``.
    effort
        ``"quick"``, ``"normal"`` or ``"thorough"``.
    progress
        Called with one line after each group.
    workers
        Processes that share the groups, each with one BLAS thread; 1 stays in this process. A script that asks for
        more makes its calls under ``if __name__ == "__main__":``.

    Raises ValueError for relu models, an unknown effort, and problems beyond :mod:`optima.limits`, and
    RuntimeError in a script that its workers would run again. Source: theory of the ladder of ranks.
    """
    one_of("effort", effort, tuple(EFFORTS))
    seed, workers = positive_integer("seed", seed, minimum=0), positive_integer("workers", workers)
    problems = several(problems)
    groups: dict[object, set[DeepUFM]] = {}
    for problem in problems:
        check_searchable(model_itself(problem))
        groups.setdefault(_kind(problem), set()).add(problem)
    # The largest first, so that the processes end together.
    tasks = sorted((sorted(group, key=_place) for group in groups.values()), key=_cost, reverse=True)
    found: dict[DeepUFM, Solution] = {}
    for solutions in _all(tasks, seed, effort, min(workers, len(tasks))):
        found |= {solution.problem: solution for solution in solutions}
        if progress:
            first = solutions[0]
            cells = f"{len(solutions)} cell" + "s" * (len(solutions) > 1)
            progress(f"{first.problem.classes} classes: {cells}, {first.seconds:.3g} s each; {len(found)} cells done")
    return [found[problem] for problem in problems]


def _kind(problem: DeepUFM) -> object:
    sizes = None if problem.balanced else problem.samples
    return problem.classes, sizes, problem.max_rank, problem.loss, problem.activation


def _place(problem: DeepUFM) -> tuple[object, ...]:
    """What sorts the problems of a group, with a place of its own for each."""
    regs, width = problem.regs, problem.width or 0
    return problem.depth, Reduction(problem).reg, str(problem.samples), regs, width


def _cost(group: list[DeepUFM]) -> tuple[int, object]:
    return len(group) * group[0].classes ** 2, str(_kind(group[0]))


def _all(tasks: list[list[DeepUFM]], seed: int, effort: str, workers: int) -> Iterator[list[Solution]]:
    if workers <= 1:
        yield from (_sweep_group(task, seed, effort) for task in tasks)
        return
    check_guard()
    with one_blas_thread():
        pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))
        try:
            yield from (
                future.result()
                for future in as_completed([pool.submit(_sweep_group, task, seed, effort) for task in tasks])
            )
        finally:
            pool.shutdown(cancel_futures=True)


def _sweep_group(problems: list[DeepUFM], seed: int, effort: str) -> list[Solution]:
    """All problems of one kind."""
    began = time.perf_counter()
    exact = [p for p in problems if p.loss == "mse" or (p.depth == 1 and p.max_rank >= p.classes - 1)]
    rest = [problem for problem in problems if problem not in set(exact)]
    solutions = [search(problem, seed, effort, many=True) for problem in exact]
    if rest:
        solutions += Group(rest, seed, effort).solutions()
    each = (time.perf_counter() - began) / len(problems)
    return [replace(solution, seconds=each) for solution in solutions]

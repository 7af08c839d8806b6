"""Solve a problem, and prove how good the solution is: the verbs above the search and the proofs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from optima.checker.tree_bound import MOST_IN_BALLS
from optima.files import check_output
from optima.model import Array, DeepUFM
from optima.model.arguments import model_itself, several, takes_model
from optima.progress import Tell, Words, silent
from optima.proofs.budget import budget_of
from optima.proofs.gap import gap_of_search
from optima.proofs.prove import PARTS, cheap_certificate, instant_certificate, prove
from optima.proofs.relu_bounds import network_certificate
from optima.proofs.searching import Searching
from optima.relu.continuation import search_all_networks
from optima.relu.search import check_findable
from optima.relu.solve import search_networks
from optima.search.ladder import search
from optima.search.sweep import search_all
from optima.solution import Solution


@takes_model()
def solve(
    problem: DeepUFM,
    seed: int = 0,
    effort: str = "normal",
    starts: Sequence[Array] = (),
    ranks: Sequence[int] | None = None,
    progress: Tell[Words] | None = None,
    many: bool = False,
) -> Solution:
    r"""Best minimum known of the model, over logits or relu networks of every rank, with a lower bound.

    .. math:: \min_M \operatorname{fit}(M) + c \sum_i s_i(Z)^p, \qquad \operatorname{rank} M \le \min(d, K-1)

    The search is :func:`optima.search.ladder.search`, which says how it looks and what its parameters are. The bound is
    the best to be had from a few thousand boxes, with ``effort="thorough"`` also from pairs of classes (about a
    second); :func:`certify` works for a closer one. ReLU networks:
    :func:`optima.relu.solve.search_networks`, with the best bound without boxes.

    Parameters
    ----------
    problem
        The model; or its numbers, ``solve(4, 2, 1e-3)`` for ``solve(DeepUFM(4, 2, 1e-3))``.
    seed
        Seed of the random starts; equal seeds give equal results.
    effort
        ``"quick"``, ``"normal"`` or ``"thorough"``.
    starts
        Class-mean logits (K, K) to begin from in addition, such as the solutions of neighbouring problems.
    ranks
        Only logits of these ranks; None searches as described.
    progress
        Called with one line after the named structures and after each batch of descents.
    many
        Whether this is one problem of many: then also problems of few classes wait for machine code to be made.

    Raises ValueError for an unknown effort, for starts and ranks with relu, and for problems beyond
    :mod:`optima.limits`. Source: theory of the ladder of ranks; garrod2025; sukenik2024.

    Examples
    --------
    >>> import optima
    >>> solution = optima.solve(4, 2, 1e-2)
    >>> solution.structure, round(solution.loss, 6), str(solution.kind)
    ('simplex', 0.151446, 'best of starts')
    """
    if problem.nonlinear:
        return _network(problem, seed, effort, starts, ranks, progress or silent)
    solution = search(problem, seed, effort, starts, ranks, progress or silent, many)
    return replace(solution, proof=cheap_certificate(problem, solution.means, effort == "thorough"))


def _network(
    problem: DeepUFM,
    seed: int,
    effort: str,
    starts: Sequence[Array],
    ranks: Sequence[int] | None,
    progress: Tell[Words],
) -> Solution:
    if len(starts) or ranks is not None:
        raise ValueError("logits do not tell a relu network: starts and ranks are for linear models; leave them out")
    solution = search_networks(problem, seed, effort, progress=progress)
    assert solution.network is not None
    return replace(solution, proof=network_certificate(solution.network))


def sweep(
    problems: DeepUFM | Iterable[DeepUFM],
    seed: int = 0,
    effort: str = "normal",
    progress: Tell[Words] | None = None,
    workers: int = 1,
) -> list[Solution]:
    r"""Best minima known of many problems, in their order: :func:`solve`, with cells that help each other.

    .. math:: \min_M \operatorname{fit}(M) + c \sum_i s_i(Z)^p, \qquad \operatorname{rank} M \le \min(d, K-1)

    How: :func:`optima.search.sweep.search_all`, and of relu networks
    :func:`optima.relu.continuation.search_all_networks`. Each solution has the lower bound of one scalar equation;
    :func:`certify` works for a closer one.

    Parameters
    ----------
    problems
        The models; one alone counts as a list of one.
    seed, effort
        As of :func:`solve`. The result depends on the set of problems and the seed, not on their order nor on
        ``workers``.
    progress
        Called with one line after each group of problems of one kind.
    workers
        Processes that share the groups, each with one BLAS thread; 1 stays in this process. A script that asks for
        more makes its calls under ``if __name__ == "__main__":``.

    Raises ValueError for an unknown effort, and problems beyond :mod:`optima.limits`, and RuntimeError in a script that
    its workers would run again. Source: theory of the ladder of ranks.

    Examples
    --------
    >>> import optima
    >>> [solution.structure for solution in optima.sweep([optima.DeepUFM(4, depth, 1e-3) for depth in (1, 2, 3)])]
    ['simplex', 'simplex', 'pairs']
    """
    given, how = several(problems), (seed, effort, progress or silent, workers)
    for problem in given:
        check_findable(model_itself(problem))
    relu = [problem for problem in given if problem.nonlinear]
    # The rest also where there is none: bad options are refused there.
    linear = iter(search_all([problem for problem in given if not problem.nonlinear], *how))
    networks = iter(search_all_networks(relu, *how))
    return [_bounded(next(networks if problem.nonlinear else linear)) for problem in given]


def _bounded(solution: Solution) -> Solution:
    """The solution with a lower bound that costs nothing."""
    network = solution.network
    instant = instant_certificate(solution.problem, solution.means) if network is None else network_certificate(network)
    return replace(solution, proof=instant)


@takes_model(Solution)
def certify(
    problem: DeepUFM | Solution,
    gap: float = 1e-6,
    minutes: float | None = None,
    memory: float = 4.0,
    checkpoint: str | Path | None = None,
    progress: Tell[Searching] | None = None,
    intervals: bool = False,
    boxes: int | None = None,
) -> Solution:
    r"""The best minimum known, with a certificate of how far from it the global minimum can be.

    .. math:: \text{lower} \le \min f \le \text{upper}, \qquad \text{gap} = 1 - \text{lower} / \text{upper}

    Parameters
    ----------
    problem
        A linear model, or a solution of one to be certified; or its numbers, ``certify(4, 2, 1e-3)``.
    gap
        The proof ends when the gap of the solution, as it is printed, is no larger.
    boxes, memory
        Or after the batch that reaches this many boxes or GiB; by default 600,000 boxes, unless there are minutes.
        The bound holds in any case, and is the same on a busy machine.
    minutes
        Or after this time. Only then the bound depends on the machine; ``certificate.ended`` tells what ended a proof.
    checkpoint
        File in which an interrupted proof is kept (also on Ctrl-C), and from which the same call goes on, to the same
        end: the budget counts the work of all calls.
    progress
        Called with the running search: words by ``str``, ``fraction`` of the budget, ``bound``, ``target``, ``size``
        (boxes) and ``seconds``.
    intervals
        Search at most three classes, so that the certificate can be checked in interval arithmetic.

    For relu networks the bound is the best without boxes, by the nuclear norm, by two directions or by the shares of
    classes, whatever the gap asked for: no search of boxes is known.

    Raises ValueError for a gap outside [1e-11, 1).
    Source: derivations/convex_concave.py, derivations/neighbourhood.py, derivations/plane_bound.py,
    derivations/subsampling_bound.py, derivations/pair_bound.py,
    derivations/rank_one_bound.py, derivations/network_price.py.

    Examples
    --------
    >>> import optima
    >>> solution = optima.certify(3, 2, 1e-2, gap=1e-6)
    >>> solution.structure, str(solution.kind), solution.gap <= 1e-6
    ('simplex', 'certified', True)
    """
    gap_of_search(gap)
    budget = budget_of(boxes, memory, minutes)
    path = None if checkpoint is None else Path(checkpoint)
    check_output(path, force=True)
    if not isinstance(problem, Solution) and problem.nonlinear:
        return _network(problem, 0, "normal", (), None, silent)
    solution = problem if isinstance(problem, Solution) else search(problem)
    if solution.network is not None:
        return replace(solution, proof=network_certificate(solution.network))
    most_classes = MOST_IN_BALLS if intervals else max(PARTS)
    proof = prove(solution.problem, solution.means, gap, budget, path, progress or silent, most_classes)
    return replace(solution, proof=proof)

"""Solve a problem and prove how good the solution is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from optima.checker.tree_bound import MOST_IN_BALLS
from optima.files import check_output
from optima.model import DeepUFM
from optima.model.arguments import takes_model
from optima.proofs.branch_and_bound import BranchAndBound
from optima.proofs.budget import budget_of
from optima.proofs.gap import gap_of_search
from optima.proofs.prove import PARTS, prove
from optima.search.ladder import solve
from optima.solution import Solution


@takes_model(Solution)
def certify(
    problem: DeepUFM | Solution,
    gap: float = 1e-6,
    minutes: float | None = None,
    memory: float = 4.0,
    checkpoint: str | Path | None = None,
    progress: Callable[[BranchAndBound], None] | None = None,
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
        Called with the running search: its ``bound``, ``target``, ``size`` (boxes) and ``seconds``.
    intervals
        Search at most three classes, so that the certificate can be checked in interval arithmetic.

    Raises ValueError for relu models, and for a gap outside [1e-11, 1).
    Source: derivations/convex_concave.py, derivations/neighbourhood.py, derivations/subsampling_bound.py.
    """
    gap_of_search(gap)
    budget = budget_of(boxes, memory, minutes)
    path = None if checkpoint is None else Path(checkpoint)
    check_output(path, force=True)
    solution = problem if isinstance(problem, Solution) else solve(problem)
    tell = progress or (lambda search: None)
    most_classes = MOST_IN_BALLS if intervals else max(PARTS)
    proof = prove(solution.problem, solution.means, gap, budget, path, tell, most_classes)
    return replace(solution, proof=proof)

"""Solve a problem and prove how good the solution is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from optima.certify.branch import BranchAndBound
from optima.certify.check.search import MOST_IN_BALLS
from optima.certify.prove import PARTS, prove
from optima.files import check_output
from optima.model import DeepUFM, positive_number
from optima.solution import Solution
from optima.solve.search import solve


def certify(
    problem: DeepUFM | Solution,
    gap: float = 1e-6,
    minutes: float = 5.0,
    memory: float = 4.0,
    checkpoint: str | Path | None = None,
    progress: Callable[[BranchAndBound], None] | None = None,
    intervals: bool = False,
) -> Solution:
    r"""The best minimum known, with a certificate of how far from it the global minimum can be.

    .. math:: \text{lower} \le \min f \le \text{upper}, \qquad \text{gap} = 1 - \text{lower} / \text{upper}

    Parameters
    ----------
    problem
        A linear model, or a solution of one to be certified.
    gap, minutes, memory
        The proof ends at this relative gap, after this time, or with this many GiB; the bound holds in any case.
    checkpoint
        File in which an interrupted proof is kept (also on Ctrl-C), and from which the same call goes on.
    progress
        Called with the running search: its ``bound``, ``target``, ``visited`` boxes and ``seconds``.
    intervals
        Search at most three classes, so that the certificate can be checked in interval arithmetic.

    Raises ValueError for relu models, and for a gap outside (0, 1).
    Source: derivations/convex_concave.py, derivations/neighbourhood.py, derivations/subsampling_bound.py.
    """
    if not 0 < gap < 1:
        raise ValueError(f"gap is {gap}; pass a relative gap between 0 and 1, such as 1e-6")
    seconds = 60 * positive_number("minutes", minutes)
    memory = positive_number("memory", memory)
    path = None if checkpoint is None else Path(checkpoint)
    check_output(path, force=True)
    solution = problem if isinstance(problem, Solution) else solve(problem)
    tell = progress or (lambda search: None)
    most_classes = MOST_IN_BALLS if intervals else max(PARTS)
    proof = prove(solution.problem, solution.means, gap, seconds, memory, path, tell, most_classes)
    return replace(solution, proof=proof)

"""From which regularisation on the zero logits are the global minimum."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from optima.model import DeepUFM
from optima.model.arguments import takes_model
from optima.model.inputs import positive_number
from optima.proofs.arithmetic import proving
from optima.proofs.form import ConvexConcave
from optima.proofs.prove import PARTS
from optima.proofs.small_problems import one_direction, search_of
from optima.search.ladder import search

# Boxes given to one proof.
BOXES = 8_000


@dataclass(frozen=True)
class ZeroThreshold:
    """Zero logits are certified to be the global minimum for reg >= ``certified``, and refuted for reg <= ``refuted``.

    ``beaten_by`` names what has a smaller loss at ``refuted``, ``method`` says how ``certified`` is known.
    """

    certified: float
    refuted: float
    beaten_by: str
    method: str


@takes_model(reg=1.0)
def zero_threshold(problem: DeepUFM, tolerance: float = 1e-3) -> ZeroThreshold:
    r"""The smallest regularisation at which zero is certified to be global, and the largest at which it is refuted.

    .. math:: f(Z) \ge f(0) = \log K \quad \text{for all } Z

    The minimum is increasing in reg, so both sets are intervals. Proofs search boxes of matrices for two to four
    classes, and for more the means over three and four of them; where a singular value is thin (t^((L-1)/2) <= c / A)
    it is better dropped, which settles the neighbourhood of zero exactly. Each proof has 8,000 boxes, so that the
    answer does not depend on how busy the machine is.

    Parameters
    ----------
    problem
        A balanced linear cross-entropy model with L >= 2, whose reg is not used; or its numbers,
        ``zero_threshold(4, 2)``.
    tolerance
        Both ends are found to this relative accuracy; what lies between them is open.

    Raises ValueError for other models. Source: derivations/convex_concave.py, derivations/subsampling_bound.py.

    Examples
    --------
    >>> import optima
    >>> found = optima.zero_threshold(3, 2)
    >>> round(found.refuted, 4), round(found.certified, 4)
    (0.1941, 0.1942)
    """
    positive_number("tolerance", tolerance)
    if problem.loss != "ce" or problem.depth < 2 or not problem.balanced or problem.activation != "linear":
        raise ValueError("zero_threshold takes balanced linear cross-entropy models of depth 2 or more; pass one")
    with proving():
        refuted, beaten_by = _refuted(problem, tolerance)
        low, high = refuted, refuted
        while not _certified(problem, high):
            low, high = high, 2 * high
        while high / low > 1 + tolerance:
            middle = float(np.sqrt(low * high))
            low, high = (low, middle) if _certified(problem, middle) else (middle, high)
    most = max(PARTS)
    parts = "all matrices" if problem.classes <= most else f"means over at most {most} classes"
    return ZeroThreshold(high, refuted, beaten_by, f"branch and bound over {parts}, in floating point")


def _refuted(problem: DeepUFM, tolerance: float) -> tuple[float, str]:
    """The largest reg at which the search finds something better than zero, by bisection."""
    better, name = 1.0, _better_than_zero(problem, 1.0)
    worse = 1.0
    while not name:
        worse, better = better, better / 2
        name = _better_than_zero(problem, better)
    while worse <= better and (found := _better_than_zero(problem, 2 * better)):
        better, name = 2 * better, found
    worse = max(worse, 2 * better) if worse <= better else worse
    while worse / better > 1 + tolerance:
        middle = float(np.sqrt(worse * better))
        found = _better_than_zero(problem, middle)
        better, name, worse = (middle, found, worse) if found else (better, name, middle)
    return better, name


def _better_than_zero(problem: DeepUFM, reg: float) -> str:
    solution = search(replace(problem, reg=reg), effort="quick")
    return solution.structure if solution.loss < np.log(problem.classes) * (1 - 1e-12) else ""


def _certified(problem: DeepUFM, reg: float) -> bool:
    form = ConvexConcave.of(replace(problem, reg=reg))
    whole = problem.classes <= max(PARTS)
    for part in [form] if whole else [one_direction(form), *map(form.subsample, PARTS)]:
        boxes = search_of(part, part.zero_fit, 0.0)
        boxes.run(BOXES)
        if boxes.done:
            return True
    return False

"""Solutions that come from elsewhere: each field is of its kind, or refused in one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from optima.model import DeepUFM
from optima.model.foreign import check_fields, check_matrix, check_real, check_words
from optima.model.inputs import one_of, positive_integer, shown
from optima.proofs.certificate import check_certificate
from optima.solution.knowledge import EFFORTS

if TYPE_CHECKING:
    from optima.solution.solution import Solution

# Relative difference of the parts of one solution that is rounding.
SAME = 1e-9


def check_solution(solution: Solution) -> None:
    """Raise ValueError or TypeError unless every field of a solution is of its kind, whoever wrote it."""
    if not isinstance(solution.problem, DeepUFM):
        raise TypeError(f"problem is {shown(solution.problem)}; pass a DeepUFM")
    check_fields(solution)
    check_fields(solution.recognition)
    check_matrix("means", solution.means, solution.problem.classes)
    positive_integer("seed", solution.seed, minimum=0)
    one_of("effort", solution.effort, EFFORTS)
    check_real("seconds", solution.seconds)
    if not isinstance(solution.candidates, Mapping):
        raise TypeError(f"candidates is {shown(solution.candidates)}; pass the loss of each structure by its name")
    for name, loss in solution.candidates.items():
        check_words("candidates", name)
        check_real(f"the loss of {name}", loss)
    for rung in solution.ladder:
        check_fields(rung)
        for minimum in rung.minima:
            check_fields(minimum)
            check_real("the loss of a minimum", minimum.loss)
            check_matrix("the means of a minimum", minimum.means, solution.problem.classes)
    _check_network(solution)
    for i, factor in enumerate(() if solution.network is None else solution.network.factors):
        if not (factor.dtype.kind == "f" and np.isfinite(factor).all()):
            raise ValueError(f"factor {i} of the network is {shown(factor)}; pass finite numbers")
    if solution.proof is not None:
        check_certificate(solution.proof)


def _check_network(solution: Solution) -> None:
    """Raise ValueError unless logits and upper bound are those of the network, where there is one."""
    network = solution.network
    if network is None:
        return
    room = SAME * float(np.abs(network.logits).max())
    if not np.allclose(network.logits, solution.means, rtol=0, atol=room):
        raise ValueError("the logits are not those of the network; pass both of one solution")
    if solution.proof is not None and abs(solution.proof.upper - network.loss) > SAME * network.loss:
        raise ValueError("the upper bound is not the loss of the network; pass both of one solution")

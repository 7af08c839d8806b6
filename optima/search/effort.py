"""How hard a search of one problem looks."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from optima.model import DeepUFM


@dataclass(frozen=True)
class Effort:
    """How hard to look.

    A rung gets batches of random starts until the rough chance of an unseen better minimum is at most ``unseen``, or
    ``distant`` where its best is not near the best of all. Where they are ``counted`` a batch has no more of them than
    that asks for, and there is none after ``few`` that all ended out of reach of the best. ``patience`` is the number
    of hopeless rungs in a row after which higher ones get only the named structures; ``hops`` is the number of kicks in
    a row, in units of K, after which a minimum that none of them improves is left; ``work`` bounds the starts on one
    rung, and the descents of its kicks, by (number) K^2; ``verify_all`` computes the curvature on hopeless rungs too;
    ``small`` is the number of classes up to which a single problem is less work than starting a compiler.
    """

    batch: int
    few: int
    unseen: float
    distant: float
    patience: int
    hops: float
    work: float
    verify_all: bool = False
    small: int = 0
    counted: bool = True

    def kicks(self, problem: DeepUFM) -> int:
        """Kicks in a row without a better minimum that end the search from it: fewer where each tries all it can."""
        return math.ceil(self.hops * problem.classes / (2 if problem.balanced else 1))


EFFORTS = {
    "quick": Effort(batch=6, few=4, unseen=0.1, distant=0.1, patience=2, hops=0.75, work=1e6, small=8),
    "normal": Effort(batch=7, few=4, unseen=0.03, distant=0.1, patience=3, hops=3, work=4e6, small=6),
    "thorough": Effort(
        batch=32, few=32, unseen=0.003, distant=0.003, patience=10**9, hops=12, work=2e8, verify_all=True
    ),
}
# Random starts of a batch, at least, where minima serve other problems too.
SHARED = 16


def effort_for(problem: DeepUFM, name: str, shared: bool = False) -> Effort:
    """The effort of this name for a problem; ``shared`` where what is found is the best of other problems."""
    effort = EFFORTS[name]
    if shared:
        effort = replace(effort, batch=max(effort.batch, SHARED), distant=effort.unseen)
    if shared or not problem.balanced:
        # With fewer starts a seed of twenty unequal classes ended 1e-4 above the others.
        effort = replace(effort, counted=False)
    return effort

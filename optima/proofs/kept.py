"""A search of boxes within its budget, with a copy in a file from which it goes on."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

import numpy as np

from optima.files import is_special, remove
from optima.progress import Tell
from optima.proofs.branch_and_bound import BranchAndBound
from optima.proofs.budget import Budget
from optima.proofs.searching import Searching

# Seconds between two copies of a search in its file.
SAVE_EVERY = 30.0


def run(
    search: BranchAndBound,
    budget: Budget,
    progress: Tell[Searching],
    checkpoint: Path | None = None,
    about: str = "",
    keep_done: bool = False,
) -> None:
    """Split boxes within the budget; where matrices are singular to rounding the bound so far stays.

    With a ``checkpoint`` a copy is written now and then and at an early end, from which the search of the same
    ``about`` goes on; when done the file is removed, or with ``keep_done`` written too.
    """
    if checkpoint is None:
        _split(search, budget, progress)
        return
    if checkpoint.exists() and not is_special(checkpoint):
        search.restore(checkpoint, about)
    saved = time.perf_counter()

    def keep(now: BranchAndBound) -> None:
        nonlocal saved
        progress(now)
        if time.perf_counter() - saved > SAVE_EVERY:
            now.save(checkpoint, about)
            saved = time.perf_counter()

    try:
        _split(search, budget, keep)
    finally:
        if keep_done or not search.done:
            search.save(checkpoint, about)
    if search.done and not keep_done:
        remove(checkpoint)


def _split(search: BranchAndBound, budget: Budget, progress: Tell[BranchAndBound]) -> None:
    with suppress(np.linalg.LinAlgError):
        search.run(budget.most, budget.seconds, progress)

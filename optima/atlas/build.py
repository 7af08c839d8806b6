"""Filling an atlas: the cells of a grid that are missing, solved by many workers, stored by one writer."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

from optima.atlas.filling import Filling
from optima.atlas.jobs import Job, jobs
from optima.atlas.record import Record
from optima.atlas.store import Store
from optima.model import DeepUFM
from optima.model.inputs import one_of, positive_integer
from optima.model.key import normalised
from optima.progress import Tell, silent
from optima.relu.search import check_findable
from optima.search.effort import EFFORTS
from optima.workers.executors import Executors, processes
from optima.workers.work import work

# A find lies at least this much (relative) below every named structure.
FIND = 1e-9


@dataclass
class BuildProgress(Filling):
    """How far a build is, how many cells were kept, and the best find.

    ``find`` is the record that lies furthest, relative, below every named structure.
    """

    kept: int = 0
    find: Record | None = None

    @property
    def rate(self) -> float:
        """Cells a second."""
        return self.done / max(time.monotonic() - self.began, 1e-9)

    def count(self, records: list[Record], kept: list[Record]) -> None:
        """Take the records of a job and those that the atlas kept."""
        self.done += len(records)
        self.finished = self.done
        self.kept += len(kept)
        for record in records:
            if record.gain > (FIND if self.find is None else self.find.gain):
                self.find = record

    def __str__(self) -> str:
        words = f"{self.done} of {self.total} cells, {self.rate:.3g} a second"
        if self.find is None:
            return words
        problem = self.find.problem
        return (
            f"{words}; best find K = {problem.classes}, L = {problem.depth}, reg {problem.regs[0]:.3g}: "
            f"{self.find.structure} of {'middle ' if problem.nonlinear else ''}rank {self.find.rank}, "
            f"{100 * self.find.gain:.2g} % below the catalogue"
        )


def build(
    store: Store,
    problems: Iterable[DeepUFM],
    seed: int = 0,
    effort: str = "normal",
    certify: bool = False,
    again: bool = False,
    executors: Executors | None = None,
    progress: Tell[BuildProgress] = silent,
) -> BuildProgress:
    r"""Solve the problems that an atlas lacks, and keep the better minimum of each.

    .. math:: \min_M \operatorname{fit}(M) + c \rho(Z) \quad \text{for every } (K, L, \lambda, n, d), \qquad
        \rho(Z) = \sum_i s_i(Z)^p \text{ (linear), the least cost of a network (relu)}

    The grid is cut into jobs of neighbouring cells of one kind (:func:`optima.atlas.jobs.cut`); a job solves its
    missing cells by :func:`optima.sweep`, or relu networks by :func:`optima.relu.continuation.search_along`, so that
    they help each other, and reads nothing else: one process, eight and a cluster store the same values. Jobs are
    stored whole: after a kill the same call solves the jobs that were in flight, to the values of an uninterrupted
    build. A larger grid solves its new cells among themselves.

    Parameters
    ----------
    certify
        Also work for a lower bound of each cell, for stored ones without a certificate too: from at most a few thousand
        boxes (about 0.1 s), so that it is a function of the logits stored, not of the machine or its load.
    again
        Solve all cells, also those stored: with another seed or more effort this may find better minima.
    executors
        Where the jobs run, :func:`processes`, :func:`dask` or :func:`here`; default one process for each core.
    progress
        Called after each job.

    Raises ValueError for an unknown effort and problems beyond :mod:`optima.limits`, and ConnectionError
    when a job keeps losing its worker or a cluster its scheduler.
    """
    one_of("effort", effort, tuple(EFFORTS))
    seed = positive_integer("seed", seed, minimum=0)
    grid = list(dict.fromkeys(map(normalised, problems)))
    for problem in grid:
        check_findable(problem)
    known = {} if again else store.known(grid)
    bare = [problem for problem, certified in known.items() if certify and not certified]
    records = {problem: record for problem in bare if (record := store.get(problem)) is not None}
    waiting = jobs(grid, known, records, seed, effort, certify)
    size = sum(job.size for job in waiting)
    state = BuildProgress(size, size)

    def take(job: Job, found: list[Record]) -> None:
        state.count(found, store.put(found))
        progress(state)

    work(waiting, executors or processes(), take, state.count_lost)
    return state

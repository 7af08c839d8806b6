"""A grid cut into jobs: what one worker solves in one go, and what is lost when it is killed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from optima.atlas.record import Record
from optima.model import DeepUFM
from optima.model.key import normalised, problem_text
from optima.proofs import cheap_certificate
from optima.reduction import Reduction
from optima.search.ladder import search
from optima.search.sweep import search_all
from optima.solution import Solution

# Cells of a job, and cells times K^2 above which there are fewer.
MOST, LEAST = 400, 20
WORK = 160_000


@dataclass(frozen=True)
class Job:
    """Cells that help each other, solved by one call of :func:`optima.sweep`; ``certified`` ones need only a bound."""

    problems: tuple[DeepUFM, ...]
    seed: int
    effort: str
    certify: bool
    certified: tuple[Record, ...] = ()

    @property
    def size(self) -> int:
        """Number of cells."""
        return len(self.problems) + len(self.certified)

    @property
    def cost(self) -> float:
        """Rough work, to begin with the largest."""
        cells = [*self.problems, *(record.problem for record in self.certified)]
        return float(sum(problem.classes**2 for problem in cells))

    def run(self) -> list[Record]:
        """Solve the cells; the same records in any process with one BLAS thread, whatever else is stored."""
        solutions = _linear(self.problems, self.seed, self.effort)
        records = [Record.of(solution, self.certify) for solution in solutions]
        bound = [
            replace(record, certificate=cheap_certificate(record.problem, record.means)) for record in self.certified
        ]
        return records + bound


def _linear(problems: Sequence[DeepUFM], seed: int, effort: str) -> list[Solution]:
    if len(problems) == 1:
        return [search(problems[0], seed, effort, many=True)]
    return search_all(problems, seed, effort) if problems else []


def cut(problems: Iterable[DeepUFM]) -> list[list[DeepUFM]]:
    """The grid in pieces of one kind (classes, samples, width, loss), each of neighbouring depths and lambdas.

    The pieces depend on the grid alone, neither on its order nor on what is stored already.
    """
    kinds: dict[str, set[DeepUFM]] = {}
    for problem in map(normalised, problems):
        key = str((problem.classes, problem.samples, problem.width, problem.loss))
        kinds.setdefault(key, set()).add(problem)
    pieces = []
    for _, members in sorted(kinds.items()):
        cells = sorted(members, key=lambda problem: (problem.depth, Reduction(problem).reg, problem_text(problem)))
        most = min(MOST, max(LEAST, WORK // cells[0].classes ** 2))
        count = math.ceil(len(cells) / most)
        ends = [len(cells) * i // count for i in range(count + 1)]
        pieces += [cells[low:high] for low, high in pairwise(ends)]
    return pieces


def jobs(
    problems: Iterable[DeepUFM],
    known: Mapping[DeepUFM, bool],
    records: Mapping[DeepUFM, Record],
    seed: int,
    effort: str,
    certify: bool,
) -> list[Job]:
    """The jobs that a grid still needs, the longest first.

    ``known`` says which problems are solved and whether they are certified; ``records`` has those that lack only a
    certificate.
    """
    out = []
    for piece in cut(problems):
        missing = tuple(problem for problem in piece if problem not in known)
        bare = tuple(records[problem] for problem in piece if problem in records)
        if missing or bare:
            out.append(Job(missing, seed, effort, certify, bare))
    return sorted(out, key=lambda job: (-job.cost, str(job.problems[:1]), str(job.certified[:1])))

"""A grid cut into jobs: what one worker solves in one go, and what is lost when it is killed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from optima.atlas.record import Record
from optima.model import DeepUFM
from optima.model.key import normalised, problem_text
from optima.reduction import mean_reg
from optima.relu.continuation import search_along
from optima.search.ladder import search
from optima.search.sweep import search_all
from optima.solution import Solution

# Cells of a job, and cells times K^2 above which there are fewer; those of relu networks, one search each, take longer.
MOST, LEAST, WORK = 400, 20, 160_000
MOST_NETWORKS, LEAST_NETWORKS, WORK_NETWORKS = 12, 4, 400
# How much longer a relu network takes than logits, for each layer, in rough.
LONGER = 1000


@dataclass(frozen=True)
class Job:
    """Cells that help each other, solved together; ``certified`` ones need only a bound."""

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
        each = (problem.classes**2 * (LONGER * problem.depth if problem.nonlinear else 1) for problem in cells)
        return float(sum(each))

    def run(self) -> list[Record]:
        """Solve the cells; the same records in any process with one BLAS thread, whatever else is stored."""
        nonlinear = any(problem.nonlinear for problem in self.problems)
        solutions = (search_along if nonlinear else _linear)(self.problems, self.seed, self.effort)
        return [*(Record.of(each, self.certify) for each in solutions), *(each.certified() for each in self.certified)]


def _linear(problems: Sequence[DeepUFM], seed: int, effort: str) -> list[Solution]:
    if len(problems) == 1:
        return [search(problems[0], seed, effort, many=True)]
    return search_all(problems, seed, effort) if problems else []


def cut(problems: Iterable[DeepUFM]) -> list[list[DeepUFM]]:
    """The grid in pieces of one kind (classes, samples, width, loss), each of neighbouring depths and lambdas.

    ReLU models of different depths are of different kinds. The pieces depend on the grid alone, neither on its order
    nor on what is stored already.
    """
    kinds: dict[str, set[DeepUFM]] = {}
    for problem in map(normalised, problems):
        key = problem.classes, problem.samples, problem.width, problem.loss, problem.nonlinear and problem.depth
        kinds.setdefault(str(key), set()).add(problem)
    pieces = []
    for _, members in sorted(kinds.items()):
        cells = sorted(members, key=lambda problem: (problem.depth, mean_reg(problem), problem_text(problem)))
        most = _most(cells[0])
        count = math.ceil(len(cells) / most)
        ends = [len(cells) * i // count for i in range(count + 1)]
        pieces += [cells[low:high] for low, high in pairwise(ends)]
    return pieces


def _most(problem: DeepUFM) -> int:
    """Cells of a job."""
    sizes = (MOST_NETWORKS, LEAST_NETWORKS, WORK_NETWORKS) if problem.nonlinear else (MOST, LEAST, WORK)
    return min(sizes[0], max(sizes[1], sizes[2] // problem.classes**2))


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

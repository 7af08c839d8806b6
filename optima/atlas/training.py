"""Filling an atlas with runs of gradient descent: the seeds that are missing, trained by many workers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from optima.atlas.filling import Filling
from optima.atlas.runs import Runs
from optima.atlas.store import Store
from optima.atlas.trained import Hyperparameters, Trained, trainable
from optima.limits import check_cells, check_trainable
from optima.model import DeepUFM
from optima.model.inputs import is_sequence, positive_integer
from optima.progress import Tell, silent
from optima.training import train as descend
from optima.training.initial import Initialisation
from optima.workers.executors import Executors, processes
from optima.workers.work import work

# Numbers in the factors of the runs of a job: as many as the trainer works on at a time, so that a batch is full and a
# kill loses little.
BATCH = 2**17


@dataclass(frozen=True)
class TrainingJob:
    """Runs that a worker trains as one array program: problems that differ in lambda only, each from these seeds."""

    problems: tuple[DeepUFM, ...]
    seeds: tuple[int, ...]
    hyperparameters: Hyperparameters

    @property
    def size(self) -> int:
        """Number of runs."""
        return len(self.problems) * len(self.seeds)

    @property
    def cost(self) -> int:
        """Rough work: numbers in the factors of all runs."""
        return self.size * _numbers(self.problems[0])

    def run(self) -> list[Trained]:
        """Train, and find the critical points."""
        settings = self.hyperparameters
        kept = {name: getattr(settings, name) for name in ("lr", "steps", "init", "scale", "rule", "tolerance")}
        training = descend(self.problems, seeds=self.seeds, record=False, threads=1, **kept)
        if settings.polish:
            training = training.polished()
        return [Trained.of(run, settings) for run in training.runs]


@dataclass
class TrainingProgress(Filling):
    """How far training is, and how many runs diverged."""

    diverged: int = 0

    def count(self, job: TrainingJob, runs: Sequence[Trained]) -> None:
        """Take what a job found."""
        self.done += job.size
        self.finished += job.cost
        self.diverged += sum(run.diverged for run in runs)

    def __str__(self) -> str:
        lost = f", {self.diverged} diverged" if self.diverged else ""
        return f"{self.done} of {self.total} runs{lost}"


def train(
    store: Store,
    problems: Iterable[DeepUFM],
    hyperparameters: Hyperparameters | None = None,
    seeds: int | Sequence[int] = 10,
    executors: Executors | None = None,
    progress: Tell[TrainingProgress] = silent,
) -> TrainingProgress:
    r"""Gradient descent on the problems from every seed, as far as an atlas does not hold the runs.

    .. math:: W_l \leftarrow W_l - \eta \nabla_{W_l} F, \quad H \leftarrow H - \eta \nabla_H F

    from the starting points of :class:`optima.training.initial.Initialisation`. The runs are cut into jobs of about a
    megabyte of factors; each is stored whole when it ends, so that a kill loses those in flight, and the same call
    goes on. Neither the number of workers nor the other runs change where a run ends.

    Parameters
    ----------
    problems
        Models, each with a width; relu models too.
    hyperparameters
        How they are trained; default :class:`Hyperparameters` as it is.
    seeds
        The number of seeds (0, 1, ...), or the seeds.
    executors
        Where the jobs run, :func:`processes` or :func:`dask`; default one process for each core.
    progress
        Called after each job.

    Raises ValueError and TypeError on bad input, and RuntimeError when a job keeps losing its worker.
    """
    settings = hyperparameters or Hyperparameters()
    numbers = seed_list(seeds)
    grid = checked(problems, settings)
    runs = Runs(store)
    waiting = cut({problem: _missing(runs, problem, settings, numbers) for problem in grid}, settings)
    state = TrainingProgress(sum(job.size for job in waiting), sum(job.cost for job in waiting))

    def take(job: TrainingJob, found: list[Trained]) -> None:
        runs.put(found)
        state.count(job, found)
        progress(state)

    work(waiting, executors or processes(), take, state.count_lost)
    return state


def checked(problems: Iterable[DeepUFM], hyperparameters: Hyperparameters) -> list[DeepUFM]:
    """The problems without repeats. Raises ValueError for one that cannot be trained so, before any work."""
    grid = list(dict.fromkeys(map(trainable, problems)))
    for problem in grid:
        check_trainable(problem)
        Initialisation(problem, hyperparameters.init, hyperparameters.scale)
    return grid


def seed_list(seeds: int | Sequence[int]) -> tuple[int, ...]:
    """0, 1, ... for a number of seeds, or the seeds themselves without repeats."""
    if is_sequence(seeds):
        return tuple(dict.fromkeys(positive_integer("seeds", seed, minimum=0) for seed in seeds))  # type: ignore[union-attr]
    count = positive_integer("seeds", seeds)
    check_cells(count)
    return tuple(range(count))


def _missing(runs: Runs, problem: DeepUFM, settings: Hyperparameters, seeds: Sequence[int]) -> tuple[int, ...]:
    known = runs.seeds(problem, settings)
    return tuple(seed for seed in seeds if seed not in known)


def cut(missing: dict[DeepUFM, tuple[int, ...]], settings: Hyperparameters) -> list[TrainingJob]:
    """Jobs that train each problem from its seeds, the longest first.

    Problems with the same seeds and shapes share jobs where the factors are small.
    """
    kinds: dict[tuple, list[DeepUFM]] = {}
    for problem, seeds in missing.items():
        p = problem
        if seeds:
            kinds.setdefault((seeds, p.classes, p.depth, p.samples, p.width, p.loss, p.activation), []).append(problem)
    jobs = []
    for (seeds, *_), problems in kinds.items():
        rows = max(1, BATCH // _numbers(problems[0]))
        together = max(1, rows // len(seeds))
        for first in range(0, len(problems), together):
            part = tuple(problems[first : first + together])
            jobs += [TrainingJob(part, seeds[low : low + rows], settings) for low in range(0, len(seeds), rows)]
    return sorted(jobs, key=lambda job: -job.cost)


def _numbers(problem: DeepUFM) -> int:
    """Numbers in the factors of one run."""
    assert problem.width is not None
    hidden = (problem.depth - 1) * problem.width**2
    return hidden + problem.width * (problem.classes + problem.size)

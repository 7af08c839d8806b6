"""Where gradient descent ends, over two numbers of the model: the probability of each structure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optima import brief
from optima.atlas.build import build
from optima.atlas.record import Record
from optima.atlas.runs import Runs
from optima.atlas.store import Store, at_hand
from optima.atlas.trained import Hyperparameters, Trained, trainable
from optima.atlas.training import checked, seed_list, train
from optima.limits import check_cells
from optima.model import DeepUFM
from optima.model.inputs import one_of
from optima.phases.diagram import AXES
from optima.presented import drawn_by
from optima.progress import Progress, Tell, silent
from optima.scales.collapse_loss import collapse_name
from optima.training import Share
from optima.training.compare import shares
from optima.workers.executors import Executors

# Stands for whatever structure the global minimum has.
GLOBAL = "global"
# Relative distance from the global minimum within which a run has reached it.
REACHED = 1e-6
# The two counts of a table: by the structure where descent stopped, and by that of the critical point beyond.
COUNTED = {False: "where descent ended", True: "where it was heading for"}


@dataclass(frozen=True)
class TrainingCell:
    """The runs of one problem, and its global minimum as far as it is known, of relu models the best network."""

    problem: DeepUFM
    runs: tuple[Trained, ...]
    minimum: Record

    @property
    def global_structure(self) -> str:
        """The structure of the global minimum, named as those of runs are."""
        return self.minimum.label

    def count(self, ending: str) -> int:
        """Number of runs that are ``"converged"``, ``"out of steps"`` or ``"diverged"``."""
        return sum(run.ending == ending for run in self.runs)

    def shares(self, polished: bool) -> dict[str, Share]:
        """Each structure at which runs ended, the most frequent first; diverged runs count as ``"diverged"``."""
        return shares(run.end(polished)[0] for run in self.runs)

    def share(self, structure: str, polished: bool) -> Share:
        """How many of all runs ended at a structure, or (``"global"``) at the global minimum's loss."""
        if structure == GLOBAL:
            hits = sum(self._reached(run.end(polished)[1]) for run in self.runs)
        else:
            hits = sum(run.end(polished)[0] == structure for run in self.runs)
        return Share(structure, hits, len(self.runs))

    def _reached(self, loss: float | None) -> bool:
        return loss is not None and loss <= self.minimum.loss * (1 + REACHED)


@dataclass(frozen=True)
class TrainingDiagram:
    """Where gradient descent ends.

    Attributes
    ----------
    x, y
        Names of the axes, two of ``AXES``.
    columns, rows
        Their values, ascending.
    cells
        One for each value of y and x, by row.
    hyperparameters
        How all were trained.
    fixed
        The numbers that do not vary.
    """

    x: str
    y: str
    columns: tuple[int | float, ...]
    rows: tuple[int | float, ...]
    cells: tuple[tuple[TrainingCell, ...], ...]
    hyperparameters: Hyperparameters
    fixed: Mapping[str, Any]

    def __repr__(self) -> str:
        runs = brief.counted(sum(len(cell.runs) for row in self.cells for cell in row), "run")
        return f"<TrainingDiagram of {self.y} against {self.x}: {len(self.rows)} x {len(self.columns)} cells, {runs}>"

    def plot(self, path: str | Path | None = None, structure: str | None = None) -> Any:
        """P(structure) in colour, of the simplex where nothing else is asked for: a matplotlib figure."""
        return drawn_by("plot.training_phase:plot_training_diagram", self, path, structure)

    @property
    def polished(self) -> bool:
        """Whether the critical points are known."""
        return self.hyperparameters.polish

    @property
    def flat(self) -> list[TrainingCell]:
        """The cells, row after row."""
        return [cell for row in self.cells for cell in row]

    def structures(self, polished: bool) -> list[str]:
        """All structures at which runs ended, the most frequent first."""
        return list(shares(run.end(polished)[0] for cell in self.flat for run in cell.runs))

    @property
    def telling(self) -> str:
        """Deep neural collapse where any run ends there; else the most frequent end."""
        ends, problem = self.structures(self.polished), self.flat[0].problem
        collapse = collapse_name(problem.loss, "relu" if problem.nonlinear else "linear")
        return collapse if collapse in ends else ends[0]

    def table(self) -> list[dict[str, Any]]:
        """How many runs of each cell end at each structure, with 95 % Wilson intervals, for a file of data."""
        return [
            row
            for polished in (False, True)
            if self.polished or not polished
            for cells, at_y in zip(self.cells, self.rows, strict=True)
            for cell, at_x in zip(cells, self.columns, strict=True)
            for row in self._rows(cell, {self.x: at_x, self.y: at_y}, polished)
        ]

    def _rows(self, cell: TrainingCell, place: dict[str, Any], polished: bool) -> Iterable[dict[str, Any]]:
        facts = {
            "converged": cell.count("converged"),
            "out_of_steps": cell.count("out of steps"),
            "diverged": cell.count("diverged"),
            "global_structure": cell.global_structure,
            "global_loss": cell.minimum.loss,
            "least_loss": min((loss for run in cell.runs if (loss := run.end(polished)[1]) is not None), default=None),
        }
        names = [*self.structures(polished), GLOBAL]
        for name in names:
            share = cell.share(name, polished)
            yield {**place, "counted": COUNTED[polished], "structure": name, **share.as_dict(), **facts}


def training_diagram(
    x: str,
    y: str,
    axes: Mapping[str, Sequence[int | float]],
    fixed: Mapping[str, Any],
    store: Store | None = None,
    hyperparameters: Hyperparameters | None = None,
    seeds: int | Sequence[int] = 10,
    seed: int = 0,
    effort: str = "quick",
    executors: Executors | None = None,
    progress: Tell[Progress] = silent,
) -> TrainingDiagram:
    r"""The probability that gradient descent ends at each structure, over two numbers of the model.

    .. math:: P(\text{structure}) = \frac{\#\{\text{seeds whose run ends there}\}}{\#\{\text{seeds}\}}

    with 95 % Wilson intervals; runs that diverge, or are still going at the last step, are among the seeds.

    Parameters
    ----------
    x, y
        Two of ``"classes"``, ``"depth"``, ``"reg"``, ``"width"``, ``"samples"``.
    axes
        The values on each axis.
    fixed
        The other parameters of :class:`DeepUFM`: classes, depth, reg and width unless on an axis, and where wanted
        samples, loss and activation.
    store
        Where runs and global minima are taken from and added to; the same call goes on after an interruption, and
        another grid or more seeds train what is new. None keeps them for this call only.
    hyperparameters, seeds
        See :func:`optima.atlas.train`.
    seed, effort
        Of the search for the global minima.
    executors
        See :func:`optima.atlas.train`.
    progress
        Called after each job, first of the search and then of training.

    Raises ValueError and TypeError on bad input.
    """
    one_of("x", x, AXES)
    one_of("y", y, tuple(axis for axis in AXES if axis != x))
    settings = hyperparameters or Hyperparameters()
    numbers = seed_list(seeds)
    check_cells(len(axes[x]) * len(axes[y]))
    columns, rows = (tuple(sorted(axes[axis])) for axis in (x, y))
    grid = [[trainable(DeepUFM(**{**fixed, x: a, y: b})) for a in columns] for b in rows]
    flat = checked((problem for line in grid for problem in line), settings)

    def cell(atlas: Store, problem: DeepUFM) -> TrainingCell:
        minimum = atlas.get(problem)
        assert minimum is not None
        return TrainingCell(problem, tuple(Runs(atlas).of(problem, settings, numbers)), minimum)

    with at_hand(store) as atlas:
        build(atlas, flat, seed, effort, executors=executors, progress=progress)
        train(atlas, flat, settings, numbers, executors, progress)
        cells = tuple(tuple(cell(atlas, problem) for problem in line) for line in grid)
    return TrainingDiagram(x, y, columns, rows, cells, settings, dict(fixed))

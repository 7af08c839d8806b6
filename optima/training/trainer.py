"""Training: many runs of full-batch gradient descent on all parameters, at once."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from optima import brief, html
from optima.files import check_output
from optima.limits import check_cells, check_trainable
from optima.model import Array, DeepUFM
from optima.model.arguments import several, takes_model
from optima.model.arrays import Backend
from optima.model.content import Content
from optima.model.inputs import is_sequence, one_of, positive_integer, positive_number, shown
from optima.model.key import problem_dict
from optima.progress import Part, Tell, silent
from optima.solution.knowledge import Knowledge
from optima.structures.names import canonical
from optima.training import checkpoint as stored
from optima.training.compare import Comparison, compare
from optima.training.descent import SPECTRUM, Descent, Settings, Trial
from optima.training.initial import Initialisation
from optima.training.layer_spectra import check_recordable
from optima.training.polish import polish
from optima.training.rule import Rule
from optima.training.run import Run, runs_table
from optima.workers.threads import crew

# Seconds between two reports of progress, and between two checkpoints.
REPORT = 0.25
STORE = 20.0


@dataclass(frozen=True)
class Progress:
    """How far training is: steps done of all, and the median loss of the runs now going."""

    done: int
    total: int
    loss: float

    @property
    def fraction(self) -> float:
        """Steps done of all."""
        return self.done / self.total

    def __str__(self) -> str:
        return f"loss {self.loss:.6g}"


@dataclass(frozen=True, eq=False)
class Training(Content):
    """The runs of a call of :func:`train`, in the order problems, widths, learning rates, seeds."""

    runs: tuple[Run, ...]

    def __repr__(self) -> str:
        converged = sum(run.converged for run in self.runs)
        diverged = sum(run.diverged for run in self.runs)
        problems = len({run.problem for run in self.runs})
        where = self.runs[0].problem.summary if problems == 1 else brief.counted(problems, "problem")
        return f"<Training {where}: {brief.counted(len(self.runs), 'run')}, {converged} converged, {diverged} diverged>"

    def _repr_html_(self) -> str:
        note = html.note(f"Losses {Knowledge.DESCENT}. See .compare() for those predicted.")
        return html.section(repr(self).strip("<>"), runs_table(self.runs), note)

    def plot(self, path: str | Path | None = None, effort: str = "quick") -> Any:
        """Loss curves with the predicted losses, and the mean logits of the commonest ends; a matplotlib figure.

        Raises ValueError for runs of several problems or learning rates, which :meth:`compare` tells apart: each
        comparison has a plot of its own.
        """
        cells = {(run.problem, run.lr) for run in self.runs}
        if len(cells) != 1:
            many = f"the runs are of {len(cells)} problems and learning rates"
            raise ValueError(f"{many}; plot each of them: [cell.plot() for cell in training.compare()]")
        return self.compare(effort)[0].plot(path)

    def polished(self, progress: Tell[Part] = silent) -> Training:
        """The same runs, each with the critical point it was heading for (:func:`optima.training.polish.polish`).

        Without regularisation there is none; see :func:`optima.heading`.
        """
        done = []
        for number, run in enumerate(self.runs):
            stays = run.diverged or not any(run.problem.regs)
            done.append(run if stays else replace(run, polished=polish(run.problem, run.factors)))
            progress(Part(number + 1, len(self.runs)))
        return Training(tuple(done))

    def compare(self, effort: str = "quick") -> list[Comparison]:
        """The runs of each problem and learning rate against every named structure and the global minimum."""
        return compare(self.runs, effort)


@takes_model(object)
def train(
    problem: DeepUFM | Sequence[DeepUFM],
    width: int | Sequence[int] | None = None,
    lr: float | Sequence[float] = 0.5,
    steps: int = 20_000,
    seeds: int | Sequence[int] = 10,
    *,
    init: str | ArrayLike = "gaussian",
    scale: float | None = None,
    rule: Rule | None = None,
    tolerance: float = 1e-5,
    margin: float | None = None,
    record: bool | str = True,
    backend: str = "numpy",
    device: str | None = None,
    threads: int | None = None,
    checkpoint: str | Path | None = None,
    progress: Tell[Progress] | None = None,
) -> Training:
    r"""Full-batch gradient descent on every factor of the model, for many seeds and settings at once.

    .. math:: W_l \leftarrow W_l - \eta \nabla_{W_l} F, \quad H \leftarrow H - \eta \nabla_H F, \qquad
        F = g(Z) + \sum_l \tfrac{\lambda_l}{2} \|W_l\|_F^2 + \tfrac{\lambda_H}{2} \|H\|_F^2

    Runs are all combinations of problems, widths, learning rates and seeds; those that differ in their
    regularisation, learning rate and seed only are one array program.

    A run has **converged** when, at one of the checks (steps 0, 1, 2, ..., ten for every factor of ten, and the last),
    ||grad F|| <= tolerance * ||(lam_1 W_1, ..., lam_L W_L, lam_H H)||, and the recognised structure of the
    class-mean logits is the same as at all checks since half that many steps. It has **diverged** when its logits are
    not finite or above 1e8 (looked at every 32 steps), or its objective or gradient overflows; the others go on.

    Parameters
    ----------
    problem
        The model, or several; or the numbers of one, ``train(4, 2, 1e-3, width=8)``.
    width
        Hidden width d, or several; None takes the width of the problem.
    lr
        Learning rate eta, or several. A rate is per step of the gradient of F, in which g is a mean over samples.
    steps
        Largest number of steps.
    seeds
        The number of seeds (0, 1, ...), or the seeds. Run by run the same seed gives the same starting point.
    init, scale
        See :class:`optima.training.initial.Initialisation`.
    rule
        See :class:`optima.training.rule.Rule`; None is plain gradient descent.
    margin
        End a run when the smallest margin of a sample, at a check, is this large; None never does. Without
        regularisation (reg = 0) there is no minimum to converge to: training ends at the margin or out of steps, its
        time is lr * steps, and :func:`optima.heading` says at which code it aims.
    record
        Whether spectra, margin and collapse are recorded at the checks; losses, gradient norms and class-mean logits
        always are. With ``"spectrum"`` the Hessian of every layer is followed too
        (:func:`optima.training.layer_spectra.measure_spectra`).
    backend, device
        Array library (``"numpy"``, ``"torch"``, ``"cupy"``, ``"jax"``) and its device.
    threads
        How many threads share out the runs, for numpy only; None is one for each core that the process may use, and
        one in all in a worker process of :mod:`multiprocessing`. The numbers are the same to the last bit whatever it
        is. During the call numpy's linear algebra is on one thread.
    checkpoint
        A file that is rewritten every 20 seconds and at the end. The same call with a file that is there goes on from
        it, and ends at the same numbers.
    progress
        Called a few times a second.

    Raises ValueError and TypeError on bad input. Source: garrod2025, section on experiments.

    Examples
    --------
    >>> import optima
    >>> runs = optima.train(4, 2, 1e-2, width=8, steps=2000, seeds=2)
    >>> runs
    <Training K=4 L=2 reg=0.01 d=8: 2 runs, 0 converged, 0 diverged>
    """
    if isinstance(record, str):
        one_of("record", record, (SPECTRUM,))
    trials = _trials(problem, width, lr, seeds)
    most = math.inf if margin is None else positive_number("margin", margin)
    settings = Settings(
        positive_integer("steps", steps), rule or Rule(), positive_number("tolerance", tolerance), record, most
    )
    library = Backend(backend, device)
    init = canonical(init) if isinstance(init, str) else init
    groups = _groups(trials)
    for group in groups:
        check_trainable(trials[group[0]].problem, len(group))
    starts = [_starts([trials[i] for i in group], init, scale) for group in groups]
    if record == SPECTRUM:
        for trial in trials:
            check_recordable(trial.problem)
    path = None if checkpoint is None else Path(checkpoint)
    check_output(path, force=True)
    command = _command(trials, settings, init, scale, library) if checkpoint else {}
    session = _Session(command, path, settings.steps * len(groups), progress)
    with crew(threads, library) as hands:
        fresh = lambda k: Descent([trials[i] for i in groups[k]], settings, library, hands)
        session.restore(fresh)
        for k, start in enumerate(starts):
            if k == len(session.descents):
                session.descents.append(fresh(k))
                session.descents[k].begin([make() for make in start])
            session.descents[k].run(session.pause)
            session.store()
    return _training(trials, groups, session.descents)


class _Session:
    """Progress and checkpoints of one call."""

    def __init__(self, command: dict[str, Any], path: Path | None, total: int, tell: Tell[Progress] | None) -> None:
        self.command, self.path, self.total, self.tell = command, path, total, tell
        self.descents: list[Descent] = []
        self.told = self.stored = time.monotonic()

    def restore(self, fresh: Callable[[int], Descent]) -> None:
        """Take up the descents of the checkpoint, if there is one."""
        if self.path is not None:
            self.descents = stored.restore(self.path, self.command, fresh)

    def store(self) -> None:
        """Write the checkpoint, if there is to be one."""
        if self.path is not None:
            stored.store(self.path, self.command, self.descents)
            self.stored = time.monotonic()

    def pause(self) -> None:
        """Report and store when it is time."""
        now = time.monotonic()
        if now - self.stored > STORE:
            self.store()
        if self.tell is not None and now - self.told > REPORT:
            self._report()
            self.told = now

    def _report(self) -> None:
        assert self.tell is not None
        latest = self.descents[-1]
        done = (len(self.descents) - 1) * latest.settings.steps + latest.step
        if latest.active:
            self.tell(Progress(done, self.total, float(np.median(latest.losses()))))


def _trials(
    problem: DeepUFM | Sequence[DeepUFM],
    width: int | Sequence[int] | None,
    lr: float | Sequence[float],
    seeds: int | Sequence[int],
) -> list[Trial]:
    problems = list(several(problem))
    if not problems or not all(isinstance(each, DeepUFM) for each in problems):
        raise TypeError(f"problem is {shown(problem)}; pass a DeepUFM, or a list of them")
    sized = [each for one in problems for each in _with_widths(one, width)]
    rates = [positive_number("lr", rate) for rate in several(lr)]
    for each in sized:
        check_trainable(each)
    check_cells(len(sized) * len(rates) * (len(seeds) if is_sequence(seeds) else positive_integer("seeds", seeds)))  # type: ignore[arg-type]
    if is_sequence(seeds):
        numbers = [positive_integer("seeds", seed, minimum=0) for seed in seeds]  # type: ignore[union-attr]
    else:
        numbers = list(range(positive_integer("seeds", seeds)))
    trials = [Trial(*each) for each in product(sized, rates, numbers)]
    if not trials or len(set(trials)) < len(trials):
        raise ValueError("the lists of problems, widths, learning rates and seeds must be without repeats, not empty")
    return trials


def _with_widths(problem: DeepUFM, width: int | Sequence[int] | None) -> list[DeepUFM]:
    if width is None:
        if problem.width is None:
            raise ValueError("the width is not given; pass width=70, or a problem with a width")
        return [problem]
    return [replace(problem, width=positive_integer("width", each)) for each in several(width)]


def _groups(trials: list[Trial]) -> list[list[int]]:
    """Numbers of the trials whose problems differ in their regularisation only."""
    groups: dict[tuple[Any, ...], list[int]] = {}
    for number, trial in enumerate(trials):
        p = trial.problem
        groups.setdefault((p.classes, p.depth, p.samples, p.width, p.loss, p.activation), []).append(number)
    return list(groups.values())


def _starts(trials: list[Trial], init: str | ArrayLike, scale: float | None) -> list[Callable[[], list[Array]]]:
    """What makes the starting points; all settings are checked now, the arrays are made later."""
    kinds = {trial.problem: Initialisation(trial.problem, init, scale) for trial in trials}
    return [lambda trial=trial: kinds[trial.problem].factors(trial.seed) for trial in trials]  # type: ignore[misc]


def _command(
    trials: list[Trial], settings: Settings, init: str | ArrayLike, scale: float | None, library: Backend
) -> dict[str, Any]:
    """All that the numbers depend on, for JSON."""
    rule = settings.rule
    return {
        "trials": [[problem_dict(trial.problem), trial.lr, trial.seed] for trial in trials],
        "steps": settings.steps,
        "init": init if isinstance(init, str) else np.asarray(init, dtype=np.float64).tolist(),
        "scale": scale,
        "rule": [rule.momentum, rule.nesterov, rule.decay],
        "tolerance": settings.tolerance,
        "margin": settings.margin if math.isfinite(settings.margin) else None,
        "record": settings.record,
        "backend": library.name,
        "device": library.device,
    }


def _training(trials: list[Trial], groups: list[list[int]], descents: list[Descent]) -> Training:
    runs: dict[int, Run] = {}
    for group, descent in zip(groups, descents, strict=True):
        for number, track in zip(group, descent.tracks, strict=True):
            trial = trials[number]
            names = track.records[0] if track.records else {}
            history = {name: np.stack([seen[name] for seen in track.records]) for name in names}
            runs[number] = Run(
                trial.problem, trial.lr, trial.seed, track.ending, track.step, tuple(track.factors), history
            )
    return Training(tuple(runs[number] for number in range(len(trials))))

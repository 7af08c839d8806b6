"""Gradient descent on a batch of runs of one shape, as one array program."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from optima.model import Array, DeepUFM
from optima.model.arrays import Backend
from optima.model.batched_network import Network, penalty, squared_norms
from optima.model.margin import sample_margin
from optima.reduction import class_means
from optima.structures.recognition import recognise
from optima.training.layer_spectra import measure_spectra
from optima.training.measures import measure
from optima.training.rule import Rule
from optima.workers.threads import Crew

# Asks for the spectra of the layers in the records.
SPECTRUM = "spectrum"
# Checks per factor of ten in the number of steps.
PER_DECADE = 10
# Steps between two looks for divergence.
GLANCE = 32
# Bytes of factors that are worth a thread of their own: where there are fewer, threads wait for one another.
GRAIN = 2**18
# Bytes of factors that a thread works on at a time, so that they stay in its cache.
CACHE = 2**21
# Logits beyond this size belong to no minimum: the learning rate is too large.
LARGEST_LOGIT = 1e8


@dataclass(frozen=True)
class Trial:
    """One run to be made: a problem with its width, a learning rate, a seed."""

    problem: DeepUFM
    lr: float
    seed: int


@dataclass(frozen=True)
class Settings:
    """What is the same for all trials: see :func:`optima.training.train`."""

    steps: int
    rule: Rule
    tolerance: float
    record: bool | str
    margin: float = math.inf


@dataclass
class Track:
    """What has become of a trial: its records so far, and where it ended."""

    records: list[dict[str, Array]] = field(default_factory=list)
    ending: str = ""
    step: int = 0
    factors: list[Array] = field(default_factory=list)


def check_steps(steps: int) -> list[int]:
    """0, 1, 2, 3, ..., 10, 13, 16, 20, 25, ...: ten for every factor of ten, and the last step."""
    decades = math.log10(max(steps, 1))
    points = {round(10 ** (k / PER_DECADE)) for k in range(int(PER_DECADE * decades) + 1)}
    return sorted({0, steps, *points})


class Descent:
    """Gradient descent on trials whose problems differ in their regularisation only.

    ``step`` and ``tracks`` tell how far it is; ``batch`` and ``velocity`` are the factors of the trials numbered
    ``active``. :meth:`run` goes on to the end from any state that :mod:`optima.training.checkpoint` stored.
    """

    def __init__(self, trials: list[Trial], settings: Settings, backend: Backend, crew: Crew) -> None:
        self.trials, self.settings, self.backend, self.crew = trials, settings, backend, crew
        self.network = Network(trials[0].problem, backend)
        self.tracks = [Track() for _ in trials]
        self.step = 0
        self.checked = -1

    def begin(self, starts: list[list[Array]]) -> None:
        """Put the starting points of the trials on the device."""
        batch = [self.backend.put(np.stack(column)) for column in zip(*starts, strict=True)]
        self.resume(list(range(len(self.trials))), batch, self.settings.rule.velocity(batch))

    def resume(self, active: list[int], batch: list[Any], velocity: list[Any]) -> None:
        """Go on with these trials from these factors and velocities."""
        self.active, self.batch, self.velocity = active, batch, velocity
        column = lambda values: self.backend.put(np.array(values)[:, None, None])
        problems = [self.trials[i].problem for i in active]
        if active:
            self.lr = column([self.trials[i].lr for i in active])
            self.regs = [column([p.regs[factor] for p in problems]) for factor in range(len(problems[0].regs))]

    def run(self, pause: Callable[[], None]) -> None:
        """To the end of all trials; ``pause`` is called every few steps, for progress and checkpoints."""
        checks = check_steps(self.settings.steps)
        with np.errstate(all="ignore"):
            while self.active:
                if self.step in checks and self.checked < self.step:
                    self._check()
                    self.checked = self.step
                    continue
                following = next(step for step in checks if step > self.step)
                self.advance(min(following, (self.step // GLANCE + 1) * GLANCE) - self.step)
                self._glance()
                pause()

    def losses(self) -> Array:
        """Current objective of the trials still going."""
        logits = self.network.logits(self.batch)
        loss = self.network.data_loss(logits) + penalty(self.network.xp, self.batch, self.regs)
        return self.backend.get(loss)

    def advance(self, count: int) -> None:
        """So many steps of every run still going, and nothing else."""
        self.crew.repeat(count, partial(self.settings.rule.step, self.network), self._parts())
        self.step += count

    def _parts(self) -> list[tuple[Any, ...]]:
        """The batch, for numpy cut into views that fit the cache and keep all threads busy; steps are done in place."""
        whole = (self.batch, self.velocity, self.lr, self.regs)
        if self.backend.name != "numpy":
            return [whole]
        runs, size = len(self.active), sum(factor.nbytes for factor in self.batch)
        threads = max(1, min(self.crew.threads, size // GRAIN))
        rounds = math.ceil(size / (threads * CACHE))
        ends = np.linspace(0, runs, min(runs, threads * rounds) + 1).round().astype(int)
        cut = lambda arrays, part: [array[part] for array in arrays]
        return [
            (cut(self.batch, part), cut(self.velocity, part), self.lr[part], cut(self.regs, part))
            for part in map(slice, ends[:-1], ends[1:])
        ]

    def _glance(self) -> None:
        """Set aside the runs whose logits are out of all bounds."""
        logits = self.network.logits(self.batch)
        size = self.backend.get(self.network.xp.max(abs(logits), axis=(-2, -1)))
        lost = [row for row, value in enumerate(size) if not value <= LARGEST_LOGIT]
        self._retire(dict.fromkeys(lost, "diverged"))

    def _check(self) -> None:
        """Record every run; those that have settled, and all of them at the last step, end here."""
        facts = self._facts()
        endings = {row: self._seen(row, {name: values[row] for name, values in facts.items()}) for row in self._rows()}
        self._retire({row: ending for row, ending in endings.items() if ending})

    def _seen(self, row: int, facts: dict[str, Array]) -> str:
        """Record one run; how it ended, or nothing."""
        if not np.isfinite([facts["loss"], facts["gradient_norm"]]).all():
            return "diverged"
        track, problem = self.tracks[self.active[row]], self.trials[self.active[row]].problem
        facts["step"] = np.asarray(float(self.step))
        if self.settings.record:
            facts |= measure(problem, self._factors(row))
        if self.settings.record == SPECTRUM:
            facts |= measure_spectra(problem, self._factors(row))
        track.records.append(facts)
        if facts["margin"] >= self.settings.margin:
            return "margin reached"
        if any(problem.regs) and self._settled(track, problem):
            return "converged"
        return "out of steps" if self.step == self.settings.steps else ""

    def _rows(self) -> range:
        return range(len(self.active))

    def _factors(self, row: int) -> list[Array]:
        return [self.backend.get(factor[row, ...]) for factor in self.batch]

    def _facts(self) -> dict[str, Array]:
        """Loss, its parts, gradient norms and class-mean logits of the runs still going."""
        xp, get = self.network.xp, self.backend.get
        logits = self.network.logits(self.batch)
        fit, decay = get(self.network.data_loss(logits)), get(penalty(xp, self.batch, self.regs))
        gradients = self.network.data_gradients(self.batch)
        pulls = [reg * factor for reg, factor in zip(self.regs, self.batch, strict=True)]
        total = [gradient + pull for gradient, pull in zip(gradients, pulls, strict=True)]
        norm, pull = (np.sqrt(get(sum(squared_norms(xp, part)))) for part in (total, pulls))
        problem = self.trials[self.active[0]].problem
        means = np.stack([class_means(block, problem.class_sizes) for block in get(logits)])
        return {
            "loss": fit + decay,
            "fit": fit,
            "penalty": decay,
            "gradient_norm": norm,
            "relative_gradient": np.divide(norm, pull, out=np.zeros_like(norm), where=pull > 0),
            "means": means,
            "margin": np.array([sample_margin(problem, block) for block in get(logits)]),
        }

    def _settled(self, track: Track, problem: DeepUFM) -> bool:
        """The convergence rule: see :func:`optima.training.train`."""
        now = track.records[-1]
        if not now["relative_gradient"] <= self.settings.tolerance:
            return False
        if self.step == 0:
            return bool(now["gradient_norm"] == 0)
        since = [seen for seen in track.records if seen["step"] >= self.step / 2]
        return len({recognise(seen["means"], loss=problem.loss).name for seen in since}) == 1

    def _retire(self, endings: dict[int, str]) -> None:
        """Take these rows of the batch out of it."""
        if not endings:
            return
        for row, ending in endings.items():
            track = self.tracks[self.active[row]]
            track.ending, track.step = ending, self.step
            if ending != "diverged":
                track.factors = self._factors(row)
        left = [row for row in self._rows() if row not in endings]
        keep = lambda arrays: [self.backend.take(array, left) for array in arrays] if left else []
        self.resume([self.active[row] for row in left], keep(self.batch), keep(self.velocity))

"""Gradient descent on a batch of runs of one shape, as one array program."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from optima.model import Array, DeepUFM
from optima.structures.recognition import recognise
from optima.train.arrays import Backend
from optima.train.measures import class_means, measure
from optima.train.network import Network, penalty, squared_norms
from optima.train.rule import Rule

# Checks per factor of ten in the number of steps.
PER_DECADE = 10
# Steps between two looks for divergence.
GLANCE = 32
# Bytes of factors that are worked on at a time on a CPU.
CACHE = 2**20
# Logits beyond this size belong to no minimum: the learning rate is too large.
LARGEST_LOGIT = 1e8


@dataclass(frozen=True)
class Trial:
    """One run to be made: a problem with its width, a learning rate, a seed."""

    problem: DeepUFM
    lr: float
    seed: int


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
    ``active``. :meth:`run` goes on to the end from any state that :mod:`optima.train.checkpoint` stored.
    """

    def __init__(
        self, trials: list[Trial], steps: int, rule: Rule, tolerance: float, record: bool, backend: Backend
    ) -> None:
        self.trials, self.steps, self.rule, self.tolerance = trials, steps, rule, tolerance
        self.record, self.backend = record, backend
        self.network = Network(trials[0].problem, backend)
        self.tracks = [Track() for _ in trials]
        self.step = 0
        self.checked = -1

    def begin(self, starts: list[list[Array]]) -> None:
        """Put the starting points of the trials on the device."""
        batch = [self.backend.put(np.stack(column)) for column in zip(*starts, strict=True)]
        self.resume(list(range(len(self.trials))), batch, self.rule.velocity(batch))

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
        checks = check_steps(self.steps)
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
        for part in self._parts():
            for _ in range(count):
                self.rule.step(self.network, *part)
        self.step += count

    def _parts(self) -> list[tuple[Any, ...]]:
        """The batch, and on a CPU views of as many rows at a time as its cache holds; steps are done in place."""
        whole = (self.batch, self.velocity, self.lr, self.regs)
        if self.backend.name != "numpy":
            return [whole]
        rows = max(1, CACHE // sum(factor[0].nbytes for factor in self.batch))
        cut = lambda arrays, first: [array[first : first + rows] for array in arrays]
        return [
            (cut(self.batch, first), cut(self.velocity, first), self.lr[first : first + rows], cut(self.regs, first))
            for first in range(0, len(self.active), rows)
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
        endings = {}
        for row, index in enumerate(self.active):
            track, trial = self.tracks[index], self.trials[index]
            if not np.isfinite([facts["loss"][row], facts["gradient_norm"][row]]).all():
                endings[row] = "diverged"
                continue
            factors = [self.backend.get(factor[row, ...]) for factor in self.batch]
            seen = {name: values[row] for name, values in facts.items()}
            seen["step"] = np.asarray(float(self.step))
            if self.record:
                seen |= measure(trial.problem, factors)
            track.records.append(seen)
            if self._settled(track, trial.problem):
                endings[row] = "converged"
            elif self.step == self.steps:
                endings[row] = "out of steps"
        self._retire(endings)

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
        means = np.stack([class_means(block, problem) for block in get(logits)])
        return {
            "loss": fit + decay,
            "fit": fit,
            "penalty": decay,
            "gradient_norm": norm,
            "relative_gradient": np.divide(norm, pull, out=np.zeros_like(norm), where=pull > 0),
            "means": means,
        }

    def _settled(self, track: Track, problem: DeepUFM) -> bool:
        """The convergence rule: see :func:`optima.train.train`."""
        now = track.records[-1]
        if not now["relative_gradient"] <= self.tolerance:
            return False
        since = [seen for seen in track.records if seen["step"] >= self.step / 2]
        if self.step == 0:
            return bool(now["gradient_norm"] == 0)
        return len({recognise(seen["means"], loss=problem.loss).name for seen in since}) == 1

    def _retire(self, endings: dict[int, str]) -> None:
        """Take these rows of the batch out of it."""
        if not endings:
            return
        for row, ending in endings.items():
            track = self.tracks[self.active[row]]
            track.ending, track.step = ending, self.step
            if ending != "diverged":
                track.factors = [self.backend.get(factor[row, ...]) for factor in self.batch]
        left = [row for row in range(len(self.active)) if row not in endings]
        keep = lambda arrays: [self.backend.take(array, left) for array in arrays] if left else []
        self.resume([self.active[row] for row in left], keep(self.batch), keep(self.velocity))

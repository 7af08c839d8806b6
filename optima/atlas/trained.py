"""Runs of gradient descent as an atlas keeps them: what was trained, and where it ended."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace

from optima import brief
from optima.files import parse_json
from optima.model import Array, DeepUFM
from optima.model.content import Content
from optima.model.inputs import one_of, positive_integer, positive_number
from optima.model.key import one_reg
from optima.structures.names import canonical
from optima.training import Rule, Run
from optima.version import VERSION

ENDINGS = ("converged", "out of steps", "diverged")


@dataclass(frozen=True)
class Hyperparameters:
    """How runs are trained, in the words of :func:`optima.training.train`; ``polish`` asks for their critical points.

    Raises ValueError and TypeError on bad input.
    """

    lr: float = 0.5
    steps: int = 20_000
    init: str = "gaussian"
    scale: float | None = None
    momentum: float = 0.0
    nesterov: bool = False
    decay: str = "coupled"
    tolerance: float = 1e-5
    polish: bool = True

    def __post_init__(self) -> None:
        put = lambda name, value: object.__setattr__(self, name, value)
        put("init", canonical(self.init) if isinstance(self.init, str) else self.init)
        put("lr", positive_number("lr", self.lr))
        put("steps", positive_integer("steps", self.steps))
        put("scale", None if self.scale is None else positive_number("scale", self.scale))
        put("tolerance", positive_number("tolerance", self.tolerance))
        put("momentum", float(self.rule.momentum))

    @property
    def rule(self) -> Rule:
        """The update rule."""
        return Rule(self.momentum, self.nesterov, self.decay)

    @property
    def text(self) -> str:
        """As JSON; equal settings have equal texts."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    @classmethod
    def of(cls, text: str) -> Hyperparameters:
        """What :attr:`text` wrote."""
        return cls(**parse_json(text))


@dataclass(frozen=True, eq=False)
class Trained(Content):
    """One run of gradient descent.

    Attributes
    ----------
    problem, hyperparameters, seed
        What was trained, with its width.
    ending, steps
        One of ``ENDINGS``, and the steps taken.
    loss, gradient, structure, rank
        Objective, ||grad F|| / ||(lambda_l W_l)_l|| and logits where descent stopped; None (structure:
        ``"diverged"``) for a diverged run.
    polished_loss, polished_structure, polished_rank, verdict
        The critical point that the run was heading for (:func:`optima.training.polish.polish`), None without one.
    means
        Class-mean logits (K, K), at the critical point where there is one; None for a diverged run.
    version
        The version of optima that trained.
    """

    problem: DeepUFM
    hyperparameters: Hyperparameters
    seed: int
    ending: str
    steps: int
    loss: float | None
    gradient: float | None
    structure: str
    rank: int | None
    polished_loss: float | None = None
    polished_structure: str | None = None
    polished_rank: int | None = None
    verdict: str | None = None
    means: Array | None = None
    version: str = VERSION

    def __repr__(self) -> str:
        where = f"{self.problem.summary} lr={self.hyperparameters.lr:g} seed={self.seed}"
        return f"<Trained {where}: {self.structure}, {self.ending} after {brief.counted(self.steps, 'step')}>"

    @classmethod
    def of(cls, run: Run, hyperparameters: Hyperparameters) -> Trained:
        """What is kept of a run."""
        one_of("ending", run.ending, ENDINGS)
        head = (trainable(run.problem), hyperparameters, run.seed, run.ending, run.steps)
        if run.diverged:
            return cls(*head, None, None, run.structure, None)
        kept = cls(*head, run.loss, run.relative_gradient, run.structure, run.rank, means=run.means)
        if (end := run.polished) is None:
            return kept
        polished = {f"polished_{name}": getattr(end, name) for name in ("loss", "structure", "rank")}
        return replace(kept, **polished, verdict=end.verdict, means=end.means)

    @property
    def diverged(self) -> bool:
        """Whether the run has no end."""
        return self.ending == "diverged"

    def end(self, polished: bool) -> tuple[str, float | None]:
        """Structure and loss: of the critical point, or where descent stopped."""
        if polished and self.polished_structure is not None:
            return self.polished_structure, self.polished_loss
        return self.structure, self.loss


def trainable(problem: DeepUFM) -> DeepUFM:
    """The problem in the form in which its runs are stored. Raises ValueError where it has no width."""
    if problem.width is None:
        raise ValueError("the width is not given; pass problems with a width, such as DeepUFM(..., width=70)")
    return replace(problem, reg=one_reg(problem))

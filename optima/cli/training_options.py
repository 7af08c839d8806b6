"""Options that say how runs of gradient descent are trained, for commands that train grids."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from optima.cli.declared import choice, integer, number, word

if TYPE_CHECKING:
    from optima.atlas import BuildProgress, Hyperparameters, TrainingProgress


@dataclass(frozen=True)
class Training:
    """How runs are trained, and from which seeds."""

    panel: ClassVar[str] = "Training"

    seeds: Annotated[int, integer("Number of seeds: 10 stands for the seeds 0 to 9.")] = 10
    steps: Annotated[int, integer("Largest number of steps.")] = 20_000
    lr: Annotated[float, number("Learning rate.")] = 0.5
    init: Annotated[str, word("gaussian, spectral, hadamard, or a structure to begin near, such as pairs.")] = (
        "gaussian"
    )
    scale: Annotated[float | None, number("Size of the initialisation; default 1, near a structure 1e-3.")] = None
    momentum: Annotated[float, word("Momentum, from 0 to below 1.", metavar="NUMBER")] = 0.0
    nesterov: Annotated[bool, typer.Option("--nesterov", help="Nesterov's step; needs momentum.")] = False
    decay: Annotated[str, choice("Weight decay inside the velocity or outside.", "coupled", "decoupled")] = "coupled"
    tolerance: Annotated[float, number("Relative gradient norm below which a run has settled.")] = 1e-5
    polish: Annotated[bool, typer.Option(help="Find the critical point each run was heading for.")] = True

    @property
    def hyperparameters(self) -> Hyperparameters:
        """The settings that the options describe. Raises ValueError on bad input."""
        from optima.atlas import Hyperparameters

        return Hyperparameters(**{name: getattr(self, name) for name in NAMES if name != "seeds"})


# The options above, as they are called in a command.
NAMES = tuple(each.name for each in fields(Training))


def refuse(context: typer.Context, names: Iterable[str], why: str) -> None:
    """Raise ValueError when one of the options was given."""
    for name in names:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise ValueError(f"--{name.replace('_', '-')} is given {why}")


def say_line(now: BuildProgress | TrainingProgress) -> None:
    """A line on standard error, where there is no terminal for a bar."""
    print(f"{now}; {now.seconds_left:.0f} s left", file=sys.stderr, flush=True)

"""Options that say how runs of gradient descent are trained, for commands that train grids."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from optima.cli import parse
from optima.cli.options import INTEGER, NAME, NUMBER
from optima.cli.train import Activation, Decay

if TYPE_CHECKING:
    from optima.atlas import Hyperparameters, Progress, TrainingProgress

__all__ = ["NAMES", "Activation", "Decay", "hyperparameters", "refuse", "telling"]

_PANEL = "Training"

Seeds = Annotated[
    str, typer.Option(metavar=INTEGER, help="Number of seeds: 10 stands for the seeds 0 to 9.", rich_help_panel=_PANEL)
]
Steps = Annotated[str, typer.Option(metavar=INTEGER, help="Largest number of steps.", rich_help_panel=_PANEL)]
LearningRate = Annotated[str, typer.Option("--lr", metavar=NUMBER, help="Learning rate.", rich_help_panel=_PANEL)]
Init = Annotated[
    str,
    typer.Option(
        metavar=NAME, help="gaussian, spectral, hadamard, or a structure to begin near.", rich_help_panel=_PANEL
    ),
]
Scale = Annotated[str | None, typer.Option(metavar=NUMBER, help="Size of the initialisation.", rich_help_panel=_PANEL)]
Momentum = Annotated[float, typer.Option(metavar=NUMBER, help="Momentum, from 0 to below 1.", rich_help_panel=_PANEL)]
Nesterov = Annotated[bool, typer.Option("--nesterov", help="Nesterov's step.", rich_help_panel=_PANEL)]
DecayOption = Annotated[
    Decay, typer.Option("--decay", help="Weight decay inside the velocity or outside.", rich_help_panel=_PANEL)
]
Tolerance = Annotated[
    str,
    typer.Option(metavar=NUMBER, help="Relative gradient norm below which a run has settled.", rich_help_panel=_PANEL),
]
Polish = Annotated[bool, typer.Option(help="Find the critical point each run was heading for.", rich_help_panel=_PANEL)]

# The options above, as they are called in a command.
NAMES = ("seeds", "steps", "lr", "init", "scale", "momentum", "nesterov", "decay", "tolerance", "polish")


def hyperparameters(
    steps: str,
    lr: str,
    init: str,
    scale: str | None,
    momentum: float,
    nesterov: bool,
    decay: Decay,
    tolerance: str,
    polish: bool,
) -> Hyperparameters:
    """The settings that the options describe. Raises ValueError on bad input."""
    from optima.atlas import Hyperparameters

    return Hyperparameters(
        parse.positive_real(lr, "lr"),
        parse.integer(steps, "steps", 1),
        init,
        None if scale is None else parse.positive_real(scale, "scale"),
        momentum,
        nesterov,
        decay.value,
        parse.positive_real(tolerance, "tolerance"),
        polish,
    )


def refuse(context: typer.Context, names: tuple[str, ...], why: str) -> None:
    """Raise ValueError when one of the options was given."""
    for name in names:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise ValueError(f"--{name.replace('_', '-')} is given {why}")


def telling(tell: Callable[[float, float, str], None]) -> Callable[[Progress | TrainingProgress], None]:
    """Progress to a bar, or where there is no terminal for one a line at a time."""

    def show(now: Progress | TrainingProgress) -> None:
        tell(now.fraction, 1.0, str(now))
        if not sys.stderr.isatty():
            print(f"{now}; {now.seconds_left:.0f} s left", file=sys.stderr, flush=True)

    return show

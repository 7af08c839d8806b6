"""Options that several commands share, and the problem they describe."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from optima.cli import parse
from optima.files import check_output as check_output
from optima.model import DeepUFM

if TYPE_CHECKING:
    from optima.tables.export import Form


class Loss(StrEnum):
    """Loss functions."""

    ce = "ce"
    mse = "mse"


class Effort(StrEnum):
    """How hard to look."""

    quick = "quick"
    normal = "normal"
    thorough = "thorough"


# What is to be typed after an option.
INTEGER, INTEGERS, NUMBER, NUMBERS = "INTEGER", "INTEGERS", "NUMBER", "NUMBERS"
NAME, NAMES, FILE, FOLDER = "NAME", "NAMES", "FILE", "FOLDER"


def structure_names(incomplete: str) -> list[str]:
    """The lists of structures that begin with what has been typed, for the shell to complete."""
    from optima.structures import known_names

    typed, comma, last = incomplete.rpartition(",")
    names = dict.fromkeys([*known_names(), *known_names("relu")])
    return [typed + comma + name for name in names if name.startswith(last)]


Classes = Annotated[str, typer.Option(metavar=INTEGER, help="Number of classes K.")]
Depth = Annotated[str, typer.Option(metavar=INTEGER, help="Number of weight matrices L.")]
Reg = Annotated[str | None, typer.Option(metavar=NUMBER, help="Regularisation lambda of every factor, e.g. 2^-10.")]
RegPerFactor = Annotated[
    str | None, typer.Option(metavar=NUMBERS, help="L + 1 regularisations, comma-separated: W_1, ..., W_L, H.")
]
Width = Annotated[
    str | None, typer.Option(metavar=INTEGER, help="Hidden width d, which bounds the rank; default wide.")
]
LossOption = Annotated[Loss, typer.Option(help="Cross-entropy or squared error.")]
Activation = Annotated[
    str, typer.Option(metavar="linear|relu", help="Linear or relu, which has structures of its own: named networks.")
]
Structures = Annotated[
    str | None,
    typer.Option(
        metavar=NAMES,
        help="Families or structures with commas, as optima structures lists them; default all.",
        autocompletion=structure_names,
    ),
]
Seed = Annotated[str, typer.Option(metavar=INTEGER, help="Seed of the random starts.")]
EffortOption = Annotated[Effort, typer.Option(help="How hard to look.")]
ClassSizes = Annotated[
    str, typer.Option(metavar=INTEGERS, help="Samples n per class: one number, or K of them with commas.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Columns = Annotated[
    str | None,
    typer.Option(
        metavar=NAMES, help="Columns with commas, such as K,L,lambda,winner,loss; default all.", rich_help_panel="Files"
    ),
]
Digits = Annotated[
    str | None, typer.Option(metavar=INTEGER, help="LaTeX: significant digits; default 6.", rich_help_panel="Files")
]
Caption = Annotated[str | None, typer.Option(metavar="TEXT", help="LaTeX: the caption.", rich_help_panel="Files")]
Label = Annotated[str | None, typer.Option(metavar=NAME, help="LaTeX: the label.", rich_help_panel="Files")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")]


def problem(
    classes: str,
    depth: str,
    reg: str | None,
    reg_per_factor: str | None,
    samples: int | tuple[int, ...],
    width: str | None,
    loss: Loss,
    activation: str = "linear",
) -> DeepUFM:
    """The model that the options describe. Raises ValueError on bad input."""
    return DeepUFM(
        parse.integer(classes, "classes", 2),
        parse.integer(depth, "depth", 1),
        _regularisation(reg, reg_per_factor),
        samples,
        parse_width(width),
        loss.value,
        activation,
    )


def typeset(form: str, digits: str | None, caption: str | None, label: str | None) -> Form:
    """The format with what is asked of its LaTeX. Raises ValueError when that is asked of another format."""
    from functools import partial

    from optima.tables.export import LaTeX

    for name, value in (("digits", digits), ("caption", caption), ("label", label)):
        if value is not None and form != "latex":
            raise ValueError(f"--{name} is given, which is for LaTeX only; pass --format latex or leave it out")
    if form != "latex":
        return form
    number = 6 if digits is None else parse.integer(digits, "digits", 1)
    return partial(LaTeX, digits=min(number, 17), caption=caption, label=label)


def class_sizes(samples: str) -> int | tuple[int, ...]:
    """One number of samples for all classes, or K of them."""
    sizes = tuple(parse.integer(part, "samples", 1) for part in samples.split(","))
    return sizes[0] if len(sizes) == 1 else sizes


def parse_width(width: str | None) -> int | None:
    """The width, or None where it was not given."""
    return None if width is None else parse.integer(width, "width", 1)


def _regularisation(reg: str | None, per_factor: str | None) -> float | tuple[float, ...]:
    """The regularisation from --reg or --reg-per-factor, exactly one of which is given."""
    if (reg is None) == (per_factor is None):
        raise ValueError("the regularisation is given twice or not at all; pass either --reg or --reg-per-factor")
    if reg is not None:
        return parse.positive_real(reg, "reg", zero=True)
    assert per_factor is not None
    return tuple(parse.positive_real(part, "reg-per-factor", zero=True) for part in per_factor.split(","))

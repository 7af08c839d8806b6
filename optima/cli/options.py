"""Options that several commands share, and the problem they describe."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from optima.cli import parse
from optima.cli.declared import choice, integer, integers, names, numbers, typed, word
from optima.files import check_output as check_output
from optima.model import DeepUFM

if TYPE_CHECKING:
    from optima.tables.export import Form

# Samples per class: one number for all classes, or one for each.
Sizes = int | tuple[int, ...]


def structure_names(incomplete: str) -> list[str]:
    """The lists of structures that begin with what has been typed, for the shell to complete."""
    from optima.structures import known_names

    typed, comma, last = incomplete.rpartition(",")
    names = dict.fromkeys([*known_names(), *known_names("relu")])
    return [typed + comma + name for name in names if name.startswith(last)]


def class_sizes(text: str, name: str = "samples") -> Sizes:
    """One number of samples for all classes, or K of them."""
    sizes = tuple(parse.integer(part, name, 1) for part in text.split(","))
    return sizes[0] if len(sizes) == 1 else sizes


def group_orders(text: str, name: str) -> tuple[int, ...]:
    """The orders of the cyclic factors of a group: ``24`` or ``4x6``."""
    return tuple(parse.integer(order, name, 2) for order in text.split("x"))


def check_picture(path: Path | None, force: bool) -> None:
    """Raise ValueError before any work when a picture could not be written afterwards."""
    check_output(path, force)
    if path is not None:
        from optima.plot.picture import check_pictures

        check_pictures([path])


def check_rows(rows: int | None) -> None:
    """Raise ValueError for a number of rows below 0."""
    if rows is not None and rows < 0:
        raise ValueError(f"rows is {rows}; pass an integer of at least 0")


def _with_zero(text: str, name: str) -> float:
    return parse.positive_real(text, name, zero=True)


def _each(text: str, name: str) -> tuple[float, ...]:
    return tuple(_with_zero(part, name) for part in text.split(","))


Classes = Annotated[int, integer("Number of classes K.", least=2)]
Depth = Annotated[int, integer("Number of weight matrices L.")]
RegPerFactor = Annotated[
    tuple[float, ...] | None, typed("NUMBERS", _each, "L + 1 regularisations, comma-separated: W_1, ..., W_L, H.")
]
ClassSizes = Annotated[
    Sizes, typed("INTEGERS", class_sizes, "Samples n per class: one number, or K of them with commas.")
]
Width = Annotated[int | None, integer("Hidden width d, which bounds the rank; default wide.")]
Loss = Annotated[str, choice("Cross-entropy or squared error.", "ce", "mse")]
Activation = Annotated[str, choice("Linear, or relu, whose structures are networks.", "linear", "relu")]
# The axes of a grid.
ClassGrid = Annotated[list[int], integers("K: integers and ranges a:b[:step], e.g. 2:20 or 4,10.", least=2)]
DepthGrid = Annotated[list[int], integers("L: integers and ranges a:b[:step].")]
RegGrid = Annotated[list[float], numbers("lambda: numbers and log-spaced ranges lo:hi:count, e.g. 1e-6:1e-1:11.")]
Structures = Annotated[
    list[str] | None,
    names(
        "Families or structures with commas, as optima structures lists them; default all.",
        autocompletion=structure_names,
    ),
]
Seed = Annotated[int, integer("Seed of the random starts.", least=0)]
Effort = Annotated[str, choice("How hard to look.", "quick", "normal", "thorough")]
Workers = Annotated[int | None, integer("Processes; default one for each core.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")]


@dataclass(frozen=True, kw_only=True)
class Problem:
    """The linear model."""

    classes: Classes
    depth: Depth
    reg: Annotated[float | None, typed("NUMBER", _with_zero, "Regularisation lambda of every factor, e.g. 2^-10.")] = (
        None
    )
    reg_per_factor: RegPerFactor = None
    samples: ClassSizes = 1
    width: Width = None
    loss: Loss = "ce"

    @property
    def model(self) -> DeepUFM:
        """The model that the options describe. Raises ValueError on bad input."""
        reg = regularisation(self.reg, self.reg_per_factor)
        return DeepUFM(self.classes, self.depth, reg, self.samples, self.width, self.loss)


@dataclass(frozen=True, kw_only=True)
class AnyProblem(Problem):
    """The linear model or that with relu."""

    activation: Activation = "linear"

    @property
    def model(self) -> DeepUFM:
        """The model that the options describe. Raises ValueError on bad input."""
        return replace(super().model, activation=self.activation)


def regularisation(reg: float | None, per_factor: tuple[float, ...] | None) -> float | tuple[float, ...]:
    """The regularisation from --reg or --reg-per-factor, exactly one of which is given."""
    if reg is not None and per_factor is None:
        return reg
    if per_factor is not None and reg is None:
        return per_factor
    how = "not given" if reg is None else "given twice"
    raise ValueError(f"the regularisation is {how}; pass either --lambda or --reg-per-factor")


@dataclass(frozen=True)
class Columns:
    """What a file of rows holds, and how LaTeX sets it."""

    panel: ClassVar[str] = "Files"

    columns: Annotated[
        list[str] | None,
        names("Columns with commas, such as K,L,lambda,winner,loss; default all."),
    ] = None
    digits: Annotated[int | None, integer("LaTeX: significant digits; default 6.")] = None
    caption: Annotated[str | None, word("LaTeX: the caption.", metavar="TEXT")] = None
    label: Annotated[str | None, word("LaTeX: the label.")] = None

    def typeset(self, form: str) -> Form:
        """The format with what is asked of its LaTeX. Raises ValueError when that is asked of another format."""
        from functools import partial

        from optima.tables.export import LaTeX

        for name in ("digits", "caption", "label"):
            if getattr(self, name) is not None and form != "latex":
                raise ValueError(f"--{name} is given, which is for LaTeX only; pass --format latex or leave it out")
        if form != "latex":
            return form
        digits = 6 if self.digits is None else self.digits
        return partial(LaTeX, digits=min(digits, 17), caption=self.caption, label=self.label)

"""``optima phase``: which structure is the global minimum, or where training ends, over two numbers of the model."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from optima.cli import options, parse
from optima.cli import training_options as training_
from optima.cli.progress import bar, resumable
from optima.cli.spelling import spellings
from optima.files import check_apart, write_rows
from optima.model.inputs import shown
from optima.structures.names import canonical

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from optima.atlas import Hyperparameters, Store


class Axis(StrEnum):
    """Numbers that can be on an axis."""

    classes = "classes"
    depth = "depth"
    reg = "reg"
    width = "width"
    samples = "samples"


class Colour(StrEnum):
    """What the colours show."""

    structure = "structure"
    rank = "rank"


# Options of one kind of diagram only.
_MINIMA = ("colour", "certify")
_TRAINING = ("structure", "activation", *training_.NAMES)
# What is drawn where nothing is said.
_AXES = {False: (Axis.reg, Axis.depth), True: (Axis.width, Axis.reg)}
_VALUES: dict[bool, dict[str, str | None]] = {
    False: {"depth": "1:8", "reg": "1e-7:0.5:17", "width": None},
    True: {"depth": "2", "reg": "2^-10:2^-6:5", "width": "15,30,50,70,100,140,200"},
}


def phase(
    context: typer.Context,
    out: Annotated[
        list[Path],
        typer.Option(metavar=options.FILE, help="Picture to write (.pdf, .svg, .png); may be given several times."),
    ],
    x: Annotated[
        str | None,
        typer.Option(
            metavar="AXIS",
            help="Horizontal axis: classes, depth, reg, width or samples; default reg, of training width.",
        ),
    ] = None,
    y: Annotated[
        str | None, typer.Option(metavar="AXIS", help="Vertical axis; default depth, of training reg.")
    ] = None,
    classes: Annotated[
        str, typer.Option(metavar=options.INTEGERS, help="K: a number, or integers and ranges a:b[:step] on an axis.")
    ] = "10",
    depth: Annotated[
        str | None, typer.Option(metavar=options.INTEGERS, help="L, likewise; default 1:8, of training 2.")
    ] = None,
    reg: Annotated[
        str | None,
        typer.Option(
            metavar=options.NUMBERS,
            help="lambda: a number, or numbers and lo:hi:count; default 1e-7:0.5:17, of training 2^-10:2^-6:5.",
        ),
    ] = None,
    width: Annotated[
        str | None,
        typer.Option(
            metavar=options.INTEGERS, help="Hidden width d; default wide, of training 15,30,50,70,100,140,200."
        ),
    ] = None,
    samples: Annotated[
        str, typer.Option(metavar=options.INTEGERS, help="Samples n per class; of training also K of them with commas.")
    ] = "1",
    loss: options.LossOption = options.Loss.ce,
    colour: Annotated[
        Colour, typer.Option(help="Colours by rank, the same in every diagram, or by structure.")
    ] = Colour.rank,
    store: Annotated[
        Path | None, typer.Option(metavar=options.FILE, help="Atlas file that cells are taken from and added to.")
    ] = None,
    certify: Annotated[bool, typer.Option(help="Prove lower bounds, to mark the certified cells.")] = True,
    seed: options.Seed = "0",
    effort: options.EffortOption = options.Effort.normal,
    workers: Annotated[
        str | None, typer.Option(metavar=options.INTEGER, help="Processes; default one for each core.")
    ] = None,
    force: options.Force = False,
    training: Annotated[
        bool, typer.Option("--training", help="Where gradient descent ends instead: P(structure) over many seeds.")
    ] = False,
    structure: Annotated[
        str | None,
        typer.Option(
            metavar=options.NAME,
            help="Whose probability: a name, or global for the optimal one; default simplex, if any run ends there.",
            rich_help_panel="Training",
        ),
    ] = None,
    activation: Annotated[
        training_.Activation, typer.Option(help="Linear or relu.", rich_help_panel="Training")
    ] = training_.Activation.linear,
    seeds: training_.Seeds = "10",
    steps: training_.Steps = "20000",
    lr: training_.LearningRate = "0.5",
    init: training_.Init = "gaussian",
    scale: training_.Scale = None,
    momentum: training_.Momentum = 0.0,
    nesterov: training_.Nesterov = False,
    decay: training_.DecayOption = training_.Decay.coupled,
    tolerance: training_.Tolerance = "1e-5",
    polish: training_.Polish = True,
) -> None:
    """Draw a phase diagram with solved boundaries; the data go to CSV files beside the first picture.

    With --training each cell shows how often gradient descent ends at a structure, from many seeds.
    """
    if training:
        training_.refuse(context, _MINIMA, "with --training, where it says nothing; leave it out")
    else:
        training_.refuse(context, _TRAINING, "but nothing is trained; add --training")
    data = [out[0].with_suffix(".csv")] + [out[0].with_name(f"{out[0].stem}-boundaries.csv")] * (not training)
    from optima.plot.picture import check_pictures, write_picture

    check_pictures(out)
    for path in (*out, *data):
        options.check_output(path, force)
        check_apart(path, store)
    defaults = _VALUES[training]
    first, second = _AXES[training][0] if x is None else _axis(x), _AXES[training][1] if y is None else _axis(y)
    width = width or defaults["width"]
    given: dict[str, list[Any]] = {
        "classes": parse.integers(classes, "classes", 2),
        "depth": parse.integers(depth or str(defaults["depth"]), "depth", 1),
        "reg": parse.reals(reg or str(defaults["reg"]), "reg"),
        "width": [None] if width is None else [*parse.integers(width, "width", 1)],
        "samples": _samples(samples, training and Axis.samples not in (first, second)),
    }
    axes = {first.value: given[first.value], second.value: given[second.value]}
    for name, values in given.items():
        if name not in axes and len(values) > 1:
            raise ValueError(f"{name} has {len(values)} values but is on no axis; pass one number")
    fixed = {name: values[0] for name, values in given.items() if name not in axes} | {"loss": loss.value}
    count = None if workers is None else parse.integer(workers, "workers", 1)
    asked = _Asked((first.value, second.value), axes, fixed, store, parse.integer(seed, "seed", 0), effort.value, count)
    if training:
        structure = None if structure is None else canonical(structure)
        _check_structure(structure, given["classes"], activation.value)
        fixed["activation"] = activation.value
        settings = training_.hyperparameters(steps, lr, init, scale, momentum, nesterov, decay, tolerance, polish)
        figure, tables = _training(asked, settings, parse.integer(seeds, "seeds", 1), structure)
    else:
        figure, tables = _minima(asked, certify, colour)
    for path in out:
        write_picture(figure, path)
    for path, table in zip(data, tables, strict=True):
        write_rows(path, *table)
    print("\n".join(map(str, [*out, *data])))


@dataclass(frozen=True)
class _Asked:
    """The diagram that the options describe, of whichever kind."""

    names: tuple[str, str]
    axes: dict[str, list[Any]]
    fixed: dict[str, Any]
    store: Path | None
    seed: int
    effort: str
    workers: int | None


# Names of the columns, and the rows below them.
Rows = tuple[Sequence[str], list[dict[str, Any]]]
# A picture, and each file of data.
Drawn = tuple["Figure", list[Rows]]


def _minima(asked: _Asked, certify: bool, colour: Colour) -> Drawn:
    from optima.atlas import processes
    from optima.phases.diagram import phase_diagram
    from optima.plot.phase import plot_phase

    tell = lambda line: print(line, file=sys.stderr, flush=True)
    x, y = asked.names
    with _atlas(asked.store) as atlas:
        diagram = phase_diagram(
            x,
            y,
            asked.axes,
            asked.fixed,
            atlas,
            asked.seed,
            asked.effort,
            certify,
            processes(asked.workers),
            tell,
        )
    tables: list[Rows] = [(diagram.columns, diagram.table()), (diagram.boundary_columns, diagram.boundaries())]
    return plot_phase(diagram, colour.value), tables


def _training(asked: _Asked, settings: Hyperparameters, seeds: int, structure: str | None) -> Drawn:
    from optima.atlas import processes
    from optima.phases import training_diagram
    from optima.plot.training_phase import plot_training_diagram

    x, y = asked.names
    with _atlas(asked.store) as atlas, bar("training") as tell:
        diagram = training_diagram(
            x,
            y,
            asked.axes,
            asked.fixed,
            atlas,
            settings,
            seeds,
            asked.seed,
            asked.effort,
            processes(asked.workers),
            training_.telling(tell),
        )
    rows = diagram.table()
    # Every run ends at some structure, so that there are rows.
    return plot_training_diagram(diagram, structure), [(list(rows[0]), rows)]


def _axis(text: str) -> Axis:
    """The number on an axis, in any spelling of its option (``lambda``, ``depths``, ``K``)."""
    named = next((axis for axis in Axis if text in spellings(axis.value)), None)
    if named is None:
        raise ValueError(f"there is no axis {shown(text)}; pass one of {', '.join(Axis)}")
    return named


def _samples(text: str, one: bool) -> list[Any]:
    """Numbers of samples, or where it is ``one`` problem's a number for each class."""
    return [options.class_sizes(text)] if one and "," in text else list(parse.integers(text, "samples", 1))


def _check_structure(name: str | None, classes: list[int], activation: str) -> None:
    """Raise ValueError, before anything is trained, for a structure that no run can end at."""
    from optima.structures import find, hint

    if name is None or name.startswith("unnamed") or any(find(name, K) for K in classes):
        return
    if name != "global":
        raise ValueError(
            f"structure is {name!r}, which does not exist at {classes[0]} classes; "
            f"pass global, or the name of a structure ({hint(name, classes)})"
        )
    if activation != "linear":
        raise ValueError("the global minimum of a relu model is not known; pass the name of a structure")


@contextmanager
def _atlas(store: Path | None) -> Iterator[Store]:
    """The atlas file, or one for this call only; on Ctrl-C it is said how to go on."""
    from optima.atlas import Store

    way_on = "repeat the command to go on" if store else "pass --store FILE to be able to go on"
    with tempfile.TemporaryDirectory() as folder, resumable(way_on), Store(store or Path(folder) / "s", True) as atlas:
        yield atlas

"""``optima phase``: which structure is the global minimum, or where training ends, over two numbers of the model."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from optima.cli import options, parse
from optima.cli import training_options as training_
from optima.cli.declared import choice, file, integer, integers, numbers, typed, word
from optima.cli.spelling import spellings
from optima.cli.terminal import bar, resumable
from optima.files import check_apart, write_rows
from optima.model.inputs import shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from optima.atlas import Store
    from optima.phases import Diagram

AXES = ("classes", "depth", "reg", "width", "samples")
# Options of one kind of diagram only; named networks are not searched.
_MINIMA = ("colour", "certify", "boxes")
_SEARCHED = ("store", "certify", "boxes", "seed", "effort", "workers")
# What is drawn where nothing is said, without training and with it.
_DRAWN = {False: ("reg", "depth"), True: ("width", "reg")}
_VALUES: dict[bool, dict[str, Any]] = {
    False: {"depth": None, "reg": parse.reals("1e-7:0.5:17", "reg"), "width": [None]},
    True: {"depth": [2], "reg": parse.reals("2^-10:2^-6:5", "reg"), "width": [15, 30, 50, 70, 100, 140, 200]},
}


def _axis(text: str, name: str) -> str:
    """The number on an axis, in any spelling of its option (``lambda``, ``depths``, ``K``)."""
    named = next((axis for axis in AXES if text in spellings(axis)), None)
    if named is None:
        raise ValueError(f"there is no axis {shown(text)}; pass one of {', '.join(AXES)}")
    return named


@dataclass(frozen=True)
class Runs(training_.Training):
    """The runs of a diagram, and what is drawn of them."""

    structure: Annotated[
        str | None,
        word("Whose probability: a name, or global for the optimal one; default simplex, if any run ends there."),
    ] = None


def phase(
    context: typer.Context,
    out: Annotated[list[Path], file("Picture to write (.pdf, .svg, .png); may be given several times.")],
    x: Annotated[
        str | None,
        typed("AXIS", _axis, "Horizontal axis: classes, depth, reg, width or samples; default reg, of training width."),
    ] = None,
    y: Annotated[str | None, typed("AXIS", _axis, "Vertical axis; default depth, of training reg.")] = None,
    classes: Annotated[
        Sequence[int], integers("K: a number, or integers and ranges a:b[:step] on an axis.", least=2)
    ] = (10,),
    depth: Annotated[list[int] | None, integers("L, likewise; default 1:8, of relu 2:8, of training 2.")] = None,
    reg: Annotated[
        list[float] | None,
        numbers("lambda: a number, or numbers and lo:hi:count; default 1e-7:0.5:17, of training 2^-10:2^-6:5."),
    ] = None,
    width: Annotated[
        list[int] | None, integers("Hidden width d; default wide, of training 15,30,50,70,100,140,200.")
    ] = None,
    samples: Annotated[
        str, word("Samples n per class; of training also K of them with commas.", metavar="INTEGERS")
    ] = "1",
    loss: options.Loss = "ce",
    activation: options.Activation = "linear",
    colour: Annotated[
        str, choice("Colours by rank, the same in every diagram, or by structure.", "structure", "rank")
    ] = "rank",
    store: Annotated[Path | None, file("Atlas file that cells are taken from and added to.")] = None,
    certify: Annotated[bool, typer.Option(help="Prove lower bounds, to mark the certified cells.")] = True,
    boxes: Annotated[
        int | None, integer("Prove each cell within 1 %, by so many boxes at the most; with --store it can go on.")
    ] = None,
    seed: options.Seed = 0,
    effort: options.Effort = "normal",
    workers: options.Workers = None,
    force: options.Force = False,
    training: Annotated[
        bool, typer.Option("--training", help="Where gradient descent ends instead: P(structure) over many seeds.")
    ] = False,
    *,
    runs: Runs,
) -> None:
    """Draw a phase diagram with solved boundaries; the data go to CSV files beside the first picture.

    With --activation relu it is the best of the named networks, with their middle ranks; nothing is searched.

    With --training each cell shows how often gradient descent ends at a structure, from many seeds.
    """
    if training:
        training_.refuse(context, _MINIMA, "with --training, where it says nothing; leave it out")
    else:
        training_.refuse(context, [each.name for each in fields(Runs)], "but nothing is trained; add --training")
    if activation == "relu" and not training:
        training_.refuse(context, _SEARCHED, "but relu diagrams are of named networks, in closed form; leave it out")
    data = [out[0].with_suffix(".csv")] + [out[0].with_name(f"{out[0].stem}-boundaries.csv")] * (not training)
    from optima.atlas import processes
    from optima.plot.picture import check_pictures, write_picture
    from optima.structures import known_as

    check_pictures(out)
    for path in (*out, *data):
        options.check_output(path, force)
        check_apart(path, store)
    defaults = _VALUES[training]
    first, second = x or _DRAWN[training][0], y or _DRAWN[training][1]
    given: dict[str, Sequence[Any]] = {
        "classes": classes,
        "depth": depth or defaults["depth"] or list(range(1 if activation == "linear" else 2, 9)),
        "reg": reg or defaults["reg"],
        "width": width or defaults["width"],
        "samples": _samples(samples, training and "samples" not in (first, second)),
    }
    axes = {first: given[first], second: given[second]}
    for name, values in given.items():
        if name not in axes and len(values) > 1:
            raise ValueError(f"{name} has {len(values)} values but is on no axis; pass one number")
    fixed = {name: values[0] for name, values in given.items() if name not in axes}
    fixed |= {"loss": loss, "activation": activation}
    asked = (first, second, axes, fixed)
    search = {"seed": seed, "effort": effort, "executors": processes(workers)}
    if training:
        structure = None if runs.structure is None else known_as(runs.structure, activation)
        _check_structure(structure, classes, activation)
        figure, tables = _training(asked, store, search, runs, structure)
    elif activation == "relu":
        figure, tables = _networks(asked, colour)
    else:
        figure, tables = _minima(asked, store, search | {"certify": certify, "boxes": boxes}, colour)
    for path in out:
        write_picture(figure, path)
    for path, table in zip(data, tables, strict=True):
        write_rows(path, *table)
    print("\n".join(map(str, [*out, *data])))


# The names of both axes, the values on each, and the other numbers.
Asked = tuple[str, str, dict[str, Sequence[Any]], dict[str, Any]]
# Names of the columns, and the rows below them.
Rows = tuple[Sequence[str], list[dict[str, Any]]]
# A picture, and each file of data.
Drawn = tuple["Figure", list[Rows]]


def _minima(asked: Asked, store: Path | None, search: dict[str, Any], colour: str) -> Drawn:
    from optima.phases.diagram import phase_diagram
    from optima.plot.phase import plot_phase

    tell = lambda line: print(line, file=sys.stderr, flush=True)
    with _atlas(store) as atlas:
        diagram = phase_diagram(*asked, atlas, **search, progress=tell)
    return plot_phase(diagram, colour), _rows(diagram)


def _networks(asked: Asked, colour: str) -> Drawn:
    from optima.phases.networks import network_diagram
    from optima.plot.phase import plot_phase

    with bar("rows", known=False) as tell:
        diagram = network_diagram(*asked, tell)
    return plot_phase(diagram, colour), _rows(diagram)


def _rows(diagram: Diagram) -> list[Rows]:
    return [(diagram.columns, diagram.table()), (diagram.boundary_columns, diagram.boundaries())]


def _training(
    asked: Asked, store: Path | None, search: dict[str, Any], runs: training_.Training, structure: str | None
) -> Drawn:
    from optima.phases import training_diagram
    from optima.plot.training_phase import plot_training_diagram

    with _atlas(store) as atlas, bar("training", otherwise=training_.say_line) as tell:
        settings = runs.hyperparameters
        diagram = training_diagram(*asked, atlas, settings, runs.seeds, **search, progress=tell)
    rows = diagram.table()
    # Every run ends at some structure, so that there are rows.
    return plot_training_diagram(diagram, structure), [(list(rows[0]), rows)]


def _samples(text: str, one: bool) -> list[Any]:
    """Numbers of samples, or where it is ``one`` problem's a number for each class."""
    return [options.class_sizes(text)] if one and "," in text else list(parse.integers(text, "samples", 1))


def _check_structure(name: str | None, classes: Sequence[int], activation: str) -> None:
    """Raise ValueError, before anything is trained, for a structure that no run can end at."""
    from optima.structures import find, hint

    if name is None or name.startswith("unnamed") or any(find(name, K, activation) for K in classes):
        return
    if name != "global":
        raise ValueError(
            f"structure is {name!r}, which does not exist at {classes[0]} classes; pass global, or the name of a "
            f"structure ({hint(name, classes, activation)})"
        )
    if activation != "linear":
        raise ValueError("the global minimum of a relu model is not known; pass the name of a structure")


@contextmanager
def _atlas(store: Path | None) -> Iterator[Store]:
    """The atlas file, or one for this call only; on Ctrl-C it is said how to go on."""
    from optima.atlas import Store
    from optima.atlas.store import at_hand

    way_on = "repeat the command to go on" if store else "pass --store FILE to be able to go on"
    with resumable(way_on), Store(store, True) if store else at_hand(None) as atlas:
        yield atlas

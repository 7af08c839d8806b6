"""``optima phase``: which structure is the global minimum, over two numbers of the model."""

from __future__ import annotations

import csv
import sys
import tempfile
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from optima.cli import options, parse
from optima.cli.progress import resumable


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


def phase(
    out: Annotated[list[Path], typer.Option(help="Picture to write (.pdf, .svg, .png); may be given several times.")],
    x: Annotated[Axis, typer.Option(help="Horizontal axis.")] = Axis.reg,
    y: Annotated[Axis, typer.Option(help="Vertical axis.")] = Axis.depth,
    classes: Annotated[str, typer.Option(help="K: a number, or integers and ranges a:b[:step] on an axis.")] = "10",
    depth: Annotated[str, typer.Option(help="L, likewise.")] = "1:8",
    reg: Annotated[str, typer.Option(help="lambda: a number, or numbers and lo:hi:count on an axis.")] = "1e-7:0.5:17",
    width: Annotated[str | None, typer.Option(help="Hidden width d; default wide.")] = None,
    samples: Annotated[str, typer.Option(help="Samples n per class.")] = "1",
    loss: options.LossOption = options.Loss.ce,
    colour: Annotated[Colour, typer.Option(help="Colours by structure or by rank.")] = Colour.structure,
    store: Annotated[Path | None, typer.Option(help="Atlas file that cells are taken from and added to.")] = None,
    certify: Annotated[bool, typer.Option(help="Prove lower bounds, to mark the certified cells.")] = True,
    seed: options.Seed = "0",
    effort: options.EffortOption = options.Effort.normal,
    workers: Annotated[str | None, typer.Option(help="Processes; default one for each core.")] = None,
    force: options.Force = False,
) -> None:
    """Draw a phase diagram with solved boundaries; the data go to CSV files beside the first picture."""
    from optima.atlas import Store, processes
    from optima.atlas.phase import phase_diagram
    from optima.plot.phase import plot_phase

    files = [*out, out[0].with_suffix(".csv"), out[0].with_name(f"{out[0].stem}-boundaries.csv")]
    _check(out, files, force)
    given: dict[str, list[Any]] = {
        "classes": parse.integers(classes, "classes", 2),
        "depth": parse.integers(depth, "depth", 1),
        "reg": parse.reals(reg, "reg"),
        "width": [None] if width is None else [*parse.integers(width, "width", 1)],
        "samples": parse.integers(samples, "samples", 1),
    }
    axes = {x.value: given[x.value], y.value: given[y.value]}
    for name, values in given.items():
        if name not in axes and len(values) > 1:
            raise ValueError(f"{name} has {len(values)} values but is on no axis; pass one number")
    fixed = {name: values[0] for name, values in given.items() if name not in axes} | {"loss": loss.value}
    count = None if workers is None else parse.integer(workers, "workers", 1)
    tell = lambda line: print(line, file=sys.stderr, flush=True)
    way_on = "repeat the command to go on" if store else "pass --store FILE to be able to go on"
    with tempfile.TemporaryDirectory() as folder, resumable(way_on), Store(store or Path(folder) / "s", True) as atlas:
        diagram = phase_diagram(
            x.value,
            y.value,
            axes,
            fixed,
            atlas,
            parse.integer(seed, "seed", 0),
            effort.value,
            certify,
            processes(count),
            tell,
        )
    figure = plot_phase(diagram, colour.value)
    for path in out:
        figure.savefig(path, dpi=200)
    _write(files[-2], diagram.table())
    _write(files[-1], diagram.boundaries())
    print("\n".join(map(str, files)))


def _check(out: Sequence[Path], files: Sequence[Path], force: bool) -> None:
    from matplotlib.backend_bases import FigureCanvasBase

    known = FigureCanvasBase.get_supported_filetypes()
    for path in out:
        if path.suffix[1:] not in known:
            raise ValueError(f"{path} has no ending that names a picture format; pass one of .pdf, .svg, .png")
    for path in files:
        options.check_output(path, force)


def _write(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as stream:
        if rows:
            writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)

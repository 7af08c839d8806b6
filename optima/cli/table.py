"""``optima table``: the loss table over a grid."""

from __future__ import annotations

import sys
import time
from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from optima.cli import options, parse
from optima.cli.menu import Command as AnyCommand
from optima.cli.terminal import say, show
from optima.cli.terminal import width as width_of_screen
from optima.report.screen import Column
from optima.report.words import KINDS
from optima.tables.export import FORMATS, Form, chosen, open_sink, short

if TYPE_CHECKING:
    import pyarrow as pa

    from optima.tables.table import LossTable


class Format(StrEnum):
    """Output formats."""

    terminal = "terminal"
    csv = "csv"
    json = "json"
    markdown = "markdown"
    latex = "latex"
    parquet = "parquet"


# Rows of the list where no number is given.
LISTED = "60"
COLUMNS = (
    *(Column(head) for head in ("K", "L", "reg", "n", "loss")),
    Column("winner", right=False),
    Column("scale", 4),
    Column("rank", 3),
    Column("singular values", 7, right=False),
    Column("fit", 6),
    Column("penalty", 5),
    Column("wins by", 1),
    Column("over", 2, right=False),
)


class Command(AnyCommand):
    """``--rows`` alone stands for a list of the usual length."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """With the number put in."""
        alone = lambda place: place == len(args) - 1 or args[place + 1].startswith("-")
        given = [[word, LISTED] if word == "--rows" and alone(i) else [word] for i, word in enumerate(args)]
        return super().parse_args(ctx, [word for words in given for word in words])


def table(
    classes: Annotated[
        str, typer.Option(metavar=options.INTEGERS, help="K: integers and ranges a:b[:step], e.g. 2:20 or 4,10.")
    ],
    depths: Annotated[str, typer.Option(metavar=options.INTEGERS, help="L: integers and ranges a:b[:step].")],
    regs: Annotated[
        str,
        typer.Option(
            metavar=options.NUMBERS, help="lambda: numbers and log-spaced ranges lo:hi:count, e.g. 1e-6:1e-1:11."
        ),
    ],
    samples: Annotated[str, typer.Option(metavar=options.INTEGERS, help="n per class: integers and ranges.")] = "1",
    loss: options.LossOption = options.Loss.ce,
    activation: options.Activation = "linear",
    structures: options.Structures = None,
    width: options.Width = None,
    format: Annotated[
        Format, typer.Option(metavar="FORMAT", help=f"terminal, {', '.join(FORMATS)}.")
    ] = Format.terminal,
    out: Annotated[
        Path | None, typer.Option(metavar=options.FILE, help="File to write; default standard output.")
    ] = None,
    columns: options.Columns = None,
    digits: options.Digits = None,
    caption: options.Caption = None,
    label: options.Label = None,
    force: options.Force = False,
    rows: Annotated[
        int | None,
        typer.Option(
            metavar=options.INTEGER, help="List the cells in the terminal, the first N (60 where no number is given)."
        ),
    ] = None,
) -> None:
    """Optimal loss of every named structure over a grid of (classes, depth, reg, samples), and who wins."""
    from optima.tables.table import LossTable

    grid = LossTable(
        parse.integers(classes, "classes", 2),
        parse.integers(depths, "depths", 1),
        parse.reals(regs, "regs"),
        parse.integers(samples, "samples", 1),
        loss.value,
        parse.names(structures),
        options.parse_width(width),
        activation,
    )
    if rows is not None and rows < 0:
        raise ValueError(f"rows is {rows}; pass an integer of at least 0")
    name = _format(format.value, out)
    form = options.typeset(name, digits, caption, label)
    if name != "terminal":
        _write(grid, form, chosen(grid.schema, parse.names(columns)), out, force)
    elif columns is not None:
        raise ValueError("--columns is for files; pass --format such as latex or csv, or --out FILE")
    else:
        _show(grid, rows)


def _format(asked: str, out: Path | None) -> str:
    """The format asked for; a file without one is written in that of its ending."""
    if asked != "terminal" or out is None:
        return asked
    endings = {".csv": "csv", ".json": "json", ".md": "markdown", ".tex": "latex", ".parquet": "parquet"}
    if out.suffix not in endings:
        raise ValueError(f"{out} has no ending that names a format; pass --format {'|'.join(FORMATS)}")
    return endings[out.suffix]


def _write(grid: LossTable, form: Form, schema: pa.Schema, out: Path | None, force: bool) -> None:
    start = time.perf_counter()
    with open_sink(out, form, schema, sys.stdout.buffer, force) as sink, _progress(len(grid)) as advance:
        for batch in grid.batches():
            sink.write(batch.select(schema.names))
            advance(batch.num_rows)
    target = f" to {out}" if out else ""
    print(f"{sink.count} cells written{target} in {time.perf_counter() - start:.2f} s", file=sys.stderr)


def _show(grid: LossTable, rows: int | None) -> None:
    """Who wins as matrices, or the first cells one by one."""
    from optima.report.winners import Winners

    start = time.perf_counter()
    head: list[dict] = []
    matrix = Winners(grid) if rows is None else None
    won: Counter[str] = Counter()
    with _progress(len(grid)) as advance:
        for batch in grid.batches():
            won.update(batch.column("winner").to_pylist())
            if matrix is not None:
                matrix.add(batch)
            missing = max(0, (rows or 0) - len(head))
            head += batch.slice(0, min(missing, batch.num_rows)).to_pylist()
            advance(batch.num_rows)
    title = f"optimal losses ({KINDS[grid.loss]})"
    if matrix is None:
        _list(grid, head, title)
    else:
        print(title)
        print(matrix.text(width_of_screen()))
    print()
    say("won by: " + ", ".join(f"{name or 'no structure exists in'} {count}" for name, count in won.most_common()), 2)
    print(f"{len(grid)} cells in {time.perf_counter() - start:.2f} s")


def _list(grid: LossTable, cells: list[dict], title: str) -> None:
    several = len(grid.samples) > 1
    columns = [column for column in COLUMNS if several or column.head != "n"]
    show(columns, [_row(cell, several) for cell in cells], title, "--out FILE or --format csv")
    if any(cell["scale"] is not None for cell in cells):
        say(
            "scale: the factor of the structure's logits; wins by: how far the loss is below that of the next structure"
        )
    if len(cells) < len(grid):
        say(f"... {len(grid) - len(cells)} more cells; pass --rows N to see more, or --out FILE for all of them")


def _row(cell: dict, with_samples: bool) -> list[str]:
    keys = ["classes", "depth", "reg", "samples"] if with_samples else ["classes", "depth", "reg"]
    scales = [cell[name] for name in ("scale", "scale_2") if cell[name] is not None]
    singular = [
        f"{short(cell['singular_value' + end])} x{cell['multiplicity' + end]}"
        for end in ("", "_2")
        if cell["singular_value" + end] is not None
    ]
    return [
        *(short(cell[key]) for key in keys),
        short(cell["loss"]),
        cell["winner"] or "",
        ", ".join(map(short, scales)),
        short(cell["rank"]),
        ", ".join(singular),
        *(short(cell[key]) for key in ("fit", "penalty", "win_by")),
        cell["runner_up"] or "",
    ]


class _progress:
    """A progress bar on standard error; entering it gives the function that advances it."""

    def __init__(self, total: int) -> None:
        self.bar = Progress(
            TextColumn("cells"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
            disable=not sys.stderr.isatty(),
        )
        self.task = self.bar.add_task("cells", total=total)

    def __enter__(self):  # type: ignore[no-untyped-def]
        self.bar.start()
        return lambda count: self.bar.advance(self.task, count)

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

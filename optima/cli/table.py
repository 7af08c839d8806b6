"""``optima table``: the loss table over a grid."""

from __future__ import annotations

import sys
import time
from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from optima.cli import options, parse
from optima.cli.terminal import console
from optima.export import FORMATS, open_sink, short

if TYPE_CHECKING:
    from optima.table import LossTable


class Format(StrEnum):
    """Output formats."""

    terminal = "terminal"
    csv = "csv"
    json = "json"
    markdown = "markdown"
    latex = "latex"
    parquet = "parquet"


def table(
    classes: Annotated[str, typer.Option(help="K: integers and ranges a:b[:step], e.g. 2:20 or 4,10.")],
    depths: Annotated[str, typer.Option(help="L: integers and ranges a:b[:step].")],
    regs: Annotated[str, typer.Option(help="lambda: numbers and log-spaced ranges lo:hi:count, e.g. 1e-6:1e-1:11.")],
    samples: Annotated[str, typer.Option(help="n per class: integers and ranges.")] = "1",
    loss: options.LossOption = options.Loss.ce,
    structures: options.Structures = None,
    width: options.Width = None,
    format: Annotated[Format, typer.Option(help="Output format.")] = Format.terminal,
    out: Annotated[Path | None, typer.Option(help="File to write; default standard output.")] = None,
    force: options.Force = False,
    rows: Annotated[int, typer.Option(help="Rows shown by the terminal format before it leaves the rest out.")] = 60,
) -> None:
    """Optimal loss of every named structure over a grid of (classes, depth, reg, samples), and who wins."""
    from optima.table import LossTable

    grid = LossTable(
        parse.integers(classes, "classes", 2),
        parse.integers(depths, "depths", 1),
        parse.reals(regs, "regs"),
        parse.integers(samples, "samples", 1),
        loss.value,
        parse.names(structures),
        options.parse_width(width),
    )
    if rows < 0:
        raise ValueError(f"rows is {rows}; pass an integer of at least 0")
    chosen = _format(format.value, out)
    if chosen == "terminal":
        _show(grid, rows)
    else:
        _write(grid, chosen, out, force)


def _format(asked: str, out: Path | None) -> str:
    """The format asked for; a file without one is written in that of its ending."""
    if asked != "terminal" or out is None:
        return asked
    endings = {".csv": "csv", ".json": "json", ".md": "markdown", ".tex": "latex", ".parquet": "parquet"}
    if out.suffix not in endings:
        raise ValueError(f"{out} has no ending that names a format; pass --format {'|'.join(FORMATS)}")
    return endings[out.suffix]


def _write(grid: LossTable, form: str, out: Path | None, force: bool) -> None:
    start = time.perf_counter()
    with open_sink(out, form, grid.schema, sys.stdout.buffer, force) as sink, _progress(len(grid)) as advance:
        for batch in grid.batches():
            sink.write(batch)
            advance(batch.num_rows)
    target = f" to {out}" if out else ""
    print(f"{sink.count} cells written{target} in {time.perf_counter() - start:.2f} s", file=sys.stderr)


def _show(grid: LossTable, rows: int) -> None:
    start = time.perf_counter()
    head: list[dict] = []
    winners: Counter[str] = Counter()
    with _progress(len(grid)) as advance:
        for batch in grid.batches():
            winners.update(batch.column("winner").to_pylist())
            missing = max(0, rows - len(head))
            head += batch.slice(0, min(missing, batch.num_rows)).to_pylist()
            advance(batch.num_rows)
    console().print(_rich_table(grid, head))
    if len(head) < len(grid):
        print(f"... {len(grid) - len(head)} more cells; pass --rows N to see more, or --out FILE for all of them")
    won = (f"{name or 'no structure exists in'} {count}" for name, count in winners.most_common())
    print("won by: " + ", ".join(won))
    print(f"{len(grid)} cells in {time.perf_counter() - start:.2f} s")


def _rich_table(grid: LossTable, cells: list[dict]) -> Table:
    table = Table(header_style="bold", row_styles=["", "dim"] if len(cells) > 20 else None)
    table.title = f"optimal losses ({'cross-entropy' if grid.loss == 'ce' else 'squared error'})"
    heads = ["K", "L", "reg", "n"] if len(grid.samples) > 1 else ["K", "L", "reg"]
    for head in [*heads, "loss"]:
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("winner", no_wrap=True)
    for head in ("scale", "rank"):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("singular values", no_wrap=True)
    for head in ("fit", "penalty", "wins by"):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("over", no_wrap=True)
    for cell in cells:
        table.add_row(*_row(cell, with_samples=len(grid.samples) > 1))
    return table


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
        cell["winner"],
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

"""``optima table``: the loss table over a grid."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from optima.cli import options
from optima.cli.declared import choice, file, integers, word
from optima.cli.menu import Command as AnyCommand
from optima.cli.terminal import bar, check_read, say, show
from optima.cli.terminal import width as width_of_screen
from optima.progress import Part
from optima.report.fit_width import columns_of
from optima.report.words import KINDS
from optima.tables.export import FORMATS, Form, chosen, open_sink, short

if TYPE_CHECKING:
    import pyarrow as pa

    from optima.tables.table import LossTable


TERMINAL = "terminal"
# Rows of the list where no number is given.
LISTED = "60"
COLUMNS = columns_of("K L reg n loss <winner scale:4 rank:3 <singular_values:7 fit:6 penalty:5 wins_by:1 <over:2")


class Command(AnyCommand):
    """``--rows`` alone stands for a list of the usual length."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """With the number put in."""
        alone = lambda place: place == len(args) - 1 or args[place + 1].startswith("-")
        given = [[word, LISTED] if word == "--rows" and alone(i) else [word] for i, word in enumerate(args)]
        return super().parse_args(ctx, [word for words in given for word in words])


def table(
    classes: options.ClassGrid,
    depths: options.DepthGrid,
    regs: options.RegGrid,
    samples: Annotated[Sequence[int], integers("n per class, the same for all: integers and ranges.")] = (1,),
    loss: options.Loss = "ce",
    activation: options.Activation = "linear",
    structures: options.Structures = None,
    width: options.Width = None,
    format: Annotated[str, choice(f"terminal, {', '.join(FORMATS)}.", TERMINAL, *FORMATS, metavar="FORMAT")] = TERMINAL,
    out: Annotated[Path | None, file("File to write; default standard output.")] = None,
    *,
    columns: options.Columns,
    force: options.Force = False,
    rows: Annotated[
        int | None,
        word("List the cells in the terminal, the first N (60 where no number is given).", metavar="INTEGER"),
    ] = None,
) -> None:
    """Optimal loss of every named structure over a grid of (classes, depth, reg, samples), and who wins."""
    from optima.tables.table import LossTable

    grid = LossTable(classes, depths, regs, samples, loss, structures, width, activation)
    options.check_rows(rows)
    name = _format(format, out)
    form = columns.typeset(name)
    if name != TERMINAL:
        _write(grid, form, chosen(grid.schema, columns.columns), out, force)
    elif columns.columns is not None:
        raise ValueError("--columns is for files; pass --format such as latex or csv, or --out FILE")
    else:
        _show(grid, rows)


def _format(asked: str, out: Path | None) -> str:
    """The format asked for; a file without one is written in that of its ending."""
    if asked != TERMINAL or out is None:
        return asked
    endings = {".csv": "csv", ".json": "json", ".md": "markdown", ".tex": "latex", ".parquet": "parquet"}
    if out.suffix not in endings:
        raise ValueError(f"{out} has no ending that names a format; pass --format {'|'.join(FORMATS)}")
    return endings[out.suffix]


def _write(grid: LossTable, form: Form, schema: pa.Schema, out: Path | None, force: bool) -> None:
    start = time.perf_counter()
    with open_sink(out, form, schema, sys.stdout.buffer, force) as sink, bar("cells") as tell:
        for batch in grid.batches():
            sink.write(batch.select(schema.names))
            tell(Part(sink.count, len(grid)))
    target = f" to {out}" if out else ""
    print(f"{sink.count} cells written{target} in {time.perf_counter() - start:.2f} s", file=sys.stderr)


def _show(grid: LossTable, rows: int | None) -> None:
    """Who wins as matrices, or the first cells one by one, as soon as these are known; then who won how many of all."""
    start = time.perf_counter()
    print(f"optimal losses ({KINDS[grid.loss]})", flush=True)
    won: Counter[str] = Counter()
    batches = _counted(grid, won)
    if rows is None:
        _print_matrices(grid, batches)
    else:
        _list(grid, _first(batches, min(rows, len(grid))))
    sys.stdout.flush()
    # The others are only counted.
    with bar("cells") as tell:
        for _ in batches:
            tell(Part(won.total(), len(grid)))
    print()
    say("won by: " + ", ".join(f"{name or 'no structure exists in'} {count}" for name, count in won.most_common()), 2)
    print(f"{len(grid)} cells in {time.perf_counter() - start:.2f} s")


def _counted(grid: LossTable, won: Counter[str]) -> Iterator[pa.RecordBatch]:
    """The batches of a grid, whose winners are counted, as long as somebody reads."""
    for batch in grid.batches():
        check_read()
        won.update(batch.column("winner").to_pylist())
        yield batch


def _print_matrices(grid: LossTable, batches: Iterator[pa.RecordBatch]) -> None:
    from optima.report.winners import Winners

    matrix = Winners(grid)
    # What is printed while a bar is shown goes where the bar goes.
    with bar("cells") as tell:
        while not matrix.complete:
            matrix.add(next(batches))
            tell(Part(len(matrix.found), matrix.cells))
    print(matrix.text(width_of_screen()))


def _first(batches: Iterator[pa.RecordBatch], count: int) -> list[dict]:
    """The first cells, so many of them."""
    head: list[dict] = []
    with bar("cells") as tell:
        for batch in batches:
            head += batch.slice(0, count - len(head)).to_pylist()
            tell(Part(len(head), count))
            if len(head) == count:
                break
    return head


def _list(grid: LossTable, cells: list[dict]) -> None:
    several = len(grid.samples) > 1
    columns = [column for column in COLUMNS if several or column.head != "n"]
    show(columns, [_row(cell, several) for cell in cells], otherwise="--out FILE or --format csv")
    if any(cell["scale"] is not None for cell in cells):
        ridge = grid.activation == "relu" and grid.loss == "mse"
        what = (
            "s^2/(lambda K), s the factor of the last hidden layer" if ridge else "the factor of the structure's logits"
        )
        say(f"scale: {what}; wins by: how far the loss is below that of the next structure")
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
    head = [*(short(cell[key]) for key in (*keys, "loss")), cell["winner"] or "", ", ".join(map(short, scales))]
    tail = [short(cell[key]) for key in ("fit", "penalty", "win_by")]
    return [*head, short(cell["rank"]), ", ".join(singular), *tail, cell["runner_up"] or ""]

"""Tables and paragraphs that fit a width without cutting a number or a name."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich import box
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

# Characters between two columns.
BETWEEN = 2
# Characters of the labels of facts.
LABEL = 10
# From this many rows on, every other one is dim.
MANY = 20


@dataclass(frozen=True)
class Column:
    """A column: of those with the largest ``drop`` the last one is left out first; those of 0 stay."""

    head: str
    drop: int = 0
    right: bool = True


def columns_of(text: str) -> tuple[Column, ...]:
    """Columns such as ``loss``, ``rank:2`` with its ``drop``, and ``<ended_at`` with two words, aligned left."""
    found = []
    for word in text.split():
        head, _, drop = word.removeprefix("<").partition(":")
        found.append(Column(head.replace("_", " "), int(drop or 0), not word.startswith("<")))
    return tuple(found)


def layout(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], limit: int | None
) -> tuple[RenderableType, list[str]]:
    """The widest table within ``limit`` characters (None: any number), and the heads of the columns it leaves out.

    Where not even the columns that have to stay fit, the rows are stacked: one line for each entry, none left out.
    """
    widths = [max(map(cell_len, [column.head, *(row[i] for row in rows)])) for i, column in enumerate(columns)]
    kept = list(range(len(columns)))
    while limit is not None and sum(widths[i] for i in kept) + BETWEEN * (len(kept) - 1) > limit:
        last = max(kept, key=lambda i: (columns[i].drop, i))
        if not columns[last].drop:
            return _stacked(columns, rows), []
        kept.remove(last)
    return _table(columns, rows, kept), [column.head for i, column in enumerate(columns) if i not in kept]


def _table(columns: Sequence[Column], rows: Sequence[Sequence[str]], kept: Sequence[int]) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        collapse_padding=True,
        header_style="bold",
        row_styles=["", "dim"] if len(rows) > MANY else None,
    )
    for i in kept:
        table.add_column(Text(columns[i].head), justify="right" if columns[i].right else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(row[i]) for i in kept))
    return table


def _stacked(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> Text:
    wide = max(len(column.head) for column in columns)
    entries = ["\n".join(f"{c.head:<{wide}}  {cell}" for c, cell in zip(columns, row, strict=True)) for row in rows]
    return Text("\n\n".join(entries))


def hidden_words(hidden: Sequence[str], otherwise: str) -> str:
    """What is said below a table that leaves columns out."""
    many = "1 column is" if len(hidden) == 1 else f"{len(hidden)} columns are"
    return f"{many} hidden for lack of width: {', '.join(hidden)}; widen the terminal, or pass {otherwise}"


def table_text(columns: Sequence[Column], rows: Sequence[Sequence[str]], limit: int | None = None) -> str:
    """A table as plain text."""
    stream = io.StringIO()
    drawn, _ = layout(columns, rows, limit)
    # As wide as the table is, which was fitted already.
    Console(file=stream, width=10**6, color_system=None, legacy_windows=False).print(drawn, soft_wrap=True)
    # In ASCII, which every output takes.
    return "\n".join(line.rstrip() for line in stream.getvalue().replace("─", "-").splitlines())


def labelled(facts: Iterable[tuple[str, str]], limit: int | None) -> list[str]:
    """Facts with what each is about before it, in a column of its own."""
    return [paragraph(f"{label:<{LABEL}}{words}", limit, LABEL) for label, words in facts]


def paragraph(text: str, limit: int | None, indent: int = 0) -> str:
    """Text broken between words only, the lines after the first one indented."""
    if limit is None or cell_len(text) <= limit:
        return text
    return textwrap.fill(text, limit, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False)

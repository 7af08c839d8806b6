"""The terminal: text and tables as wide as it is, progress, and how to go on after an interrupt."""

from __future__ import annotations

import os
import select
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import typer
from rich import progress as rich
from rich.console import Console

from optima.progress import Progress, Tell, silent
from optima.report.fit_width import Column, hidden_words, layout, paragraph

# Narrower terminals are taken to be this wide.
NARROWEST = 20
# Wider than any line.
UNBOUNDED = 10**6


class _Console(Console):
    def on_broken_pipe(self) -> NoReturn:
        # The library would exit without a word.
        raise BrokenPipeError


def width() -> int | None:
    """Characters in a line of standard output: $COLUMNS, or those of its terminal; None (no limit) without one."""
    asked = os.environ.get("COLUMNS", "")
    if (asked.isdecimal() and int(asked) > 0) or sys.stdout.isatty():
        return max(NARROWEST, shutil.get_terminal_size().columns)
    return None


def console() -> Console:
    """A console on standard output that cuts nothing."""
    return _Console(width=width() or UNBOUNDED)


def check_read() -> None:
    """Raise BrokenPipeError where standard output is a pipe that nobody reads any more; else only a write would tell.

    Not on Windows, where pipes cannot be asked.
    """
    if not hasattr(select, "poll"):
        return
    poll = select.poll()
    try:
        poll.register(sys.stdout.fileno(), 0)
    except (OSError, ValueError):
        # Not a file of the system.
        return
    if any(seen & (select.POLLERR | select.POLLHUP) for _, seen in poll.poll(0)):
        raise BrokenPipeError


def say(text: str, indent: int = 0) -> None:
    """Print lines, broken between words where they are too long."""
    limit = width()
    for line in text.split("\n"):
        print(paragraph(line, limit, indent))


def show(columns: Sequence[Column], rows: Sequence[Sequence[str]], title: str = "", otherwise: str = "--json") -> None:
    """Print a table that fits, and below it which columns do not and that ``otherwise`` shows them."""
    if title:
        say(title)
    drawn, hidden = layout(columns, rows, width())
    _Console(width=UNBOUNDED).print(drawn, soft_wrap=True)
    if hidden:
        say(hidden_words(hidden, otherwise))


@contextmanager
def bar(what: str, known: bool = True, otherwise: Tell[Any] = silent) -> Iterator[Tell[Progress]]:
    """A bar on standard error where that is a terminal, gone at the end; the function that is told of the progress.

    Without a bar where no part of the whole is ever ``known``. Without a terminal ``otherwise`` is told.
    """
    parts = (rich.BarColumn(), rich.TextColumn("{task.percentage:.0f} %")) if known else ()
    shown = rich.Progress(
        rich.TextColumn(what),
        *parts,
        rich.TextColumn("{task.fields[note]}", markup=False),
        rich.TimeElapsedColumn(),
        *((rich.TimeRemainingColumn(),) if known else ()),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
    task = shown.add_task(what, total=1.0 if known else None, note="")

    def tell(now: Progress) -> None:
        shown.update(task, completed=now.fraction, note=str(now))
        if not sys.stderr.isatty():
            otherwise(now)

    with shown:
        yield tell


@contextmanager
def resumable(way_on: str | Callable[[], str]) -> Iterator[None]:
    """On Ctrl-C say how to go on, as it is then, and leave with the exit code of an interrupt."""
    try:
        yield
    except KeyboardInterrupt:
        print(f"optima: interrupted; {way_on if isinstance(way_on, str) else way_on()}", file=sys.stderr)
        raise typer.Exit(130) from None


def from_checkpoint(checkpoint: Path | None) -> Callable[[], str]:
    """How to go on after an interrupt with a checkpoint, which may not have been written yet, or without one."""

    def words() -> str:
        if checkpoint is None:
            return "pass --checkpoint FILE to be able to go on"
        if checkpoint.is_file():
            return "repeat the command to go on"
        return f"{checkpoint} was not written yet, so the command would begin again"

    return words

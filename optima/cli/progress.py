"""A progress bar for long computations."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


@contextmanager
def bar(what: str) -> Iterator[Callable[[float, float, str], None]]:
    """A bar on standard error where that is a terminal; it gives the function that takes (done, total, a note)."""
    shown = Progress(
        TextColumn(what),
        BarColumn(),
        TextColumn("{task.percentage:.0f} %"),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
    task = shown.add_task(what, total=None, note="")
    with shown:
        yield lambda done, total, note: shown.update(task, completed=done, total=total, note=note)


@contextmanager
def line(what: str) -> Iterator[Callable[[str], None]]:
    """One line on standard error where that is a terminal, gone at the end; it gives the function that changes it."""
    shown = Progress(
        TextColumn(what),
        TextColumn("{task.fields[note]}", markup=False),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
    task = shown.add_task(what, total=None, note="")
    with shown:
        yield lambda note: shown.update(task, note=note)


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

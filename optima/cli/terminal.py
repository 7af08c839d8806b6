"""Printing to the terminal: as wide as it is, and without one as wide as the text."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from typing import NoReturn

from rich.console import Console

from optima.report.screen import Column, hidden_words, layout, paragraph

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

"""Printing tables to the terminal."""

from __future__ import annotations

import sys
from typing import NoReturn

from rich.console import Console


class _Console(Console):
    def on_broken_pipe(self) -> NoReturn:
        # The library would exit without a word.
        raise BrokenPipeError


def console() -> Console:
    """A console on standard output; without a terminal there is no width to fit, so columns are never cut."""
    return _Console() if sys.stdout.isatty() else _Console(width=200)

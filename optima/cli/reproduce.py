"""``optima reproduce``: published figures and their data, made again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from optima.cli.terminal import bar, resumable, say

# The first checkpoint may not have been written yet.
GO_ON = "repeat the command to go on, from a checkpoint where there is one by now"


def _figures(incomplete: str) -> list[str]:
    """The figures that begin with what has been typed, for the shell to complete."""
    from optima.reproduce import FIGURES

    names = [name for full in FIGURES for name in (full.partition(".")[2], full)]
    # A last part that several papers have is one word.
    return [name for name in dict.fromkeys(names) if name.startswith(incomplete)]


def reproduce(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="FIGURE", help="The figure, such as fig1; none lists them all.", autocompletion=_figures
        ),
    ] = None,
    folder: Annotated[
        Path, typer.Option("--out", metavar="FOLDER", help="Folder for the figure and its data.")
    ] = Path(),
    quick: Annotated[bool, typer.Option("--quick", help="A small version in seconds, in files of its own.")] = False,
) -> None:
    """Make a published figure and its data as CSV; a call that was interrupted goes on where it was."""
    from optima.reproduce import FIGURES, find
    from optima.reproduce import reproduce as make

    if name is None:
        for figure in FIGURES.values():
            say(f"{figure.name}  {figure.summary}", 4)
        return
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder; pass an existing one")
    with resumable(GO_ON), bar(name) as tell:
        written = make(find(name), folder, quick, tell)
    for path in written:
        print(path)

"""Pictures as files."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.figure import Figure

from optima.files import write


def check_pictures(paths: Iterable[Path]) -> None:
    """Raise ValueError unless every name ends in a picture format."""
    for path in paths:
        if path.suffix[1:].lower() not in FigureCanvasBase.get_supported_filetypes():
            raise ValueError(f"{path} has no ending that names a picture format; pass one of .pdf, .svg, .png")


def write_figure(figure: Figure, path: str | Path) -> None:
    """A figure in a file, as results write theirs."""
    write_picture(figure, path, dpi=160, bbox_inches="tight")


def write_picture(figure: Figure, path: str | Path, **options: Any) -> None:
    """A figure in the format that the ending of the name says, whole or not at all; options as of ``savefig``.

    Raises ValueError for another ending.
    """
    path = Path(path)
    check_pictures([path])
    content = io.BytesIO()
    figure.savefig(content, format=path.suffix[1:].lower(), **options)
    write(path, content.getbuffer())

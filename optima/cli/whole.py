"""Files that are written whole or not at all."""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A name to write to beside ``path``, which takes its place at the end; after an error nothing is left of it."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    os.close(handle)
    # As any new file, not for its owner alone.
    mask = os.umask(0)
    os.umask(mask)
    os.chmod(name, 0o666 & ~mask)
    try:
        yield Path(name)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def check_pictures(paths: Sequence[Path]) -> None:
    """Raise ValueError unless every name ends in a picture format."""
    from matplotlib.backend_bases import FigureCanvasBase

    known = FigureCanvasBase.get_supported_filetypes()
    for path in paths:
        if path.suffix[1:] not in known:
            raise ValueError(f"{path} has no ending that names a picture format; pass one of .pdf, .svg, .png")


def write_picture(figure: Figure, path: Path) -> None:
    """A figure in the format that the ending of the name says."""
    with whole(path) as partial:
        figure.savefig(partial, dpi=200)


def write_table(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Rows as CSV; no number is an empty field, and no rows an empty file."""
    with whole(path) as partial, open(partial, "w", newline="", encoding="utf-8") as stream:
        if rows:
            writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)

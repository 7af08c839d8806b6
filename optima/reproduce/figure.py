"""What a reproduction of a published figure is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure as Picture

from optima.files import remove
from optima.files import write as write_file
from optima.model import DeepUFM
from optima.plot.picture import write_picture
from optima.progress import Progress, Tell, silent
from optima.reproduce.rows import Row, write
from optima.training import Training, train

LR = 0.5


@dataclass(frozen=True)
class Workplace:
    """Where a reproduction puts its files and keeps its checkpoints, and whom it tells of its progress.

    Files of a quick reproduction have ``.quick`` in their names, so that they never replace those of a full one.
    """

    folder: Path
    name: str
    quick: bool
    tell: Tell[Progress] = silent
    written: list[Path] = field(default_factory=list)
    stored: list[Path] = field(default_factory=list)

    def file(self, ending: str) -> Path:
        """The file of this figure with an ending such as ``.csv``."""
        return self.folder / f"{self.name}{'.quick' if self.quick else ''}{ending}"

    def checkpoint(self, part: str) -> Path:
        """The file in which the training of one part is stored until all is done."""
        path = self.folder / f".{part}{'.quick' if self.quick else ''}.checkpoint.npz"
        self.stored.append(path)
        return path

    def train(self, problems: DeepUFM | Sequence[DeepUFM], part: str, steps: int, seeds: int, **more: Any) -> Training:
        """Gradient descent at the learning rate of the figures, from its checkpoint where there is one."""
        checkpoint = self.checkpoint(part)
        return train(problems, lr=LR, steps=steps, seeds=seeds, checkpoint=checkpoint, progress=self.tell, **more)

    def table(self, rows: Sequence[Row], path: Path | None = None) -> None:
        """Write rows as CSV, to the file of this figure or to another one."""
        path = path or self.file(".csv")
        write(path, rows)
        self.written.append(path)

    def text(self, text: str, path: Path) -> None:
        """Write a text."""
        write_file(path, text.encode())
        self.written.append(path)

    def picture(self, figure: Picture) -> None:
        """Write a figure as PNG and PDF."""
        for ending in (".png", ".pdf"):
            write_picture(figure, self.file(ending), dpi=160)
            self.written.append(self.file(ending))


@dataclass(frozen=True)
class Reproduction:
    """A published figure: its name, what it shows, and what makes it."""

    name: str
    summary: str
    make: Callable[[Workplace], None]


def reproduce(
    reproduction: Reproduction, folder: Path, quick: bool = False, tell: Tell[Progress] = silent
) -> list[Path]:
    """Make the figure and its data in a folder; the files written.

    An interrupted reproduction goes on from its checkpoints when it is asked for again in the same folder; they
    are removed at the end.
    """
    place = Workplace(folder, reproduction.name, quick, tell)
    reproduction.make(place)
    for path in place.stored:
        remove(path)
    return place.written

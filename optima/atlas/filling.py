"""How far an atlas is filled."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass
class Filling:
    """Cells or runs ``done`` of ``total``, and the part of the ``work`` that this was, since ``began``.

    ``lost`` counts the workers that died.
    """

    total: int
    work: int
    done: int = 0
    finished: int = 0
    lost: int = 0
    began: float = field(default_factory=time.monotonic)

    @property
    def fraction(self) -> float:
        """Part of the work that is done; a run of a wide network is more of it than one of a narrow network."""
        return self.finished / self.work if self.work else 1.0

    @property
    def seconds_left(self) -> float:
        """Time to the end at the rate so far."""
        passed = time.monotonic() - self.began
        return passed * (1 / self.fraction - 1) if self.finished else float("inf")

    def count_lost(self) -> None:
        """A worker died; its job is run again."""
        self.lost += 1

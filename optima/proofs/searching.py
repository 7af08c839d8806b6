"""What callbacks of a proof are told, whichever search runs."""

from __future__ import annotations

from typing import Protocol


class Searching(Protocol):
    """A search over boxes: its words by ``str``, how far it is, and what it has proved."""

    target: float
    seconds: float

    @property
    def bound(self) -> float:
        """Lower bound of the minimum, at most the target."""

    @property
    def size(self) -> int:
        """Boxes so far."""

    @property
    def fraction(self) -> float | None:
        """The part of the work allowed that is done; None where nothing limits it."""

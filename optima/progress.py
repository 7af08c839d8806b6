"""How far a computation is, for whoever waits for it: what every callback named ``progress`` is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol, TypeVar


class Progress(Protocol):
    """In words, by ``str``, and as a part of the whole; None where that is not known."""

    @property
    def fraction(self) -> float | None:
        """The part that is done, from 0 to 1."""


Told = TypeVar("Told", bound=Progress)
# Whom a computation tells, by what it tells.
Tell = Callable[[Told], None]


def silent(now: Progress) -> None:
    """Tell nobody."""


class Words(str):
    """Words alone."""

    @property
    def fraction(self) -> float | None:
        """Not known."""
        return None


class Part(NamedTuple):
    """So many of all."""

    done: float
    total: float
    words: str = ""

    @property
    def fraction(self) -> float | None:
        """Done of all; of nothing all is done."""
        return self.done / self.total if self.total else 1.0

    def __str__(self) -> str:
        return self.words

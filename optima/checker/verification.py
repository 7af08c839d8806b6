"""The answer of the checker."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Verification:
    """Whether both bounds of a certificate were proved again.

    ``lower`` and ``upper`` are the bounds as the checker finds them (-inf and inf where it finds none), ``reason`` says
    in one sentence why a certificate is not valid, and ``rigorous`` whether the answer is free of rounding.
    """

    valid: bool
    lower: float
    upper: float
    reason: str
    rigorous: bool

    def __bool__(self) -> bool:
        return self.valid

    @property
    def how(self) -> str:
        """In which arithmetic."""
        return "in ball arithmetic" if self.rigorous else "in floating point"

    def __str__(self) -> str:
        if not self.valid:
            return f"not proved ({self.how}): {self.reason}"
        return f"{self.lower:.12g} <= minimum <= {self.upper:.12g}, proved again {self.how}"


class Refuted(Exception):
    """A proof that does not hold; the message is the reason."""

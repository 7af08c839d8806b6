"""The orthogonal frame: the global minimum of the squared-error model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from optima.structures.base import Block, Family, Number, Orbit, Structure, unit_scales


class Frame(Structure):
    r"""M = a P with P the projection on r <= K coordinates (r = K: M = a I, the one-hot targets).

    .. math:: f(a) = \frac{1}{2K}\bigl(r (1-a)^2 + K - r\bigr) + c\, r\, a^p \quad\text{(squared error)}

    Singular values per unit scale: 1, r times. Under a width bottleneck d < K the global minimum of the
    squared-error model keeps r = d of them. Source: derivations/squared_error.py; garrod2026spectra.
    """

    name = "frame"

    def __init__(self, classes: int, kept: int | None = None) -> None:
        super().__init__(classes)
        self.kept = classes if kept is None else kept
        self.name = "frame" if self.kept == classes else f"frame({self.kept})"

    def blocks(self, exact: bool = False) -> tuple[Block, ...]:
        """One block of r columns at margin 1 and, in the same block, K - r zero columns."""
        orbits = [Orbit(self.kept, (1,), (self.classes - 1,))]
        if self.kept < self.classes:
            orbits.append(Orbit(self.classes - self.kept, (0,), (self.classes - 1,)))
        return (Block(tuple(orbits), ((1, self.kept),), self.kept),)

    def shape(self, scales: Sequence[Number] | None = None, exact: bool = False) -> np.ndarray:
        """a diag(1, ..., 1, 0, ..., 0) with r ones."""
        (a,) = unit_scales(scales, 1)
        diagonal = np.diag([1] * self.kept + [0] * (self.classes - self.kept))
        return a * diagonal.astype(object if exact else float)


def _find(name: str, classes: int) -> Frame | None:
    if name == "frame":
        return Frame(classes)
    kept = name.removeprefix("frame(").removesuffix(")")
    valid = name == f"frame({kept})" and kept.isdecimal() and 1 <= int(kept) < classes
    return Frame(classes, int(kept)) if valid else None


family = Family("frame", "orthogonal frame: M = a I", lambda classes: [Frame(classes)], _find, losses=("mse",))

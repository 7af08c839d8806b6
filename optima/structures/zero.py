"""The zero logits: no features, no weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from optima.structures.base import Block, Number, Structure, single


class Zero(Structure):
    r"""M = 0, with loss log K (cross-entropy) or 1/2 (squared error); always a local minimum for L >= 2.

    Source: garrod2025, Theorem 2; derivations/structure_losses.py.
    """

    name = "zero"

    def blocks(self, exact: bool = False) -> tuple[Block, ...]:
        """No block: nothing has a scale."""
        return ()

    def shape(self, scales: Sequence[Number] | None = None, exact: bool = False) -> np.ndarray:
        """The zero matrix."""
        return np.zeros((self.classes, self.classes), dtype=object if exact else float)


family = single(Zero, "M = 0", lambda classes: True)

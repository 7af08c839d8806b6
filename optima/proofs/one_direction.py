"""The bound by one direction in the form of a structure, so that tables get it for every cell at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from optima.structures import Block, Structure, catalogue
from optima.structures.base import Number, Orbit


class OneDirection(Structure):
    r"""The fit of the simplex at the price of one singular value: cheaper than every matrix.

    .. math:: f(a) = \log(1 + (K-1) e^{-a}) + c\,((K-1)\,a)^p

    No logits have this fit and these singular values; its best loss is a lower bound for all of them.
    Source: derivations/convex_concave.py.
    """

    name = "one-direction"

    def blocks(self, exact: bool = False) -> tuple[Block, ...]:
        """One block: every rival at margin 1, one singular value K - 1."""
        K = self.classes
        return (Block((Orbit(K, (1,), (K - 1,)),), ((K - 1, 1),), K - 1),)

    def shape(self, scales: Sequence[Number] | None = None, exact: bool = False) -> np.ndarray:
        """Raises TypeError: there are no such logits."""
        raise TypeError("the bound by one direction has no logits; ask for its loss only")


class NuclearNorm(OneDirection):
    r"""The targets of squared error at the price of one singular value K, in relu networks too.

    .. math:: f(t) = \frac{(1-t)^2}{2} + c\, (K t)^p

    since the norms of the factors bound the nuclear norm of the logits, which is at least their trace.
    Source: derivations/network_price.py.
    """

    name = "nuclear-norm"

    def blocks(self, exact: bool = False) -> tuple[Block, ...]:
        """One block: the frame at the price K^p."""
        K = self.classes
        return (Block((Orbit(K, (1,), (K - 1,)),), ((1, K),), K, lambda p: K**p),)


def bounding_structures(classes: int, loss: str, width: int | None, activation: str = "linear") -> list[Structure]:
    """Structures the least of whose losses no logits go below: one direction, or for squared error the frames.

    In relu networks, which can be cheaper than the frames, it is the nuclear norm.
    """
    if loss == "ce":
        return [OneDirection(classes)]
    return [NuclearNorm(classes)] if activation == "relu" else catalogue(classes, ["frame"], loss, width)

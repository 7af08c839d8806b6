"""One colour for each rank, in every diagram and for every number of classes: the darker, the higher."""

from __future__ import annotations

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_rgb

Colour = tuple[float, float, float]

# Zero logits: lighter than every rank, also in grey.
ZERO = to_rgb("#f0f0f0")
# The part of the scale in use: its lightest yellow is too near to ZERO, its darkest to black lines.
LIGHTEST, DARKEST = 0.93, 0.06


def rank_colour(rank: int) -> Colour:
    r"""The place :math:`(r - 1) / (r + 2)` on inferno from light to dark: low ranks are farthest apart."""
    if rank == 0:
        return ZERO
    red, green, blue, _ = colormaps["inferno"](LIGHTEST + (DARKEST - LIGHTEST) * (rank - 1) / (rank + 2))
    return red, green, blue


def lightness(colour: object) -> float:
    """Between 0 and 1, as a colour looks when it is printed in grey."""
    return float(np.dot(to_rgb(colour), (0.299, 0.587, 0.114)))  # type: ignore[arg-type]


def ink(colour: object) -> str:
    """Black or white, whichever is read on a colour."""
    return "white" if lightness(colour) < 0.5 else "black"

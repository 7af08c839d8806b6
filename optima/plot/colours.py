"""One colour for each rank, in every picture and for every number of classes."""

from __future__ import annotations

from matplotlib import colormaps
from matplotlib.colors import to_hex

ZERO = "#d0d0d0"
# The part of the scale in use: beyond it the colours are too near to white paper and to black lines.
LIGHTEST, DARKEST = 0.95, 0.08


def rank_colour(rank: int) -> str:
    r"""The place :math:`(r - 1) / (r + 1)` on viridis from light to dark, as #rrggbb; grey for the rank zero."""
    if rank == 0:
        return ZERO
    return to_hex(colormaps["viridis"](LIGHTEST + (DARKEST - LIGHTEST) * (rank - 1) / (rank + 1)))

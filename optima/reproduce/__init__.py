"""Published figures, made again, and the map of relu networks; one file for each.

To add one, write a file with a ``Reproduction`` in it and list it here.
"""

from __future__ import annotations

from optima.model.inputs import did_you_mean, shown
from optima.reproduce import (
    garrod2025_fig1,
    garrod2025_fig2,
    garrod2025_fig5,
    garrod2025_fig6,
    garrod2026depth_basins,
    garrod2026depth_repulsion,
    garrod2026depth_width,
    relu_map,
)
from optima.reproduce.figure import Reproduction, reproduce

__all__ = ["FIGURES", "Reproduction", "find", "reproduce"]

FIGURES: dict[str, Reproduction] = {
    module.figure.name: module.figure
    for module in (
        garrod2025_fig1,
        garrod2025_fig2,
        garrod2025_fig5,
        garrod2025_fig6,
        garrod2026depth_basins,
        garrod2026depth_repulsion,
        garrod2026depth_width,
        relu_map,
    )
}


def find(name: str) -> Reproduction:
    """The reproduction of that name, or of its last part (``fig1``) where one has it. Raises ValueError otherwise."""
    found = [figure for full, figure in FIGURES.items() if name == full or full.endswith(f".{name}")]
    if len(found) != 1:
        known = [*FIGURES, *(full.partition(".")[2] for full in FIGURES)]
        hint = did_you_mean(name, known, f"pass one of {', '.join(FIGURES)}")
        raise ValueError(f"there is {'no' if not found else 'more than one'} figure {shown(name)}; {hint}")
    return found[0]

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
    garrod2026depth_limits,
    garrod2026depth_rank,
    garrod2026depth_readings,
    garrod2026depth_repulsion,
    garrod2026depth_width,
    garrod2026spectra_fig1,
    garrod2026spectra_fig2,
    garrod2026spectra_fig3,
    garrod2026spectra_fig4,
    garrod2026spectra_fig5,
    ours_flatness,
    relu_map,
    sukenik2024_fig2,
    sukenik2024_fig3,
    sukenik2024_fig5,
    sukenik2024_fig6,
)
from optima.reproduce.figure import Reproduction, reproduce

__all__ = ["FIGURES", "Reproduction", "find", "reproduce"]

_MODULES = (
    garrod2025_fig1,
    garrod2025_fig2,
    garrod2025_fig5,
    garrod2025_fig6,
    garrod2026depth_basins,
    garrod2026depth_limits,
    garrod2026depth_rank,
    garrod2026depth_readings,
    garrod2026depth_repulsion,
    garrod2026depth_width,
    garrod2026spectra_fig1,
    garrod2026spectra_fig2,
    garrod2026spectra_fig3,
    garrod2026spectra_fig4,
    garrod2026spectra_fig5,
    ours_flatness,
    relu_map,
    sukenik2024_fig2,
    sukenik2024_fig3,
    sukenik2024_fig5,
    sukenik2024_fig6,
)
FIGURES: dict[str, Reproduction] = {module.figure.name: module.figure for module in _MODULES}


def find(name: str) -> Reproduction:
    """The reproduction of that name, or of its last part (``fig1``) where one alone has it; else raises ValueError."""
    found = [full for full in FIGURES if name == full or full.endswith(f".{name}")]
    if len(found) > 1:
        raise ValueError(f"there is more than one figure {shown(name)}; pass {' or '.join(found)}")
    if not found:
        known = [*FIGURES, *(full.partition(".")[2] for full in FIGURES)]
        hint = did_you_mean(name, known, f"pass one of {', '.join(FIGURES)}")
        raise ValueError(f"there is no figure {shown(name)}; {hint}")
    return FIGURES[found[0]]

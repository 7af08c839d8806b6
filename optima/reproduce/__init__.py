"""Published figures, made again at the published settings; one file for each.

To add one, write a file with a ``Reproduction`` in it and list it here.
"""

from __future__ import annotations

from optima.model import shown
from optima.reproduce import garrod2025_fig1, garrod2025_fig2, garrod2025_fig5, garrod2025_fig6
from optima.reproduce.figure import Reproduction, reproduce

__all__ = ["FIGURES", "Reproduction", "find", "reproduce"]

FIGURES: dict[str, Reproduction] = {
    module.figure.name: module.figure for module in (garrod2025_fig1, garrod2025_fig2, garrod2025_fig5, garrod2025_fig6)
}


def find(name: str) -> Reproduction:
    """The reproduction of that name. Raises ValueError for an unknown one."""
    if name not in FIGURES:
        raise ValueError(f"there is no figure {shown(name)}; pass one of {', '.join(FIGURES)}")
    return FIGURES[name]

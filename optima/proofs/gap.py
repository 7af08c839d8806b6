"""The gap of a proof: one formula for what is asked for, what is printed and where a search ends."""

from __future__ import annotations

# Relative rounding of closed forms and bounds.
BOUND_ROUNDING = 1e-12
# Part of the gap asked for that a search leaves to rounding and to the checker.
MARGIN = 1e-3
# The least gap for which floats have room.
LEAST = 1e-11


def relative_gap(lower: float, upper: float) -> float:
    """1 - lower / upper; 0 where both are 0."""
    return 1 - lower / upper if upper else 0.0


def gap_of_search(gap: float) -> float:
    """The gap at which a search ends so that that of its certificate is at most ``gap``.

    Raises ValueError for gaps outside [1e-11, 1).
    """
    if not LEAST <= gap < 1:
        raise ValueError(f"gap is {gap}; pass a relative gap between 0 and 1, such as 1e-6, and at least {LEAST:g}")
    return gap * (1 - MARGIN) - BOUND_ROUNDING

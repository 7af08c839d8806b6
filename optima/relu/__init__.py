"""All relu networks of one problem: the best one known, by descents through smoothed kinks and Newton at the kinks."""

from __future__ import annotations

from optima.relu.solve import search_networks

__all__ = ["search_networks"]

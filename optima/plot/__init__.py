"""Pictures: presentation only, no mathematics."""

from optima.plot.solution import plot_solution

__all__ = ["plot_solution"]

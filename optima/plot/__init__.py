"""Pictures: presentation only, no mathematics."""

from optima.plot.basin import plot_basins
from optima.plot.codes import plot_codes
from optima.plot.ladder import plot_ladder
from optima.plot.solution import plot_solution

__all__ = ["plot_basins", "plot_codes", "plot_ladder", "plot_solution"]

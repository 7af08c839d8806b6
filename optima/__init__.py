"""Global minima of deep unconstrained feature models."""

from optima.cell import structure_losses
from optima.model import DeepUFM
from optima.reduction import Reduction
from optima.solve import best_scales, boundary, boundary_depth, stationary_scales
from optima.structures import catalogue, named
from optima.table import LossTable

__all__ = [
    "DeepUFM",
    "LossTable",
    "Reduction",
    "best_scales",
    "boundary",
    "boundary_depth",
    "catalogue",
    "named",
    "stationary_scales",
    "structure_losses",
]
__version__ = "0.1.0"

"""Global minima of deep unconstrained feature models."""

from optima.model import DeepUFM
from optima.reduction import Reduction
from optima.solve import best_scales, boundary, boundary_depth, stationary_scales
from optima.structures import catalogue, named

__all__ = [
    "DeepUFM",
    "Reduction",
    "best_scales",
    "boundary",
    "boundary_depth",
    "catalogue",
    "named",
    "stationary_scales",
]
__version__ = "0.1.0"

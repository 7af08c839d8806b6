"""Global minima of deep unconstrained feature models."""

from optima.certify.entry import certify
from optima.certify.invariant import certify_invariant
from optima.certify.zero import ZeroThreshold, zero_threshold
from optima.model import DeepUFM
from optima.network import Comparison, compare
from optima.reduction import Reduction
from optima.solution import Solution
from optima.solve import best_scales, boundary, boundary_depth, stationary_scales
from optima.solve.cell import structure_losses
from optima.solve.margin import max_margin
from optima.solve.search import solve
from optima.solve.sweep import sweep
from optima.structures import catalogue, named
from optima.structures.recognition import recognise
from optima.table import LossTable
from optima.train import train

__all__ = [
    "Comparison",
    "DeepUFM",
    "LossTable",
    "Reduction",
    "Solution",
    "ZeroThreshold",
    "best_scales",
    "boundary",
    "boundary_depth",
    "catalogue",
    "certify",
    "certify_invariant",
    "compare",
    "max_margin",
    "named",
    "recognise",
    "solve",
    "stationary_scales",
    "structure_losses",
    "sweep",
    "train",
    "zero_threshold",
]
__version__ = "0.1.0"

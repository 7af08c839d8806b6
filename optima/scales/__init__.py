"""Solvers: scales of one structure, and boundaries between structures."""

from optima.scales.boundaries import boundary, boundary_depth, zero_boundary
from optima.scales.scale import BestScales, Stationary, best_scales, effective_reg, stationary_scales

__all__ = [
    "BestScales",
    "Stationary",
    "best_scales",
    "boundary",
    "boundary_depth",
    "effective_reg",
    "stationary_scales",
    "zero_boundary",
]

"""The Hessian of the all-parameter objective: matrix-free products, and exact spectra at lifted critical points."""

from optima.hessian.lifted import lifted_spectrum
from optima.hessian.orbit import orbit_dimension
from optima.hessian.product import hessian_operator, hessian_product
from optima.hessian.spectrum import Spectrum
from optima.hessian.symmetric import pairs_spectrum, simplex_spectrum

__all__ = [
    "Spectrum",
    "hessian_operator",
    "hessian_product",
    "lifted_spectrum",
    "orbit_dimension",
    "pairs_spectrum",
    "simplex_spectrum",
]

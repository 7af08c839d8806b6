"""The Hessian of the all-parameter objective: matrix-free products, and exact spectra at lifted critical points."""

from optima.spectra.closed_forms import pairs_spectrum, simplex_spectrum
from optima.spectra.hessian_product import hessian_operator, hessian_product
from optima.spectra.lifted import lifted_spectrum
from optima.spectra.orbit import orbit_dimension
from optima.spectra.spectrum import Spectrum

__all__ = [
    "Spectrum",
    "hessian_operator",
    "hessian_product",
    "lifted_spectrum",
    "orbit_dimension",
    "pairs_spectrum",
    "simplex_spectrum",
]

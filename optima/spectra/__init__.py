"""Spectra of networks: Hessians of layers and of all parameters, gradients, weights and features."""

from optima.spectra.alignment import Alignment
from optima.spectra.ask import spectrum
from optima.spectra.closed_forms import pairs_spectrum, simplex_spectrum
from optima.spectra.eigenvalues import Eigenvalue
from optima.spectra.hessian_product import hessian_operator, hessian_product
from optima.spectra.lifted import lifted_spectrum
from optima.spectra.multiplicities import Spectrum
from optima.spectra.orbit import orbit_dimension
from optima.spectra.result import KnownSpectrum
from optima.spectra.split import Split

__all__ = [
    "Alignment",
    "Eigenvalue",
    "KnownSpectrum",
    "Spectrum",
    "Split",
    "hessian_operator",
    "hessian_product",
    "lifted_spectrum",
    "orbit_dimension",
    "pairs_spectrum",
    "simplex_spectrum",
    "spectrum",
]

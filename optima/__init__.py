"""Global minima of deep unconstrained feature models.

The public names are loaded when they are first used, so that ``import optima`` takes no time.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from optima.version import VERSION

if TYPE_CHECKING:
    from optima.certification import certify, solve, sweep
    from optima.dynamics.basin import Basin, basin
    from optima.dynamics.flow import Flow, flow
    from optima.forecasts.forecast import forecast
    from optima.measures.measure import measure
    from optima.measures.recorder import Recorder
    from optima.measures.result import Measures
    from optima.model.problem import DeepUFM
    from optima.network.compare import compare
    from optima.network.comparison import Comparison
    from optima.proofs.invariant.certificate import certify_invariant
    from optima.reduction import Reduction
    from optima.scales.boundaries import boundary, boundary_depth
    from optima.scales.losses import structure_losses
    from optima.scales.scale import best_scales, stationary_scales
    from optima.search.heading import Heading, heading
    from optima.search.max_margin import max_margin
    from optima.search.softmax_code import SoftmaxCode, softmax_code
    from optima.solution.solution import Solution
    from optima.spectra.ask import spectrum
    from optima.structures import catalogue, named
    from optima.structures.networks.threshold import collapse_threshold
    from optima.structures.recognition.recognise import recognise
    from optima.tables.table import LossTable
    from optima.training.trainer import train
    from optima.zero_region import ZeroThreshold, zero_threshold

__all__ = [
    "Basin",
    "Comparison",
    "DeepUFM",
    "Flow",
    "Heading",
    "LossTable",
    "Measures",
    "Recorder",
    "Reduction",
    "SoftmaxCode",
    "Solution",
    "ZeroThreshold",
    "basin",
    "best_scales",
    "boundary",
    "boundary_depth",
    "catalogue",
    "certify",
    "certify_invariant",
    "collapse_threshold",
    "compare",
    "flow",
    "forecast",
    "heading",
    "max_margin",
    "measure",
    "named",
    "recognise",
    "softmax_code",
    "solve",
    "spectrum",
    "stationary_scales",
    "structure_losses",
    "sweep",
    "train",
    "zero_threshold",
]
__version__ = VERSION

# Packages of use beside the public names; the others can be had the same way.
ROOMS = (
    "atlas",
    "checker",
    "claims",
    "dynamics",
    "measures",
    "model",
    "phases",
    "plot",
    "proofs",
    "spectra",
    "structures",
    "training",
)
# Where each public name is defined, as above.
_HOMES = {
    "Basin": "dynamics.basin",
    "Comparison": "network.comparison",
    "DeepUFM": "model.problem",
    "Flow": "dynamics.flow",
    "Heading": "search.heading",
    "LossTable": "tables.table",
    "Measures": "measures.result",
    "Recorder": "measures.recorder",
    "Reduction": "reduction",
    "SoftmaxCode": "search.softmax_code",
    "Solution": "solution.solution",
    "ZeroThreshold": "zero_region",
    "basin": "dynamics.basin",
    "best_scales": "scales.scale",
    "boundary": "scales.boundaries",
    "boundary_depth": "scales.boundaries",
    "catalogue": "structures",
    "certify": "certification",
    "certify_invariant": "proofs.invariant.certificate",
    "collapse_threshold": "structures.networks.threshold",
    "compare": "network.compare",
    "flow": "dynamics.flow",
    "forecast": "forecasts.forecast",
    "heading": "search.heading",
    "max_margin": "search.max_margin",
    "measure": "measures.measure",
    "named": "structures",
    "recognise": "structures.recognition.recognise",
    "softmax_code": "search.softmax_code",
    "solve": "certification",
    "spectrum": "spectra.ask",
    "stationary_scales": "scales.scale",
    "structure_losses": "scales.losses",
    "sweep": "certification",
    "train": "training.trainer",
    "zero_threshold": "zero_region",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    elif not name.startswith("_") and find_spec(f"{__name__}.{name}"):
        value = import_module(f"{__name__}.{name}")
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name, obj=sys.modules[__name__])
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*__all__, *ROOMS, *(name for name in globals() if name.startswith("__"))})

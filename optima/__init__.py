"""Global minima of deep unconstrained feature models.

The public names are loaded when they are first used, so that ``import optima`` takes no time.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optima.certification import certify
    from optima.model import DeepUFM
    from optima.network.compare import compare
    from optima.network.comparison import Comparison
    from optima.proofs.invariant.certificate import certify_invariant
    from optima.reduction import Reduction
    from optima.solution import Solution
    from optima.solve.boundary import boundary, boundary_depth
    from optima.solve.cell import structure_losses
    from optima.solve.margin import max_margin
    from optima.solve.scale import best_scales, stationary_scales
    from optima.solve.search import solve
    from optima.solve.sweep import sweep
    from optima.structures import catalogue, named
    from optima.structures.recognition.recognise import recognise
    from optima.table import LossTable
    from optima.training.trainer import train
    from optima.zero_region import ZeroThreshold, zero_threshold

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

# Where each public name is defined, as above.
_HOMES = {
    "Comparison": "network.comparison",
    "DeepUFM": "model",
    "LossTable": "table",
    "Reduction": "reduction",
    "Solution": "solution",
    "ZeroThreshold": "zero_region",
    "best_scales": "solve.scale",
    "boundary": "solve.boundary",
    "boundary_depth": "solve.boundary",
    "catalogue": "structures",
    "certify": "certification",
    "certify_invariant": "proofs.invariant.certificate",
    "compare": "network.compare",
    "max_margin": "solve.margin",
    "named": "structures",
    "recognise": "structures.recognition.recognise",
    "solve": "solve.search",
    "stationary_scales": "solve.scale",
    "structure_losses": "solve.cell",
    "sweep": "solve.sweep",
    "train": "training.trainer",
    "zero_threshold": "zero_region",
}


class _Package(ModuleType):
    def __setattr__(self, name: str, value: object) -> None:
        # An import sets a subpackage as an attribute of its parent: solve stays the functions.
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


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
    return sorted({*globals(), *__all__})

"""Training without regularisation: exact flows, repulsion of singular values, and which starts collapse."""

from optima.dynamics.basin import Basin, basin
from optima.dynamics.collapse_chance import Chance, collapse_chance
from optima.dynamics.flow import Flow, effective_rank, flow
from optima.dynamics.many import many_flows
from optima.dynamics.repulsion import critical_scale, deviation_growth, deviations

__all__ = [
    "Basin",
    "Chance",
    "Flow",
    "basin",
    "collapse_chance",
    "critical_scale",
    "deviation_growth",
    "deviations",
    "effective_rank",
    "flow",
    "many_flows",
]

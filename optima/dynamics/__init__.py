"""Training without regularisation: exact flows, repulsion of singular values, and which starts collapse."""

from optima.dynamics.flow import Flow, effective_rank, flow

__all__ = ["Flow", "effective_rank", "flow"]

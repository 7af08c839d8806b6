"""What the abstract of The Implicit Bias of Depth says (training without regularisation); the exact forms are ours."""

from optima.claims.garrod2026depth import basin, dynamics, limits, repulsion

__all__ = ["basin", "dynamics", "limits", "repulsion"]

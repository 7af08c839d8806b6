"""The convex programs behind the proofs, solved by a solver of others: cvxpy, imported when one is solved.

`minimum` solves depth one, `least_on_box` what a box of the branch and bound is bounded by, and `compare` holds a
certificate against them. What the solver says of its own answer is only passed on: values are those of its points,
made feasible and evaluated here, and bounds those of its dual points, likewise.
"""

from optima.proofs.convex.box_program import BoxMinimum, least_on_box
from optima.proofs.convex.comparison import Comparison, compare
from optima.proofs.convex.depth_one import Minimum, minimum

__all__ = ["BoxMinimum", "Comparison", "Minimum", "compare", "least_on_box", "minimum"]

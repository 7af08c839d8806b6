"""What was found, as data: logits, loss, ladder, and how it is known."""

from optima.solution.knowledge import Knowledge
from optima.solution.minima import Minimum, Rung
from optima.solution.solution import Solution

__all__ = ["Knowledge", "Minimum", "Rung", "Solution"]

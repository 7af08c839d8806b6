"""A network of one's own: its logits, what they are near to, and where its loss stands among the predicted ones."""

from optima.network.compare import compare
from optima.network.comparison import Comparison

__all__ = ["Comparison", "compare"]

"""What is minimised: the problem, the fit of its logits, its network, and what a user may pass for them."""

from optima.model.arrays import Array
from optima.model.problem import ACTIVATIONS, LOSSES, DeepUFM

__all__ = ["ACTIVATIONS", "LOSSES", "Array", "DeepUFM"]

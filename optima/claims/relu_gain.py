"""By how much a named relu network is below deep neural collapse."""

from __future__ import annotations

import numpy as np

from optima.claims.evidence import Cases
from optima.model import Array, DeepUFM
from optima.scales import best_scales
from optima.structures import named
from optima.structures.networks import NamedNetwork, at_scales

# Collapse with a loss so near that of zero is not told from it.
ALIVE = 1e-12


def relu_network(name: str, classes: int) -> NamedNetwork:
    """A named relu network."""
    network = named(name, classes, activation="relu")
    assert isinstance(network, NamedNetwork)
    return network


def gains(network: NamedNetwork, depth: int, regs: Array, samples: int = 1, loss: str = "mse") -> tuple[Array, Array]:
    """(V_collapse - V) / V_collapse and the lambda at which collapse is not zero, of the same shape."""
    collapse = best_scales(relu_network("collapse", network.classes), depth, regs, samples, loss)
    alive = collapse.scales[0] > 0
    other = best_scales(network, depth, regs, samples, loss)
    return ((collapse.loss - other.loss) / collapse.loss)[alive], regs[alive]


def built(network: NamedNetwork, depth: int, reg: float, samples: int = 1, loss: str = "mse") -> tuple[float, float]:
    """The loss at the best scales, and the objective of the factors that are made of them."""
    best = best_scales(network, depth, reg, samples, loss)
    problem = DeepUFM(network.classes, depth, reg, samples, loss=loss, activation="relu")
    factors = at_scales(problem, network, best.scales.ravel().tolist()).repeated()
    return float(best.loss), problem.objective(factors)


def gain_cases(network: NamedNetwork, depth: int, regs: Array, samples: int = 1, loss: str = "mse") -> Cases:
    """The gains as cases."""
    margin, here = gains(network, depth, np.asarray(regs, dtype=float), samples, loss)
    return Cases(margin, classes=network.classes, depths=depth, regs=here, network=network.name)

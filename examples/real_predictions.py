"""The optimum of the model with free features that matches a head, linear or relu."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import small_networks
from small_networks import CLASSES

import optima
from optima.forecasts.result import Forecast, Prediction
from optima.model import Array
from optima.model.class_network import ClassNetwork
from optima.relu.names import known_networks, recognise_network
from optima.scales.losses import structure_losses
from optima.structures.networks import NamedNetwork, at_scales
from optima.training.polish import polish

Regs = tuple[float, ...]
# Of UFM-style decay.
REG = 2**-9


@dataclass(frozen=True, eq=False)
class Expected:
    """A forecast, of which the first is the best minimum known, and its class-mean logits (K, K)."""

    forecast: Forecast
    means: Array


@cache
def expected(head: str, regs: Regs) -> Expected:
    """The best minimum known with the decay of each of W_1, ..., W_L, H."""
    if head == "relu" and len(regs) > 2:
        return _relu(regs)
    problem = _model("linear", regs)
    named = optima.forecast(problem.samples, problem.depth, regs, classes=CLASSES, width=problem.width)
    return Expected(named, optima.solve(problem).means)


def _model(head: str, regs: Regs) -> optima.DeepUFM:
    each, width = small_networks.SAMPLES, small_networks.WIDTH
    return optima.DeepUFM(CLASSES, len(regs) - 1, regs, each, width=width, activation=head)


def _relu(regs: Regs) -> Expected:
    r"""The best of named networks and of one that is searched for at lambda = 2^-9 and followed to these decays.

    The geometric mean of :math:`\lambda_1, ..., \lambda_L, n \lambda_H` is all that the loss knows of decays: with
    factors times :math:`\sqrt{\lambda / \lambda_l}` logits and loss are those of equal ones.
    """
    problem = _model("relu", regs)
    own = np.array([*regs[:-1], regs[-1] * small_networks.SAMPLES])
    mean = float(np.exp(np.log(own).mean()))
    start = searched(problem.depth).repeated(problem.width)
    end = polish(problem, [factor * np.sqrt(mean / reg) for factor, reg in zip(start, own, strict=True)]).network
    assert end is not None
    named = optima.forecast(
        problem.samples, problem.depth, regs, classes=CLASSES, activation="relu", width=problem.width
    )
    if end.loss <= named.best.loss * (1 + 1e-9):
        return Expected(Forecast(problem, (_prediction(end), *named.predictions)), end.logits)
    entry = structure_losses(problem)[named.best.name]
    assert isinstance(entry.structure, NamedNetwork)
    return Expected(named, at_scales(problem, entry.structure, entry.best.scales).logits)


@cache
def searched(depth: int) -> ClassNetwork:
    """The best network that a quick search finds with the decay of the UFM-style heads."""
    found = optima.solve(_model("relu", (REG,) * depth + (REG / small_networks.SAMPLES,)), effort="quick").network
    assert found is not None
    return found


def _prediction(network: ClassNetwork) -> Prediction:
    *weights, features = network.factors
    factors = [*weights, features * np.sqrt(network.problem.class_sizes)]
    values = tuple(np.linalg.svd(factor, compute_uv=False) for factor in factors)
    return Prediction(
        "best minimum known", network.loss, network.fit, network.singular_values, values, "search", name_of(network)
    )


def name_of(network: ClassNetwork) -> str:
    """Its name, or that it has none."""
    return recognise_network(network, known_networks(network.problem)).label

"""The loss of deep neural collapse, with which others are compared."""

from __future__ import annotations

import numpy as np

from optima.model import DeepUFM
from optima.reduction import Reduction, mean_reg
from optima.scales.scale import best_scales
from optima.scales.unequal import unequal_losses
from optima.structures import named
from optima.structures.networks.collapse import Collapse

# Deep neural collapse of either loss in the linear model.
COLLAPSE = {"ce": "simplex", "mse": "frame"}


def collapse_name(loss: str, activation: str = "linear") -> str:
    """The structure that is deep neural collapse."""
    return "collapse" if activation == "relu" else COLLAPSE[loss]


def collapse_loss(problem: DeepUFM) -> float | None:
    r"""min_a f(a S) over multiples of the simplex S (squared error: of the frame), whatever the sizes of the classes.

    All margins of S are equal, so that sizes n_c enter the penalty only: the loss is that of equal classes with n = 1
    and lambda times sum_i s_i(S diag(sqrt(n_c)))^p / rank S. In relu networks classes of different sizes have scales of
    their own (:func:`optima.scales.unequal.unequal_losses`). None where the rank is above the one allowed.
    """
    if problem.nonlinear:
        return _of_networks(problem)
    structure = named(COLLAPSE[problem.loss], problem.classes)
    if structure.rank > problem.max_rank:
        return None
    reduction = Reduction(problem)
    if problem.balanced:
        return float(
            best_scales(structure, problem.depth, reduction.reg, int(problem.class_sizes[0]), problem.loss).loss
        )
    singular = reduction.singular_values(structure.shape([1.0]))
    reg = reduction.reg * float(np.sum(singular**reduction.exponent)) / structure.rank
    return float(best_scales(structure, problem.depth, reg, loss=problem.loss).loss)


def _of_networks(problem: DeepUFM) -> float | None:
    """Least loss of relu networks with an orthogonal frame in every layer."""
    network = Collapse(problem.classes)
    if problem.width is not None and network.width > problem.width:
        return None
    if not problem.balanced:
        return next(found.loss for found in unequal_losses(problem) if found.structure.name == network.name)
    reg, samples = mean_reg(problem), int(problem.class_sizes[0])
    return float(best_scales(network, problem.depth, reg, samples, problem.loss).loss)

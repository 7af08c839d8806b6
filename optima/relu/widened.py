"""Below a network that is a minimum of its own width: neurons more, as long as one pays."""

from __future__ import annotations

import numpy as np

from optima.model.class_network import ClassNetwork
from optima.relu.descent import LONG, SHARP, WIDTHS, descend
from optima.relu.finish import LARGEST, Finished, finish
from optima.relu.growth import sprouts
from optima.relu.kinks import NEAR, Pattern, settle
from optima.relu.objective import Objective

# How many neurons are added, one after the other.
ROUNDS = 4
# Relative gain that counts as one.
GAIN = 1e-9
# How patterns are read at the end of a descent: what a neuron gains may be less than what a wider kink costs.
READINGS = ((1e-4, NEAR), (1e-4, 1.0), (1e-5, NEAR))


def widened(end: Finished) -> Finished:
    """The minimum below a stationary network with neurons that pay to first order; the same where there is none.

    A minimum among networks of its own width is one among wider ones only if no neuron pays. What one gains may be less
    than smoothed kinks cost, so that descents through these do not see it. Networks that are not stationary are left.
    """
    for _ in range(ROUNDS):
        lower = _lower(end.network)
        if lower is None:
            break
        end = lower
    return end


def _lower(network: ClassNetwork) -> Finished | None:
    if not network.logits.any():
        return None
    wide = _with_dead_neurons(network)
    objective = Objective.of(wide)
    if objective.size > LARGEST:
        return None
    point = objective.point(wide)
    rest = settle(objective, point, Pattern.at(objective.layers(point)))
    starts = sprouts(objective, rest, np.random.default_rng(0))
    if rest.verdict == "not converged" or not len(starts):
        return None
    ends = descend(objective, starts, SHARP, LONG)
    losses = objective.value(ends)
    if np.isnan(losses).all():
        return None
    found = finish(objective, ends[int(np.nanargmin(losses))], READINGS)
    if found.verdict == "not converged":
        # Still on its way down: wide kinks lead farther.
        objective = Objective.of(found.network)
        (start,) = descend(objective, objective.point(found.network)[None], WIDTHS[-2:], LONG)
        found = min(found, finish(objective, start), key=lambda each: each.network.loss)
    return found if found.network.loss < network.loss * (1 - GAIN) else None


def _with_dead_neurons(network: ClassNetwork) -> ClassNetwork:
    """The same network with one more neuron of zeros in every hidden layer where the model has room."""
    *weights, features = network.factors
    room = network.problem.width or np.inf
    more = [0, *(int(len(weight) < room) for weight in weights[:-1]), 0]
    wide = [np.pad(weight, ((0, more[i + 1]), (0, more[i]))) for i, weight in enumerate(weights)]
    return ClassNetwork(network.problem, (*wide, features))

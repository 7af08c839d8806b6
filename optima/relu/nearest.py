"""Which named networks logits, or the layers of a network, are near to, and what such logits cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from optima.model import Array, DeepUFM
from optima.model.class_network import ClassNetwork
from optima.model.fit import Fit
from optima.reduction import center, mean_reg
from optima.relu.names import LISTED, nearest_first
from optima.scales import best_scales
from optima.scales.unequal import unequal_losses
from optima.structures.networks import at_scales, chain_price, network_catalogue
from optima.structures.recognition.coloured import canonical_order, colours_by_gaps
from optima.structures.recognition.exchange import exchanged
from optima.structures.recognition.facts import distinct_margins, multiplicities
from optima.structures.recognition.nearest import Near
from optima.structures.recognition.result import TOLERANCE, UNNAMED, Recognition
from optima.structures.recognition.symmetry import relative_distance
from optima.structures.recognition.view import Order, View

# Random class orders that exchanges begin with, always the same ones.
STARTS = 4
# Relative distance up to which logits are those that the layers of a network can have.
REACHED = 1e-8
# Relative gap up to which entries of logits count as one when an order is looked for.
GAP = 1e-6


@dataclass(frozen=True)
class Rival:
    """A network of a problem that logits are held against."""

    name: str
    network: ClassNetwork


def rivals_of(problem: DeepUFM) -> list[Rival]:
    """The named networks at their best scales, those that vanish left out, whatever the width of the model."""
    wide = replace(problem, width=None)
    if not problem.balanced:
        found = [(each.structure.name, each.network) for each in unequal_losses(wide)]
    else:
        found = []
        for each in network_catalogue(problem.classes, problem.loss, problem.depth):
            best = best_scales(each, problem.depth, mean_reg(problem), int(problem.class_sizes[0]), problem.loss)
            found.append((each.name, at_scales(wide, each, best.scales.ravel().tolist())))
    return [Rival(name, network) for name, network in found if network.logits.any()]


class Placed:
    """A network with its classes in the order in which its logits are nearest to those given.

    Orders are looked for among classes of one size only where all have one; else each class stays in its place.
    """

    def __init__(self, rival: Rival, means: Array) -> None:
        self.name, self.problem = rival.name, rival.network.problem
        logits = rival.network.logits
        order = _order(means, logits) if self.problem.balanced else np.arange(len(means))
        place = np.argsort(order)
        self.means = means
        self.logits = logits[np.ix_(place, place)]
        self.layers = [layer[:, place] for layer in rival.network.layers[:-1]]

    @cached_property
    def distance(self) -> float:
        """min_a ||M - a Z|| / ||M||, of centred logits for cross-entropy."""
        own, other = (center(each) if self.problem.loss == "ce" else each for each in (self.means, self.logits))
        scale = max(0.0, float(np.vdot(own, other)) / float(np.vdot(other, other)))
        return relative_distance(own, scale * other)

    @cached_property
    def reachable(self) -> Array:
        """What the last hidden layer of the network reaches of the logits."""
        last = np.maximum(self.layers[-1], 0.0)
        return self.means @ np.linalg.pinv(last, rcond=GAP) @ last

    @property
    def reaches(self) -> bool:
        """Whether that is all of them."""
        return relative_distance(self.means, self.reachable) <= REACHED

    @cached_property
    def loss(self) -> float:
        r"""fit + ((L+1)/2) lambda rho of the reachable logits, with the layers of the network at other scales."""
        problem = self.problem
        logits = center(self.reachable) if problem.loss == "ce" else self.reachable
        roots = np.sqrt(problem.class_sizes)
        # Samples count in H: with columns times sqrt(n_c) everywhere they do not.
        price = chain_price([layer * roots for layer in self.layers], logits * roots).price
        return fit_of(problem, logits) + (problem.depth + 1) / 2 * mean_reg(problem) * price


def fit_of(problem: DeepUFM, means: Array) -> float:
    """sum_c pi_c g_c of class-mean logits."""
    K = problem.classes
    return float(Fit(problem.loss, K, np.arange(K), problem.class_sizes / problem.size).value(means))


def nearest_by_logits(placed: Sequence[Placed]) -> tuple[Near, ...]:
    """Networks by the distance of their logits, the nearest first."""
    return nearest_first(Near(each.name, each.distance) for each in placed)


def recognise_logits(
    problem: DeepUFM, means: Array, near: tuple[Near, ...], tolerance: float = TOLERANCE
) -> Recognition:
    """The nearest of the named networks by its logits, within a relative distance; ranks are those of the logits."""
    view = View(means, tolerance, problem.loss)
    facts = multiplicities(view.singular_values, tolerance), distinct_margins(means, tolerance), None, tolerance
    if not near or near[0].distance > tolerance:
        text = f"{UNNAMED} (rank {view.rank})"
        return Recognition(UNNAMED, None, view.rank, *facts, text=text, neighbours=near[:LISTED])
    name, distance = near[0]
    text = f"{name} (rank {view.rank}, distance {distance:.1g})"
    return Recognition(name, distance, view.rank, *facts, text=text, neighbours=near[:LISTED])


def _order(means: Array, logits: Array) -> Order:
    """The order u of classes for which <M_uu, Z> is the largest that exchanges find."""
    inner = lambda order: float(np.vdot(means[np.ix_(order, order)], logits))
    return max((exchanged(means, logits, start) for start in _starts(means, logits)), key=inner)


def _starts(means: Array, logits: Array) -> Iterator[Order]:
    K = len(means)
    yield np.arange(K)
    rng = np.random.default_rng(0)
    yield from (rng.permutation(K) for _ in range(STARTS))
    ways = [canonical_order(colours_by_gaps(each, GAP * float(np.abs(each).max()))) for each in (means, logits)]
    matched = np.empty(K, dtype=np.int64)
    matched[ways[1]] = ways[0]
    yield matched

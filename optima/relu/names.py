"""The name of a network, by the spectra of all of its layers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Protocol

import numpy as np
from scipy.linalg import svdvals

from optima.model import Array, DeepUFM
from optima.model.arrays import numerical_rank
from optima.model.class_network import ZERO as ZERO_RANK
from optima.model.class_network import ClassNetwork
from optima.reduction import class_means
from optima.scales.unequal import unequal_losses
from optima.structures.networks import network_catalogue
from optima.structures.recognition.facts import distinct_margins, multiplicities
from optima.structures.recognition.nearest import Near
from optima.structures.recognition.result import TOLERANCE as NOISE
from optima.structures.recognition.result import UNNAMED, Recognition
from optima.structures.recognition.view import View

# Difference of spectra of norm one up to which a network counts as a named one: the best shape of a network follows the
# regularisation a little, that of a named one does not.
TOLERANCE = 0.01
ZERO = "zero"
# Nearest networks that are listed.
LISTED = 5


class Known(Protocol):
    """A network with a name: a :class:`optima.structures.networks.NamedNetwork`, or one for classes of given sizes."""

    @property
    def name(self) -> str:
        """The name."""

    def preactivations(self, depth: int) -> Sequence[Array]:
        """M_2, ..., M_L up to a scale."""


@dataclass(frozen=True)
class AtSizes:
    """A named network of classes of different sizes, at its best scales."""

    name: str
    network: ClassNetwork

    def preactivations(self, depth: int) -> Sequence[Array]:
        """M_2, ..., M_L."""
        return self.network.layers[:-1]


def known_networks(problem: DeepUFM) -> list[Known]:
    """The named networks that a relu model can have, whatever its width."""
    if problem.balanced:
        return list(network_catalogue(problem.classes, problem.loss, problem.depth))
    found = unequal_losses(replace(problem, width=None))
    return [AtSizes(each.structure.name, each.network) for each in found]


def recognise_network(
    network: ClassNetwork, named: Sequence[Known], noise: float = ZERO_RANK, tolerance: float = TOLERANCE
) -> Recognition:
    r"""The named network whose features have, layer by layer and up to scale, the same singular values.

    .. math:: \max_l \| s(X_l) / \|X_l\|_F - s(X'_l) / \|X'_l\|_F \| \le \text{tol}, \qquad X_l = \mathrm{relu}(M_l)

    for l = 2, ..., L; the left side is the ``distance``. Singular values do not depend on the order of classes and
    neurons. ``rank`` is the least rank of a layer of pre-activations without singular values up to ``noise`` times the
    largest, the other facts are those of the logits.
    """
    if not network.logits.any():
        return Recognition(ZERO, 0.0, 0, (), 1, None, tolerance, middle=True)
    own = _spectra(network.layers[:-1])
    depth = network.problem.depth
    middle = min(numerical_rank(svdvals(layer), noise) for layer in network.layers[:-1])
    near = nearest_first(Near(each.name, _distance(own, each.preactivations(depth))) for each in named)
    name, distance = near[0] if near else (UNNAMED, np.inf)
    logits = View(network.logits, tolerance, network.problem.loss)
    found = distance <= tolerance
    return Recognition(
        name if found else UNNAMED,
        distance if found else None,
        middle,
        multiplicities(logits.singular_values, tolerance),
        distinct_margins(network.logits, tolerance),
        None,
        tolerance,
        text=f"{name} (middle rank {middle}, distance {distance:.1g})"
        if found
        else f"{UNNAMED} (middle rank {middle})",
        middle=True,
        neighbours=near[:LISTED],
    )


def recognise_trained(problem: DeepUFM, factors: Sequence[Array]) -> Recognition:
    """The name of factors (W_1, ..., W_L, H), H (d, N), where training ended: with the means of each class in H.

    Singular values up to 2 % of the largest are dying, and so is a distance of 2 %.
    """
    network = ClassNetwork(problem, (*factors[:-1], class_means(factors[-1], problem.class_sizes)))
    return recognise_network(network, _known_once(replace(problem, width=None)), NOISE, NOISE)


@lru_cache(maxsize=8)
def _known_once(problem: DeepUFM) -> list[Known]:
    return known_networks(problem)


def nearest_first(found: Iterable[Near]) -> tuple[Near, ...]:
    """By distance; of those of one distance up to rounding the first of the catalogue comes first."""
    return tuple(sorted(found, key=lambda near: round(near.distance, 9)))


def _distance(own: Sequence[Array], layers: Sequence[Array]) -> float:
    return max(float(np.linalg.norm(a - b)) for a, b in zip(own, _spectra(layers), strict=True))


def _spectra(layers: Sequence[Array]) -> list[Array]:
    """Singular values of the features of each layer, as many as there are classes, of norm one."""
    spectra = []
    for layer in layers:
        singular = np.linalg.svd(np.maximum(layer, 0.0), compute_uv=False)
        padded = np.zeros(layer.shape[1])
        padded[: len(singular)] = singular[: len(padded)]
        spectra.append(padded / max(float(np.linalg.norm(padded)), 1e-300))
    return spectra

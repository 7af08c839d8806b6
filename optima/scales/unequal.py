"""The best scales of named relu networks whose classes have different sizes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, groupby

import numpy as np

from optima.model import DeepUFM
from optima.model.class_network import ClassNetwork
from optima.reduction import mean_reg
from optima.scales.scale import best_scales
from optima.structures import Block, Structure
from optima.structures.base import Number
from optima.structures.networks.unequal import Part, UnequalNetwork, unequal_networks


@dataclass(frozen=True, eq=False)
class UnequalLoss:
    """A network at the best scale of each of its parts."""

    problem: DeepUFM
    structure: UnequalNetwork
    scales: tuple[float, ...]
    fit: float
    penalty: float

    @property
    def loss(self) -> float:
        """fit + penalty."""
        return self.fit + self.penalty

    @cached_property
    def network(self) -> ClassNetwork:
        """Factors of this loss."""
        return self.structure.at_scales(self.problem, self.scales)


class _Alone(Structure):
    """One block as a structure."""

    name = "block"

    def __init__(self, classes: int, block: Block) -> None:
        super().__init__(classes)
        self.block = block

    def blocks(self, exact: bool = False) -> tuple[Block, ...]:
        """The block."""
        return (self.block,)

    def shape(self, scales: Sequence[Number] | None = None, exact: bool = False) -> np.ndarray:
        """Raises TypeError: only the loss of a block is asked for."""
        raise TypeError("a block alone has no logits; ask for its loss only")


def unequal_losses(problem: DeepUFM) -> list[UnequalLoss]:
    r"""Named networks of a relu model with classes of different sizes at their best scales, best first.

    .. math:: f = \sum_b \frac{n_b K}{N} \min_a \Bigl(G_b(a) + \tfrac{L+1}{2} \lambda_b n_b^{1/(L+1)}
        \rho_b\, a^p\Bigr), \qquad \lambda_b = \frac{\lambda N}{n_b K}

    for blocks b of classes of one size n_b on neurons of their own, G_b with K classes as for equal sizes: blocks do
    not see each other. Collapse is K blocks of one class, with squared error
    :math:`\min_y \tfrac{n_c}{N} (1-y)^2/2 + \tfrac{L+1}{2} \lambda n_c^{1/(L+1)} y^p` each. With cross-entropy each
    has the logits a (e_c - 1/K), the cheapest with their margin, at the price ((K-1)/K)^{p/2}.

    ``scales`` are those of the parts, in the order of ``structure.parts``; networks wider than the model are left out.
    Source: derivations/network_price.py.
    """
    networks = unequal_networks(problem)
    solved = {part: _best(problem, part) for part in dict.fromkeys(chain(*(each.parts for each in networks)))}
    everything = dict.fromkeys([*networks, _joined(networks, solved)])
    fits = [each for each in everything if problem.width is None or each.width(problem.depth) <= problem.width]
    found = [_together(problem, each, solved) for each in fits]
    return sorted(found, key=lambda each: each.loss)


# Scale, fit and penalty.
_Best = tuple[float, float, float]


def _best(problem: DeepUFM, part: Part) -> _Best:
    K, depth = problem.classes, problem.depth
    share = part.size * K / problem.size
    found = best_scales(_Alone(K, part.block(K)), depth, mean_reg(problem) / share, part.size, problem.loss)
    return float(found.scales[0]), share * float(found.fit), share * float(found.penalty)


def _together(problem: DeepUFM, network: UnequalNetwork, solved: dict[Part, _Best]) -> UnequalLoss:
    scales, fits, penalties = zip(*(solved[part] for part in network.parts), strict=True)
    return UnequalLoss(problem, network, scales, sum(fits), sum(penalties))


def _joined(networks: Sequence[UnequalNetwork], solved: dict[Part, _Best]) -> UnequalNetwork:
    """The best parts of each size."""
    cost = lambda parts: sum(fit + penalty for _, fit, penalty in (solved[part] for part in parts))
    best: dict[int, tuple[Part, ...]] = {}
    for size, parts in chain(*map(_by_size, networks)):
        if size not in best or cost(parts) < cost(best[size]):
            best[size] = parts
    return UnequalNetwork(networks[0].classes, tuple(chain(*best.values())))


def _by_size(network: UnequalNetwork) -> Iterator[tuple[int, tuple[Part, ...]]]:
    for size, parts in groupby(network.parts, lambda part: part.size):
        yield size, tuple(parts)

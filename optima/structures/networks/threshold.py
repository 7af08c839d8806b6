"""From how many classes on deep neural collapse is known not to be the best relu network as lambda tends to zero."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

from optima import brief
from optima.model.inputs import one_of, positive_integer
from optima.structures.base import Block
from optima.structures.networks.base import NamedNetwork
from optima.structures.networks.collapse import Collapse

# Prices that agree up to rounding are no improvement.
STRICT = 1e-9
# Classes up to which networks are compared.
MOST = 200
# From how many classes on collapse was published not to be optimal, at least depth first: sukenik2024 with squared
# error, Theorem 7 of garrod2025 with cross-entropy.
PUBLISHED = {"mse": ((4, 6), (3, 10)), "ce": ((5, 10), (4, 16))}


@dataclass(frozen=True)
class Threshold:
    """The fewest classes K at which a named network costs less than collapse, the cheapest there, and the ratio G/K.

    Where none of at most ``MOST`` classes does, ``classes`` and ``ratio`` are None and ``network`` is empty;
    ``published`` is the number of classes from which collapse was known not to be optimal, or None.
    """

    depth: int
    loss: str
    classes: int | None
    network: str
    ratio: float | None
    published: int | None

    def __repr__(self) -> str:
        return brief.of_fields(self)


def collapse_threshold(depth: int, loss: str = "mse") -> Threshold:
    r"""The fewest classes at which a named relu network is below deep neural collapse for every small lambda.

    .. math:: \min\{K : G < G_{\rm collapse}\}, \qquad G = \lim_{\lambda \to 0} \text{regulariser, relative}

    For squared error G is the price of the targets, and G < K puts the network below collapse at *every* lambda at
    which collapse is not zero, and so for all larger K, with collapse on the classes more. For cross-entropy it is the
    price at margin one, which decides as lambda -> 0.

    ``depth`` is at least 2, ``loss`` ``"mse"`` or ``"ce"``; only named networks are compared, so that the threshold is
    an upper bound.

    Raises ValueError for a depth below 2, where collapse is optimal, and for another loss.
    Source: derivations/network_thresholds.py; sukenik2024; garrod2025, Theorem 7.

    Examples
    --------
    >>> import optima
    >>> found = optima.collapse_threshold(3, "mse")
    >>> found.classes, found.network, found.published
    (7, 'pointed-edges', 10)
    """
    depth = positive_integer("depth", depth, minimum=2)
    one_of("loss", loss, tuple(PUBLISHED))
    published = next((classes for least, classes in PUBLISHED[loss] if depth >= least), None)
    for classes in range(3, MOST + 1):
        network, ratio = cheapest(classes, depth, loss)
        if ratio < 1 - STRICT:
            return Threshold(depth, loss, classes, network.name, ratio, published)
    return Threshold(depth, loss, None, "", None, published)


@cache
def cheapest(classes: int, depth: int, loss: str = "mse") -> tuple[NamedNetwork, float]:
    """The named network of least price as lambda -> 0, and that price over the one of collapse."""
    from optima.structures.networks import network_catalogue

    collapse = limit_price(Collapse(classes), depth, loss)
    priced = ((limit_price(each, depth, loss), each) for each in network_catalogue(classes, loss, depth))
    price, network = min(priced, key=lambda pair: pair[0])
    return network, price / collapse


def limit_price(network: NamedNetwork, depth: float, loss: str = "mse") -> float:
    r"""What a named network costs as lambda -> 0, relative to others.

    .. math:: G = \sum_b \bigl(q_b^L \textstyle\sum_i \mu_{bi}^{-2}\bigr)^{1/(L+1)} \text{ (squared error)}, \qquad
        G = \sum_b \rho_b / m_b^p \text{ (cross-entropy)}

    with m_b the least margin of a block: the price of the targets I, and of margins that are at least one. The value
    of the network is (L+1)/2 lam G times what depends on lambda alone, to leading order.
    Source: derivations/network_thresholds.py, derivations/small_regularisation.py.
    """
    p = 2 / (depth + 1)
    cost = _price_of_targets if loss == "mse" else _price_of_margins
    return math.fsum(cost(block, p) for block in network.blocks())


def _price_of_targets(block: Block, p: float) -> float:
    assert block.ridge is not None
    inverse = math.fsum(m / float(mu) ** 2 for mu, m in block.ridge.spectrum)
    # Classes that the last features do not tell apart are never fitted.
    whole = sum(m for _, m in block.ridge.spectrum) == block.classes
    return float(block.ridge.price(p) ** (1 - p / 2) * inverse ** (p / 2)) if whole else math.inf


def _price_of_margins(block: Block, p: float) -> float:
    margin = min(float(m) for orbit in block.orbits for m in orbit.margins)
    return float(block.price(p)) / margin**p if margin > 0 else math.inf

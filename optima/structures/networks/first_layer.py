"""The strongly regular pattern in the first layer: what beats collapse at depth two with cross-entropy."""

from __future__ import annotations

import re
from fractions import Fraction

import numpy as np

from optima.model import Array
from optima.structures.base import Block, Family, Orbit, Structure
from optima.structures.networks.base import Costs, OneBlock
from optima.structures.networks.numbers import number
from optima.structures.networks.strongly_regular import points_of
from optima.structures.networks.subsets import incidence


class FirstLayer(OneBlock):
    r"""M_2 = J - V^T V, whose relu leaves the disjoint edges, K = r(r-1)/2, and logits z_1 E_1 + z_2 E_2.

    .. math:: \rho^{L+1} = N^2 K^{L-2} \Bigl(\frac{(r-1)\, z_1^2}{(r-3)^2} + \frac{r(r-3)}{2} z_2^2\Bigr),
        \qquad N = K - 2(r-1) + (r-1)(r-2)

    E_1 and E_2 project on the eigenspaces of the graph of disjoint edges. The ratio t = z_1 / z_2 is that of least
    price for the least margin, r (r-3)^2 / (2 (r-1)), unless it is given; the margins are 2 z_1 + (r-4) z_2 to
    disjoint edges and z_1 + (r-3) z_2 to others, over r - 2. Source: derivations/network_first_layer.py.
    """

    name = "srg-first"
    least_depth = 2
    losses: tuple[str, ...] = ("ce",)

    def __init__(self, points: int, ratio: Fraction | None = None) -> None:
        super().__init__(points * (points - 1) // 2)
        r = self.points = points
        self.ratio = Fraction(r * (r - 3) ** 2, 2 * (r - 1)) if ratio is None else ratio
        self.name = "srg-first" if ratio is None else f"srg-first({ratio})"

    def stem(self) -> Array:
        """J - V^T V."""
        V = incidence(self.points, 2)
        return 1 - V.T @ V

    @property
    def _weights(self) -> tuple[Fraction, Fraction]:
        """z_1 and z_2, at which the lesser margin is one."""
        r, t = self.points, self.ratio
        least = min(t + r - 3, 2 * t + r - 4) / Fraction(r - 2)
        return t / least, 1 / least

    def costs(self, exact: bool = False) -> Costs:
        """Eigenvalues of J - V^T V, and of its relu: (r-2)(r-3)/2, 3 - r and 1."""
        r, K = self.points, self.classes
        z1, z2 = self._weights
        output = Fraction(r - 1, (r - 3) ** 2) * z1**2 + Fraction(r * (r - 3), 2) * z2**2
        spectrum = (((r - 2) * (r - 3) // 2, 1), (r - 3, r - 1), (1, r * (r - 3) // 2))
        nuclear = abs(K - 2 * (r - 1)) + (r - 1) * (r - 2)
        return Costs(number(nuclear, exact), number(K, exact), number(1, exact), number(output, exact), spectrum)

    def logits(self, exact: bool = False) -> Block:
        """Two margins, two eigenspaces."""
        r, K = self.points, self.classes
        z1, z2 = self._weights
        apart = (r - 2) * (r - 3) // 2
        margins = (2 * z1 + (r - 4) * z2) / (r - 2), (z1 + (r - 3) * z2) / (r - 2)
        others = r * (r - 3) // 2
        return Block(
            (Orbit(K, margins, (apart, K - 1 - apart)),), ((z1, r - 1), (z2, others)), (r - 1) * z1 + others * z2
        )

    def direction(self, exact: bool = False) -> np.ndarray:
        """Diagonal, less a margin for each other class."""
        (orbit,), trace = self.logits().orbits, self.logits().trace
        apart = (self.stem() == 1).astype(int)
        met = 1 - apart - np.eye(self.classes, dtype=int)
        far, near = (number(margin, exact) for margin in orbit.margins)
        return np.asarray(
            number(Fraction(trace) / self.classes, exact) - far * apart.astype(object if exact else float) - near * met
        )


def _members(classes: int) -> list[Structure]:
    r = points_of(classes)
    return [] if r is None or r < 5 else [FirstLayer(r)]


def _find(name: str, classes: int) -> Structure | None:
    r = points_of(classes)
    match = re.fullmatch(r"srg-first(?:\((\d+(?:/\d+)?)\))?", name)
    if not match or r is None or r < 5 or (match[1] and not Fraction(match[1]) > 0):
        return None
    return FirstLayer(r, Fraction(match[1]) if match[1] else None)


family = Family("srg-first", "the strongly regular pattern in the first layer, K = r(r-1)/2", _members, _find, ("ce",))

"""Networks whose stem says which k of r points a class is: the subsets of a set, one class each."""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import combinations
from math import comb

import numpy as np

from optima.model import Array
from optima.structures.base import Family, Structure
from optima.structures.networks.base import Costs, OneBlock
from optima.structures.networks.numbers import number, root

# Most classes for which networks of subsets are listed.
MOST = 2000


class Subsets(OneBlock):
    r"""M_2 = ... = V, the incidence of r points and all k-subsets, then relu of +-(c J - V^T V).

    .. math:: q^L = N^2\, r^{L-3}\, K \Bigl(k - 2c + \frac{r c^2}{k^2}\Bigr), \qquad
        N = (r-1) \sqrt{\tbinom{r-2}{k-1}} + \sqrt{k \tbinom{r-1}{k-1}}

    ``far`` (the upper sign) keeps the subsets that meet in fewer than c points, each as often as points are missing;
    the lower sign with c = k - 1 keeps the class itself. mu_i are eigenvalues of the Johnson scheme.
    Source: derivations/network_subsets.py.
    """

    least_depth = 3

    def __init__(self, points: int, size: int, bound: int, far: bool = True) -> None:
        super().__init__(comb(points, size))
        self.points, self.size, self.bound, self.far = points, size, bound, far
        self.name = f"subsets({points},{size})" + ("-own" if not far else f"-{bound}" if bound > 1 else "")

    def stem(self) -> Array:
        """The incidence matrix V, of shape (r, K)."""
        V = np.zeros((self.points, self.classes))
        for column, subset in enumerate(combinations(range(self.points), self.size)):
            V[list(subset), column] = 1
        return V

    def stages(self) -> tuple[Array, ...]:
        """+-(c J - V^T V)."""
        V = self.stem()
        last = self.bound - V.T @ V
        return (last if self.far else -last,)

    def costs(self, exact: bool = False) -> Costs:
        """Singular values of V, and (c/k) J - V^T as the weight that makes the stage."""
        r, k, c = self.points, self.size, self.bound
        nuclear = (r - 1) * root(comb(r - 2, k - 1), exact) + root(k * comb(r - 1, k - 1), exact)
        later = number(self.classes * (k - 2 * c + Fraction(r * c * c, k * k)), exact)
        spectrum = self._spectrum()
        output = number(sum((Fraction(m, mu**2) for mu, m in spectrum), Fraction(0)), exact)
        return Costs(nuclear, r, later, output, spectrum)

    def _spectrum(self) -> tuple[tuple[int, int], ...]:
        """Nonzero |mu_j| with their multiplicities C(r, j) - C(r, j-1)."""
        r, k = self.points, self.size
        kept = [max(self.bound - common if self.far else common - self.bound, 0) for common in range(k + 1)]
        values = (sum(kept[k - i] * _johnson(r, k, i, j) for i in range(k + 1)) for j in range(k + 1))
        pairs = [(abs(mu), comb(r, j) - (comb(r, j - 1) if j else 0)) for j, mu in enumerate(values)]
        return tuple((mu, m) for mu, m in pairs if mu)

    @property
    def invertible(self) -> bool:
        """Whether X_L tells every class from all others."""
        return sum(m for _, m in self._spectrum()) == self.classes


def _johnson(r: int, k: int, i: int, j: int) -> int:
    """Eigenvalue on eigenspace j of the graph of k-subsets of r points that differ in i points."""
    return sum(
        (-1) ** t * comb(j, t) * comb(k - j, i - t) * comb(r - k - j, i - t) for t in range(min(i, j) + 1) if r - k >= j
    )


def _members(classes: int) -> list[Structure]:
    if classes > MOST:
        return []
    sizes = ((r, k) for r in range(6, classes) for k in range(3, r // 2 + 1) if comb(r, k) == classes)
    found = [Subsets(r, k, c) for r, k in sizes for c in range(1, k)]
    return [network for network in found if network.invertible]


def _find(name: str, classes: int) -> Structure | None:
    match = re.fullmatch(r"subsets\((\d+),(\d+)\)(-own|-(\d+))?", name)
    if not match:
        return None
    r, k = int(match[1]), int(match[2])
    own = match[3] == "-own"
    c = k - 1 if own else int(match[4] or 1)
    if not (2 <= k <= r // 2 and 1 <= c < k and classes <= MOST and comb(r, k) == classes):
        return None
    network = Subsets(r, k, c, not own)
    return network if network.invertible and network.name == name else None


family = Family("subsets", "all k-subsets of r points, 3 <= k <= r/2: subsets(r,k)", _members, _find, ("mse",))

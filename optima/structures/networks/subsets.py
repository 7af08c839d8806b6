"""Networks whose stem says which k of r points a class is: the subsets of a set, one class each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from itertools import combinations, count
from math import comb

import numpy as np

from optima.model import Array
from optima.structures.base import Family, Structure
from optima.structures.networks.base import Costs, Separating
from optima.structures.networks.numbers import number, root

# Most classes for which networks of subsets are listed.
MOST = 2000


class Subsets(Separating):
    r"""M_2, M_3 and on are V, the incidence of r points and all k-subsets; then comes relu of +-(c J - V^T V).

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
        return incidence(self.points, self.size)

    def stages(self) -> tuple[Array, ...]:
        """+-(c J - V^T V)."""
        V = self.stem()
        last = self.bound - V.T @ V
        return (last if self.far else -last,)

    def all_costs(self, exact: bool = False) -> Costs:
        """Singular values of V, and (c/k) J - V^T as the weight that makes the stage."""
        r, k, c = self.points, self.size, self.bound
        nuclear = (r - 1) * root(comb(r - 2, k - 1), exact) + root(k * comb(r - 1, k - 1), exact)
        later = number(self.classes * (k - 2 * c + Fraction(r * c * c, k * k)), exact)
        spectrum = self._spectrum()
        output = number(sum((Fraction(m, mu**2) for mu, m in spectrum), Fraction(0)), exact)
        # All subsets together are the first eigenspace.
        return Costs(nuclear, r, later, output, spectrum, number(Fraction(1, spectrum[0][0] ** 2), exact))

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


def incidence(points: int, size: int) -> Array:
    """Points against the k-subsets of them, of shape (r, K), entries 0 and 1."""
    V = np.zeros((points, comb(points, size)))
    for column, subset in enumerate(combinations(range(points), size)):
        V[list(subset), column] = 1
    return V


def _johnson(r: int, k: int, i: int, j: int) -> int:
    """Eigenvalue on eigenspace j of the graph of k-subsets of r points that differ in i points."""
    return sum(
        (-1) ** t * comb(j, t) * comb(k - j, i - t) * comb(r - k - j, i - t) for t in range(min(i, j) + 1) if r - k >= j
    )


def _members(classes: int) -> list[Structure]:
    if classes > MOST:
        return []
    found = [Subsets(r, k, c) for r, k in _sizes(classes) for c in range(1, k)]
    return [network for network in found if network.invertible]


def _sizes(classes: int) -> Iterator[tuple[int, int]]:
    """r and k with C(r, k) = K and 3 <= k <= r/2."""
    for k in count(3):
        if comb(2 * k, k) > classes:
            return
        r = next(r for r in count(2 * k) if comb(r, k) >= classes)
        if comb(r, k) == classes:
            yield r, k


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


family = Family("subsets", "all k-subsets of r points, 3 <= k <= r/2: subsets(r,k)", _members, _find)

"""Networks that tell the k-subsets of r points apart by the larger sets that contain them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from math import comb, isqrt

from optima.model import Array
from optima.structures.base import Family, Structure
from optima.structures.networks.base import Costs, Separating
from optima.structures.networks.numbers import number, root
from optima.structures.networks.subsets import incidence

# Most classes, and most sets, of networks that are named.
MOST = 2000


class InSets(Separating):
    r"""M_2 = ... = M_{L-1} = V, points against k-subsets e, and a row |e n T| - k + 1 of M_L for each t-set T of them.

    .. math:: q^L = N^2\, r^{L-3}\, \tbinom rt\, \frac{t + (r-t)(k-1)^2}{k^2}, \qquad
        \mu_j^2 = \tbinom{t-j}{k-j} \tbinom{r-k-j}{t-k}\ \bigl(\tbinom rj - \tbinom r{j-1}\ \text{times}\bigr)

    with j = 0..k and N as for :class:`optima.structures.networks.subsets.Subsets`: relu leaves the subsets inside T.
    t = r - k is ``subsets(r,k)`` (``srg`` for edges) and t = k the network that keeps the class itself; the best t lies
    between them. Source: derivations/network_in_sets.py.
    """

    least_depth = 3

    def __init__(self, points: int, size: int, inside: int) -> None:
        super().__init__(comb(points, size))
        self.points, self.size, self.inside = points, size, inside
        self.name = f"in-sets({points},{size},{inside})"

    def stem(self) -> Array:
        """The incidence matrix V, of shape (r, K)."""
        return incidence(self.points, self.size)

    def stages(self) -> tuple[Array, ...]:
        """|e n T| - k + 1, of shape (C(r, t), K)."""
        return (incidence(self.points, self.inside).T @ self.stem() - (self.size - 1),)

    def all_costs(self, exact: bool = False) -> Costs:
        """Singular values of V, the weight 1_T - (k - 1)/k of each set, and the eigenvalues of X_L^T X_L."""
        r, k, t = self.points, self.size, self.inside
        nuclear = (r - 1) * root(comb(r - 2, k - 1), exact) + root(k * comb(r - 1, k - 1), exact)
        later = number(comb(r, t) * Fraction(t + (r - t) * (k - 1) ** 2, k * k), exact)
        squares = [(comb(t - j, k - j) * comb(r - k - j, t - k), _multiplicity(r, j)) for j in range(k + 1)]
        output = number(sum((Fraction(m, square) for square, m in squares), Fraction(0)), exact)
        spectrum = tuple((root(square, exact), m) for square, m in squares)
        # All subsets together are the first eigenspace.
        return Costs(nuclear, r, later, output, spectrum, number(Fraction(1, squares[0][0]), exact))


def _multiplicity(points: int, j: int) -> int:
    return comb(points, j) - (comb(points, j - 1) if j else 0)


def _between(points: int, size: int) -> Iterator[InSets]:
    """The networks that are neither of the two ends, which have other names."""
    for inside in range(size + 1, points - size):
        if comb(points, inside) <= MOST:
            yield InSets(points, size, inside)


def _members(classes: int) -> list[Structure]:
    """For each way to have K = C(r, k) the number t of least price, the same at every depth."""
    if classes > MOST:
        return []
    rivals = [list(_between(r, k)) for r, k in _sizes(classes)]
    return [min(networks, key=lambda network: network.price_of_targets(3)) for networks in rivals if networks]


def _sizes(classes: int) -> Iterator[tuple[int, int]]:
    """r and k with C(r, k) = K and 2 <= k < r/2."""
    for k in range(2, max(3, isqrt(classes))):
        if comb(2 * k + 1, k) > classes:
            return
        r = 2 * k + 1
        while comb(r, k) < classes:
            r += 1
        if comb(r, k) == classes:
            yield r, k


def _find(name: str, classes: int) -> Structure | None:
    match = re.fullmatch(r"in-sets\((\d+),(\d+),(\d+)\)", name)
    if not match or classes > MOST:
        return None
    r, k, t = (int(group) for group in match.groups())
    if not (2 <= k <= r // 2 and comb(r, k) == classes):
        return None
    return next((network for network in _between(r, k) if network.inside == t), None)


family = Family("in-sets", "all k-subsets of r points, told apart by sets of t points: in-sets(r,k,t)", _members, _find)

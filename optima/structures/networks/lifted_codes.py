"""Tight spherical codes lifted to nonnegative features: the best networks known with cross-entropy."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import numpy as np

from optima.model import Array
from optima.model.content import Content
from optima.structures.base import Block, Family, Number, Orbit, Structure
from optima.structures.networks.base import Costs, OneBlock
from optima.structures.networks.lifted_pairs import lifted_pairs
from optima.structures.networks.numbers import root
from optima.structures.networks.subsets import incidence
from optima.structures.pairs import pair_matrix

# Codes whose facets are computed: more points or dimensions take too long.
MOST_POINTS, MOST_DIMENSIONS = 64, 6
# Distance of facets, and residual of their weights, up to which they count as equal and as zero.
CLOSE = 1e-9


@dataclass(frozen=True, eq=False)
class Lift(Content):
    """Inner products of a code, the square of its inradius (with ``exact`` as sympy's), and V with V^T V = G + c^2 J.

    c^2 = r rho^2 is the least for which there is a nonnegative V.
    """

    gram: Callable[[], Array]
    square: Callable[[bool], Number]
    stem: Callable[[], Array]


class LiftedCode(OneBlock):
    r"""V >= 0 with V^T V = Gamma + r rho^2 J in every layer, Gamma the inner products of a tight code of rank r.

    .. math:: \rho_p^{L+1} = K^2\, r\, (1 + \rho)^2\, (r+1)^{L-2}

    with rho the inradius of the hull of the code: the rows of V are supporting hyperplanes, zero on a facet. The ReLU
    is idle and the logits are a Gamma. Source: derivations/network_lifted_codes.py.
    """

    least_depth = 2
    losses: tuple[str, ...] = ("ce",)

    def __init__(self, code: Structure) -> None:
        super().__init__(code.classes)
        self.code = code
        self.name = f"lifted({code.name})"

    @property
    def lift(self) -> Lift:
        """The code and its lift."""
        found = _lift(self.code.name, self.classes)
        assert found is not None
        return found

    def stem(self) -> Array:
        """V."""
        return self.lift.stem()

    def costs(self, exact: bool = False) -> Costs:
        """Singular values sqrt(K/r), r times, and sqrt(K r) rho."""
        K, r = self.classes, self.code.rank
        inradius = root(self.lift.square(exact), exact)
        nuclear = root(K * r, exact) * (1 + inradius)
        spectrum = ((root(Fraction(K, r), exact), r), (root(K * r, exact) * inradius, 1))
        return Costs(nuclear, r + 1, 1, K, spectrum)

    def logits(self, exact: bool = False) -> Block:
        """Those of the code, with a diagonal of ones."""
        return _unit_diagonal(self.code.blocks(exact)[0])

    def direction(self, exact: bool = False) -> np.ndarray:
        """Gamma."""
        if not exact:
            return self.lift.gram()
        shape = self.code.shape(exact=True)
        return np.asarray(shape / shape[0, 0])


def _unit_diagonal(block: Block) -> Block:
    diagonal = _ratio(block.trace, block.classes)
    orbits = tuple(
        Orbit(orbit.classes, tuple(_ratio(m, diagonal) for m in orbit.margins), orbit.counts) for orbit in block.orbits
    )
    return Block(orbits, tuple((_ratio(s, diagonal), m) for s, m in block.singular), block.classes)


def _ratio(value: Number, other: Number) -> Number:
    whole = isinstance(value, int | Fraction) and isinstance(other, int | Fraction)
    return Fraction(value) / Fraction(other) if whole else value / other


@cache
def _lift(name: str, classes: int) -> Lift | None:
    """The lift of a code of the catalogue, if it is one of the kinds that can be lifted."""
    from optima.structures import find

    code = find(name, classes)
    if code is None or not _is_tight(code):
        return None
    if name == "pairs":
        gram = lambda: pair_matrix(classes, classes // 2)
        return Lift(gram, lambda exact: Fraction(2, classes), lambda: lifted_pairs(classes // 2))
    if name == "polygon":
        return _polygon(classes)
    points = re.fullmatch(r"srg-(?:triangular-(\d+)|petersen-complement)", name)
    if points:
        return _triangular(int(points[1] or 5))
    return _by_facets(code)


def _is_tight(code: Structure) -> bool:
    """Whether the logits are a tight code other than the simplex, all of whose points see the same."""
    blocks = code.blocks()
    return (
        len(blocks) == 1
        and len(blocks[0].orbits) == len(blocks[0].singular) == 1
        and code.classes > code.rank + 1 >= 3
        and blocks[0].orbits[0].classes == code.classes
    )


def _polygon(K: int) -> Lift:
    """Rows zero on two neighbouring points each."""
    cosines = lambda shift: np.cos(2 * np.pi * (np.arange(K) - np.arange(K)[:, None] + shift) / K)
    inradius = math.cos(math.pi / K)

    def stem() -> Array:
        heights = inradius - cosines(0.5)
        # Exact zeros where cosines agree up to rounding.
        return math.sqrt(2 / K) * np.where(np.abs(heights) < 1e-12, 0.0, heights)

    def square(exact: bool) -> Number:
        if not exact:
            return inradius**2
        import sympy

        return sympy.cos(sympy.pi / K) ** 2

    return Lift(lambda: cosines(0.0), square, stem)


def _triangular(n: int) -> Lift:
    """2-subsets of n points: a row for each point, its entries at the subsets that hold it."""
    square = Fraction(2, (n - 1) * (n - 2))

    def stem() -> Array:
        return math.sqrt(n / (2 * (n - 2))) * incidence(n, 2)

    return Lift(lambda: stem().T @ stem() - (n - 1) * float(square), lambda exact: square, stem)


def _by_facets(code: Structure) -> Lift | None:
    """From the facets nearest to the centre, where some of them with weights are a tight frame around it."""
    from scipy.optimize import nnls
    from scipy.spatial import ConvexHull

    K, r = code.classes, code.rank
    if K > MOST_POINTS or r > MOST_DIMENSIONS:
        return None
    gram = code.shape().astype(float)
    gram = gram / gram[0, 0]
    values, vectors = np.linalg.eigh(gram)
    points = vectors[:, -r:] * np.sqrt(values[-r:])
    facets = ConvexHull(points).equations
    inradius = float(np.min(-facets[:, -1]))
    normals = -facets[-facets[:, -1] < inradius + CLOSE, :-1] / inradius
    normals = normals[np.sort(np.unique(np.round(normals, 6), axis=0, return_index=True)[1])]
    upper = np.triu_indices(r)
    moments = np.column_stack([np.concatenate([w, np.multiply.outer(w, w)[upper]]) for w in normals])
    weights, residual = nnls(moments, np.concatenate([np.zeros(r), np.eye(r)[upper]]))
    if residual > CLOSE:
        return None
    heights = 1 + normals @ points.T
    kept = weights > CLOSE
    V = np.sqrt(weights[kept, None]) * np.where(np.abs(heights[kept]) < CLOSE, 0.0, heights[kept])
    return Lift(lambda: gram, lambda exact: _recognised(inradius**2, exact), lambda: V)


def _recognised(value: float, exact: bool) -> Number:
    """A square of an inradius as the fraction or the number a + b sqrt(5) that it is, or as a float of sympy."""
    if not exact:
        return value
    import sympy

    near = Fraction(value).limit_denominator(1000)
    if abs(float(near) - value) < 1e-12:
        return sympy.Rational(near)
    return sympy.nsimplify(value, [sympy.sqrt(5), sympy.sqrt(2)], tolerance=1e-12)


def _members(classes: int) -> list[Structure]:
    from optima.structures import catalogue

    distinct: dict[object, Structure] = {}
    for code in catalogue(classes):
        if _is_tight(code) and _lift(code.name, classes) is not None:
            distinct.setdefault(code.fingerprint, code)
    return [LiftedCode(code) for code in distinct.values()]


def _find(name: str, classes: int) -> Structure | None:
    from optima.structures import find

    match = re.fullmatch(r"lifted\((.+)\)", name)
    code = find(match[1], classes) if match else None
    if code is None or not _is_tight(code) or _lift(code.name, classes) is None:
        return None
    return LiftedCode(code)


family = Family("lifted", "tight codes lifted to nonnegative features: lifted(pairs)", _members, _find, ("ce",))

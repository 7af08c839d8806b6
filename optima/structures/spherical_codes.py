"""The tight spherical codes that have names: root systems, dual lattices, regular polytopes, schemes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from math import comb

import numpy as np

from optima.model.content import Content
from optima.structures import polytopes, roots
from optima.structures.base import Family, Structure
from optima.structures.spherical import Gram, Spherical

# Codes of more points are left out: building one takes longer than a table should.
MOST = 512


@dataclass(frozen=True, eq=False)
class Code(Content):
    """A code of K points and rank r, and its construction, which runs when the code is first asked for."""

    classes: int
    rank: int
    build: Callable[[], Gram]


def _roots(build: Callable[..., np.ndarray], *arguments: int) -> Callable[[], Gram]:
    return lambda: Gram.of(build(*arguments))


# Where a code has a name as a polytope this is its name. Left out is what the catalogue has under another name, such as
# A_2 (the hexagon), the duals of D_n (pairs) and half cubes (folded cubes).
CODES: dict[str, Code] = {
    "icosahedron": Code(12, 3, polytopes.icosahedron),
    "cuboctahedron": Code(12, 3, _roots(roots.a_roots, 3)),
    "dodecahedron": Code(20, 3, polytopes.dodecahedron),
    "icosidodecahedron": Code(30, 3, polytopes.icosidodecahedron),
    "24-cell": Code(24, 4, _roots(roots.d_roots, 4)),
    "600-cell": Code(120, 4, polytopes.cell_600),
    "roots-F4": Code(48, 4, polytopes.f4_roots),
    "roots-E6": Code(72, 6, _roots(roots.e6_roots)),
    "roots-E7": Code(126, 7, _roots(roots.e7_roots)),
    "roots-E8": Code(240, 8, _roots(roots.e8_roots)),
    "dual-E6": Code(54, 6, _roots(roots.e6_dual)),
    "dual-E7": Code(56, 7, _roots(roots.e7_dual)),
    **{f"roots-A{n}": Code(n * (n + 1), n, _roots(roots.a_roots, n)) for n in range(4, 23)},
    **{f"roots-D{n}": Code(2 * n * (n - 1), n, _roots(roots.d_roots, n)) for n in range(5, 17)},
    **{
        f"johnson-{n}-{k}": Code(comb(n, k), n - 1, partial(polytopes.johnson, n, k))
        for n in range(6, 17)
        for k in range(3, n // 2 + 1)
        if comb(n, k) <= MOST
    },
    **{
        f"hamming-{d}-{q}": Code(q**d, d * (q - 1), partial(polytopes.hamming, d, q))
        for d in range(3, 6)
        for q in range(3, 9)
        if q**d <= MOST
    },
    **{
        f"conference-{q + 1}": Code(2 * (q + 1), (q + 1) // 2, partial(polytopes.conference, q))
        for q in (13, 17, 29, 37, 41, 53, 61, 73, 89, 97)
    },
}


@cache
def _code(name: str) -> Spherical:
    code = CODES[name]
    return Spherical(name, code.classes, code.rank, code.build())


def _members(classes: int) -> list[Structure]:
    return [_code(name) for name, code in CODES.items() if code.classes == classes]


def _find(name: str, classes: int) -> Structure | None:
    return _code(name) if name in CODES and CODES[name].classes == classes else None


family = Family(
    "spherical",
    "tight spherical codes: roots-E8, roots-A4, dual-E7, 24-cell, icosahedron, johnson-6-3, conference-14, ...",
    _members,
    _find,
)

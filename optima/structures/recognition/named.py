"""Structures of the catalogue: which of them logits are, up to relabelling and scales."""

from __future__ import annotations

from functools import lru_cache
from math import factorial

import numpy as np

from optima.structures import catalogue
from optima.structures.base import Structure
from optima.structures.cyclic import Polygon
from optima.structures.frame import Frame
from optima.structures.mixed import Mixed
from optima.structures.pairs import Pairs
from optima.structures.pairs_free import PairsFree
from optima.structures.recognition.facts import count_distinct, multiplicities
from optima.structures.recognition.match import IDEAL_ROUNDING, Fit, Match, fit_in_order, match_by_ideal
from optima.structures.recognition.polyhedra import polyhedron
from optima.structures.recognition.relabel import template
from optima.structures.recognition.symmetry import relative_distance, symmetry_order
from optima.structures.recognition.view import Order, View
from optima.structures.simplex import Simplex
from optima.structures.zero import Zero

# Most classes for which logits without a name are described: their symmetry group, direct sums, polyhedra.
MANY_CLASSES = 128

# Most classes for which logits are relabelled by graph isomorphism, to compare them with a fixed shape.
RELABELLED_CLASSES = 300

# Structures whose class order is read off M itself, at any number of classes.
CLOSED = (Simplex, Frame, Pairs, PairsFree, Mixed, Polygon)


def catalogue_match(view: View) -> Match | None:
    """The first structure of the catalogue within the tolerance of M, or None.

    Of several, the first whose distance is at most twice the least one: a structure with one more free
    scale does not lose its name to an earlier one that it is merely near to.
    """
    tried = (_fit(structure, view) for structure in [*fixed_structures(view.classes, view.loss), *mixture(view)])
    fits = [fit for fit in tried if fit is not None and fit.distance <= view.tolerance]
    fits = [fit for fit in fits if view.exact_rank in (None, fit.structure.rank)]
    if not fits:
        return None
    limit = max(2 * min(fit.distance for fit in fits), 1e-10)
    return _match(next(fit for fit in fits if fit.distance <= limit))


def block_match(view: View) -> Match | None:
    """What one block of a direct sum may be: a structure of the catalogue, or a polyhedron."""
    match = catalogue_match(view)
    if match is None and (solid := polyhedron(view)):
        return solid.match
    return match


def projection_match(view: View) -> Match | None:
    """Squared error: a multiple of an orthogonal projection of rank r < K, named ``frame(r)``, or None.

    All of them have the loss of the projection on r coordinates.
    """
    if view.loss != "mse" or view.rank == view.classes:
        return None
    basis = view.eigen[1][:, -view.rank :]
    ideal = basis @ basis.T * (np.vdot(basis, view.means @ basis) / view.rank)
    if relative_distance(view.means, ideal) > view.tolerance:
        return None
    return match_by_ideal(f"frame({view.rank})", ideal, view, symmetry_order(ideal, view.tolerance))


@lru_cache(maxsize=256)
def fixed_structures(classes: int, loss: str) -> tuple[Structure, ...]:
    """The catalogue without zero and the mixtures."""
    return tuple(s for s in catalogue(classes, loss=loss) if not isinstance(s, (Zero, Mixed)))


def mixture(view: View) -> list[Structure]:
    """The mixture with as many pairs as M has, whether or not the catalogue lists it."""
    rest, _ = view.pair_order
    return [Mixed(view.classes, (view.classes - rest) // 2)] if 3 <= rest < view.classes else []


def _fit(structure: Structure, view: View) -> Fit | None:
    order = _order(structure, view)
    return None if order is None else fit_in_order(structure, view, order)


def _match(fit: Fit) -> Match:
    """The match of a fit, its facts from the closed forms of the structure."""
    blocks = list(zip(fit.scales, fit.structure.blocks(), strict=True))
    singular = [a * float(sigma) for a, block in blocks for sigma, m in block.singular for _ in range(m)]
    margins = [a * float(margin) for a, block in blocks for orbit in block.orbits for margin in orbit.margins]
    groups = multiplicities(np.sort(singular)[::-1], IDEAL_ROUNDING)
    count = count_distinct(np.array(margins), IDEAL_ROUNDING)
    return Match(fit.structure.name, fit.ideal, fit.distance, groups, count, _symmetry_order(fit.structure))


def _order(structure: Structure, view: View) -> Order | None:
    """The class order in which M is to be compared with a structure, or None when it cannot be that one."""
    if isinstance(structure, CLOSED):
        return closed_order(structure, view)
    return template(structure.name, view.classes).order(view) if view.classes <= RELABELLED_CLASSES else None


def closed_order(structure: Structure, view: View) -> Order | None:
    """The class order for a structure that partners or angles give, or None where they do not or it is another one."""
    match structure:
        case Simplex() | Frame():
            return np.arange(view.classes)
        case Pairs() | PairsFree():
            rest, order = view.pair_order
            return np.roll(order, -rest) if rest == view.classes % 2 else None
        case Mixed():
            return view.pair_order[1]
        case Polygon():
            return view.angular_order
    return None


def _symmetry_order(structure: Structure) -> int:
    """Number of class permutations that leave a structure of generic scales unchanged."""
    K = structure.classes
    match structure:
        case Simplex() | Frame():
            return factorial(K)
        case Pairs() | PairsFree():
            return 2 ** (K // 2) * factorial(K // 2)
        case Mixed():
            return factorial(structure.rest) * 2**structure.pairs * factorial(structure.pairs)
        case Polygon():
            return 2 * K
    return template(structure.name, K).symmetry_order

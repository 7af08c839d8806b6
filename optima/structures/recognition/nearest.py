"""The structures nearest to logits, however far they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from optima.model import Array
from optima.structures.base import Structure
from optima.structures.pairs import pair_matrix
from optima.structures.recognition.circulant import circulant_match
from optima.structures.recognition.coloured import canonical_order, colours_by_gaps
from optima.structures.recognition.exchange import exchanged
from optima.structures.recognition.match import Fit, Match, fit_in_order, least_distance
from optima.structures.recognition.named import (
    MANY_CLASSES,
    RELABELLED_CLASSES,
    block_match,
    closed_order,
    fixed_structures,
    mixture,
)
from optima.structures.recognition.polyhedra import polyhedron
from optima.structures.recognition.pyramid import pyramid_match
from optima.structures.recognition.relabel import template
from optima.structures.recognition.sums import sum_match
from optima.structures.recognition.symmetry import relative_distance
from optima.structures.recognition.view import Order, View

# Distances below this are rounding: there the structure with the fewest free numbers comes first.
EXACT = 1e-10
# Random class orders that exchanges begin with where the colours of a shape are not seen, always the same ones.
STARTS = 2


class Near(NamedTuple):
    """A structure and its relative distance from logits, at the best class order and scales found."""

    name: str
    distance: float


class _Candidate(NamedTuple):
    name: str
    distance: float
    free: int


def nearest_structures(view: View, count: int = 5) -> tuple[Near, ...]:
    r"""Up to ``count`` structures by their distance from M, the nearest first; ``zero``, at distance 1, if none is.

    The distance d is :math:`\min_{P, a} \|M - P\, S(a)\, P^T\|_F / \|M\|_F`, as in :func:`optima.recognise`. The
    least over the scales is exact, that over class orders the best found: by colours, angles and partners, then by
    exchanges of two classes (300 classes at most, 128 where no colours are seen). So d is an upper bound of the least
    distance, and the least one where noise is moderate.

    More free numbers come nearer to anything. With q of them among n entries, structures are ordered by
    :math:`n \log d^2 + 2 q \log n`, the Bayesian information criterion with its penalty doubled; one that is nearer
    than another but not by enough to pass it is left out, so the distances listed ascend.
    """
    entries = (view.classes - (view.loss == "ce")) ** 2
    score = lambda c: entries * 2 * np.log(max(c.distance, EXACT)) + 2 * c.free * np.log(max(entries, 2))
    listed: list[Near] = []
    for candidate in sorted(_candidates(view, count), key=score):
        if candidate.name not in (near.name for near in listed) and (
            not listed or candidate.distance >= listed[-1].distance
        ):
            listed.append(Near(candidate.name, candidate.distance))
    return tuple(listed[:count]) or (Near("zero", 1.0),)


def _candidates(view: View, count: int) -> list[_Candidate]:
    found = [_Candidate(fit.structure.name, fit.distance, len(fit.scales)) for fit in _catalogue_fits(view, count)]
    if view.loss == "mse":
        found += _projections(view)
    if view.classes <= MANY_CLASSES:
        least = min((candidate.distance for candidate in found), default=1.0)
        found += [_Candidate(m.name, d, _distinct_entries(m.ideal)) for m, d in _free_matches(view, least)]
    return [candidate for candidate in found if candidate.distance < 1]


def _catalogue_fits(view: View, count: int) -> list[Fit]:
    """Fits of the catalogue; a shape that cannot come among the first ``count`` is not relabelled."""
    closed, fixed = [], []
    for structure in [*_distinct(view.classes, view.loss), *mixture(view)]:
        order = _near_order(structure, view)
        if order is not None:
            closed.append(fit_in_order(structure, view, order))
        elif view.classes <= RELABELLED_CLASSES:
            shape = template(structure.name, view.classes)
            fixed.append((least_distance(shape.eigenvalues[::-1], shape.entries, view), structure))
    fits = [fit for fit in closed if fit is not None]
    for bound, structure in sorted(fixed, key=lambda pair: pair[0]):
        if len(fits) < count or bound < sorted(fit.distance for fit in fits)[count - 1]:
            fits += filter(None, [_relabelled(structure, view)])
    return fits


@lru_cache(maxsize=256)
def _distinct(classes: int, loss: str) -> tuple[Structure, ...]:
    """The catalogue without zero, the mixtures and what an earlier structure is by another name."""
    kept: list[Structure] = []
    for structure in fixed_structures(classes, loss):
        if classes > RELABELLED_CLASSES or not any(_same(structure, earlier) for earlier in kept):
            kept.append(structure)
    return tuple(kept)


def _same(first: Structure, second: Structure) -> bool:
    """Whether two structures are one up to relabelling and scale."""
    if first.fingerprint != second.fingerprint:
        return False
    codes = [colours_by_gaps(np.round(structure.shape().astype(float), 9), 1e-6) for structure in (first, second)]
    one, other = (code[np.ix_(order, order)] for code in codes for order in [canonical_order(code)])
    return np.array_equal(one, other)


def _near_order(structure: Structure, view: View) -> Order | None:
    """The class order for a structure whose partners or angles show it, improved by exchanges."""
    if structure.name in ("pairs", "pairs-free"):
        return _partners(view)
    order = closed_order(structure, view)
    movable = structure.name not in ("simplex", "frame") and view.classes <= RELABELLED_CLASSES
    if order is None or not movable:
        return order
    fit = fit_in_order(structure, view, order)
    return order if fit is None else exchanged(view.means, fit.ideal[np.ix_(order, order)], order)


def _partners(view: View) -> Order:
    """Classes in pairs with the least sum of M_ij + M_ji: each takes the best partner left, then exchanges."""
    K = view.classes
    bonds = view.means + view.means.T - np.add.outer(np.diagonal(view.means), np.diagonal(view.means))
    first, second = np.triu_indices(K, 1)
    left, order = np.ones(K, dtype=bool), []
    for pair in np.argsort(bonds[first, second], kind="stable"):
        i, j = first[pair], second[pair]
        if left[i] and left[j]:
            left[[i, j]] = False
            order += [i, j]
            if len(order) >= K - 1:
                break
    found = np.array([*order, *np.flatnonzero(left)])
    return exchanged(view.means, pair_matrix(K, K // 2), found) if K <= RELABELLED_CLASSES else found


def _relabelled(structure: Structure, view: View) -> Fit | None:
    """A fixed shape in the order of its colours, or else the best of the orders that exchanges end in."""
    shape = template(structure.name, view.classes)
    order = shape.order(View(view.means, 1.0, view.loss))
    rng = np.random.default_rng(0)
    starts = [order] if order is not None else [rng.permutation(view.classes) for _ in range(_starts(view))]
    fits = [fit_in_order(structure, view, exchanged(view.means, shape.shape, start)) for start in starts]
    return min((fit for fit in fits if fit is not None), key=lambda fit: fit.distance, default=None)


def _distinct_entries(ideal: Array) -> int:
    """What bounds the free numbers of logits that are a mean over a group: one for each orbit of entries."""
    return len(np.unique(np.round(ideal / np.abs(ideal).max(), 6)))


def _starts(view: View) -> int:
    return STARTS if view.classes <= MANY_CLASSES else 0


def _projections(view: View) -> Iterator[_Candidate]:
    """Squared error: the best multiple of a projection of each rank below K, from the eigenvalues of M."""
    values = np.cumsum(view.eigen[0][::-1])[:-1]
    ranks = np.arange(1, view.classes)
    kept = np.maximum(values, 0) ** 2 / ranks / np.linalg.norm(view.means) ** 2
    best = int(kept.argmax())
    rank = int(ranks[best])
    free = rank * (view.classes - rank) + 1
    yield _Candidate(f"frame({rank})", float(np.sqrt(max(0.0, 1 - kept[best]))), free)


def _free_matches(view: View, least: float) -> Iterator[tuple[Match, float]]:
    """Structures with more freedom than a scale for each block, one at each tolerance that may still beat ``least``.

    The smaller the tolerance, the fewer symmetries are seen. Tried are, in the order of :func:`optima.recognise`,
    polyhedra, pyramids, sums and cyclic codes: a square antiprism is both first and last, and is called the former.
    """
    seekers: tuple[Callable[[View], Match | None], ...] = (
        _solid,
        pyramid_match,
        lambda seen: sum_match(seen, block_match),
        circulant_match,
    )
    tolerance = view.tolerance
    while tolerance < min(1.0, 2 * least):
        seen = View(view.means, tolerance, view.loss)
        match = next(filter(None, (seek(seen) for seek in seekers)), None)
        if match is not None:
            yield match, relative_distance(view.means, match.ideal * seen.unit)
        tolerance *= 2


def _solid(view: View) -> Match | None:
    """The polyhedron of M without all but three singular values, where the fourth is at most half the third."""
    values = view.singular_values
    if view.classes < 4 or values[3] > values[2] / 2:
        return None
    left, s, right = np.linalg.svd(view.means)
    cut: Array = (left[:, :3] * s[:3]) @ right[:3]
    cut_view = View(cut, view.tolerance, view.loss, 3)
    solid = polyhedron(cut_view)
    if solid is None or solid.match is None:
        return None
    return replace(solid.match, ideal=solid.match.ideal * cut_view.unit)

"""Naming class-mean logits."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from optima.model import LOSSES, Array
from optima.model.inputs import one_of
from optima.structures.recognition.circulant import circulant_match
from optima.structures.recognition.facts import distinct_margins, multiplicities
from optima.structures.recognition.match import Match
from optima.structures.recognition.named import MANY_CLASSES, block_match, catalogue_match, projection_match
from optima.structures.recognition.polyhedra import polyhedron
from optima.structures.recognition.pyramid import pyramid_match
from optima.structures.recognition.result import TOLERANCE, UNNAMED, Recognition
from optima.structures.recognition.sums import sum_match
from optima.structures.recognition.symmetry import symmetry_order
from optima.structures.recognition.view import View

# Logits with no entry above this are zero: every prediction is uniform, and the loss log K, to that size.
ZERO_LOGITS = 1e-4

# Well above rounding error, under which no logits would be equal to their mean over a symmetry group.
LEAST_TOLERANCE = 1e-12


def recognise(means: ArrayLike, tolerance: float = TOLERANCE, loss: str = "ce", rank: int | None = None) -> Recognition:
    r"""Name class-mean logits M up to relabelling of the classes and scale.

    A name is given when the relative distance

    .. math:: \min_{P, a} \|M - P\, S(a)\, P^T\|_F \,/\, \|M\|_F

    to the logits S(a) of a structure, over class permutations P and the scales a > 0 of its blocks, is at
    most ``tolerance``. For cross-entropy M and S(a) are centred first (column means removed). Tried are, in
    this order:

    1. ``zero``: no entry above 1e-4 in absolute value (the one statement that is not up to scale), or rank 0;
    2. the structures of the catalogue (``optima.structures``); of several, the first whose distance is at
       most twice the least one;
    3. for squared error ``frame(r)``: any multiple of an orthogonal projection of rank r;
    4. polyhedra for logits of rank 3 (``icosahedron``, ``square-antiprism``, ``snub-disphenoid``, ...): known by
       the convex hull of the feature vectors and the symmetry group of M, not by a fixed shape, as their
       heights are free. Their distance is that from M to its mean over the group;
    5. ``pairs-pyramid``: odd pairs whose last class has free logits in its row too;
    6. direct sums, ``polygon(5)+pairs(2)``: blocks with scales of their own, but one for all pairs;
    7. ``cyclic-1+2-free`` and so on: cyclic codes with a scale for every frequency.

    Parameters
    ----------
    means
        M, shape (K, K): column c is the mean of the logits of class c (``Reduction.project`` of factors).
    tolerance
        Relative size of what counts as noise, from 1e-12 to 1. It bounds the distance above, the
        singular values that count as zero (relative to the largest), the differences between singular
        values and between margins that count as equal (relative to the largest of each), and how far M may
        be from its mean over its symmetry group (in the Frobenius norm, relative to that of M).
    loss
        ``"ce"`` or ``"mse"``.
    rank
        The rank of M where it is known, as that of a minimum is: then no structure of another rank gives its name,
        and no singular value is taken for noise.

    More than 128 classes are compared with zero and the catalogue only, more than 300 only with zero, simplex,
    frame, pairs, pairs-free, polygon and simplex-pairs mixtures; without a name their symmetry order is None.

    With a name or without, ``Recognition.nearest`` lists the nearest structures and their distances.

    Raises ValueError when M is not a square matrix of finite numbers with K >= 2, or the tolerance or loss
    is out of its range.

    Examples
    --------
    >>> import numpy as np
    >>> import optima
    >>> optima.recognise(np.kron(np.eye(2), [[1, -1], [-1, 1]])).name
    'pairs'
    """
    one_of("loss", loss, LOSSES)
    if not LEAST_TOLERANCE <= tolerance < 1:
        raise ValueError(f"tolerance is {tolerance!r}; pass a number of at least {LEAST_TOLERANCE} and below 1")
    view = View(_checked(means), float(tolerance), loss, rank)
    largest = view.unit * float(np.abs(view.means).max())
    if view.exact_rank == 0 or (view.exact_rank is None and largest <= ZERO_LOGITS):
        return Recognition("zero", largest, 0, (), 1, math.factorial(view.classes), view.tolerance)
    match = catalogue_match(view)
    if match is not None:
        return _named(match, view)
    return _among_fewer_classes(view) if view.classes <= MANY_CLASSES else _unnamed(view, None)


def _among_fewer_classes(view: View) -> Recognition:
    solid = polyhedron(view)
    tried = (
        lambda: projection_match(view),
        lambda: solid.match if solid else None,
        lambda: pyramid_match(view),
        lambda: sum_match(view, block_match),
        lambda: circulant_match(view),
    )
    for attempt in tried:
        match = attempt()
        if match is not None and view.exact_rank in (None, match.rank):
            return _named(match, view)
    return _unnamed(view, solid.order if solid else symmetry_order(view.means, view.tolerance))


def _named(match: Match, view: View) -> Recognition:
    groups, margins = match.multiplicities, match.distinct_margins
    return Recognition(
        match.name, match.distance, match.rank, groups, margins, match.symmetry_order, view.tolerance, view
    )


def _unnamed(view: View, order: int | None) -> Recognition:
    groups = multiplicities(view.singular_values, view.tolerance, view.rank)
    margins = distinct_margins(view.means, view.tolerance)
    return Recognition(UNNAMED, None, view.rank, groups, margins, order, view.tolerance, view)


def _checked(means: ArrayLike) -> Array:
    array = np.asarray(means, dtype=float)
    if array.ndim != 2 or array.shape[0] != array.shape[1] or len(array) < 2:
        raise ValueError(f"class-mean logits have shape {array.shape}; pass a square matrix of at least 2 classes")
    if not np.isfinite(array).all():
        raise ValueError("class-mean logits contain infinite or missing numbers; pass finite ones")
    return array

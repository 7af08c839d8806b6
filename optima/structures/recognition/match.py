"""A named candidate, and how well logits fit it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import svdvals

from optima.model import Array
from optima.model.arrays import numerical_rank
from optima.reduction import center
from optima.structures.base import Structure
from optima.structures.recognition.facts import distinct_margins, multiplicities
from optima.structures.recognition.symmetry import relative_distance
from optima.structures.recognition.view import Order, View

# Relative size to which the entries of ideal logits are known.
IDEAL_ROUNDING = 1e-9


@dataclass(frozen=True)
class Match:
    """A name for logits, and the facts of its ideal logits.

    ``ideal`` is in the class order of the logits it was fitted to, at ``distance`` from them. The other
    attributes are those of ``Recognition``.
    """

    name: str
    ideal: Array
    distance: float
    multiplicities: tuple[int, ...]
    distinct_margins: int
    symmetry_order: int

    @property
    def rank(self) -> int:
        """Rank of the ideal logits."""
        return sum(self.multiplicities)


def match_by_ideal(name: str, ideal: Array, view: View, order: int) -> Match:
    """A match whose facts are those of the ideal logits up to the tolerance.

    Of logits of known rank it is only their distance that singular values of the ideal are lost in (Weyl).
    """
    singular, distance = svdvals(ideal), relative_distance(view.means, ideal)
    noise = view.tolerance
    if view.exact_rank is not None:
        noise = IDEAL_ROUNDING + distance * float(np.linalg.norm(view.means)) / singular[0]
    groups = multiplicities(singular, view.tolerance, numerical_rank(singular, noise))
    return Match(name, ideal, distance, groups, distinct_margins(ideal, view.tolerance), order)


@dataclass(frozen=True)
class Fit:
    """A structure in a class order and at the scales nearest to M: its logits and their relative distance."""

    structure: Structure
    scales: Array
    ideal: Array
    distance: float


def fit_in_order(structure: Structure, view: View, order: Order) -> Fit | None:
    """The scales of the blocks of a structure nearest to M in the Frobenius norm.

    Class i of the structure is class ``order[i]`` of M. None when a best scale is not positive.
    """
    basis = [_unit_shape(structure, block, view.loss) for block in range(len(structure.blocks()))]
    ordered = view.means[np.ix_(order, order)]
    gram = np.array([[np.vdot(a, b) for b in basis] for a in basis])
    scales = np.linalg.solve(gram, [np.vdot(shape, ordered) for shape in basis])
    if not (scales > 0).all():
        return None
    ideal = np.empty_like(ordered)
    ideal[np.ix_(order, order)] = sum(a * shape for a, shape in zip(scales, basis, strict=True))
    return Fit(structure, scales, ideal, relative_distance(view.means, ideal))


def _unit_shape(structure: Structure, block: int, loss: str) -> Array:
    scales: Sequence[int] = [int(b == block) for b in range(len(structure.blocks()))]
    shape = structure.shape(scales)
    return center(shape) if loss == "ce" else shape


def least_distance(singular: Array, entries: tuple[Array, Array], view: View) -> float:
    """A lower bound of the distance of M to all scalings and relabellings of a shape S.

    The inner product of M and a relabelled S is at most that of their sorted singular values (von
    Neumann), and at most that of their sorted diagonals plus that of their other entries, sorted.
    """
    by_values = float(view.singular_values @ singular)
    by_entries = sum(float(a @ b) for a, b in zip(view.sorted_entries, entries, strict=True))
    cosine = min(by_values, by_entries) / float(np.linalg.norm(view.means) * np.linalg.norm(singular))
    return float(np.sqrt(max(0.0, 1.0 - min(1.0, max(0.0, cosine)) ** 2)))

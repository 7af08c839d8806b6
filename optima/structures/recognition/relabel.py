"""Relabelling: the class order in which logits are nearest to a fixed shape."""

from __future__ import annotations

from functools import cached_property, lru_cache

import numpy as np

from optima.model import Array
from optima.structures import catalogue
from optima.structures.base import Structure
from optima.structures.recognition.coloured import Colours, canonical_order, colours_by_thresholds
from optima.structures.recognition.match import least_distance
from optima.structures.recognition.symmetry import exact_symmetry_order
from optima.structures.recognition.view import Order, View, sorted_entries

# Gaps between distinct entries of a shape that are kept apart, in units of its largest entry, finest first.
GAPS = (1e-6, 0.003, 0.01, 0.03, 0.1, 0.2, 0.3, 0.5)


class Template:
    """A structure of one symmetric positive semidefinite block, with canonical forms of its shape.

    A shape has one canonical form for each set of entries that are kept apart: all distinct ones, then
    only those across ever wider gaps, which noise is less likely to confuse.
    """

    def __init__(self, structure: Structure) -> None:
        self.shape = structure.shape()
        self.eigenvalues = np.maximum(np.linalg.eigvalsh(self.shape), 0.0)
        self.entries = sorted_entries(self.shape)
        self._forms: dict[int, Form] = {}

    @cached_property
    def symmetry_order(self) -> int:
        """Number of class permutations that leave the shape unchanged."""
        return exact_symmetry_order(self.shape)

    def form(self, gap: float) -> Form | None:
        """The canonical form that tells entries apart across gaps above ``gap``, if there are any."""
        diagonal, others = (_thresholds(values, gap * self.entries[0][-1]) for values in self.entries)
        if others.size and others.size not in self._forms:
            self._forms[others.size] = Form(self.shape, diagonal, others)
        return self._forms.get(others.size)

    def order(self, view: View) -> Order | None:
        """The class order in which M has the colours of the shape, or None where there is none.

        M is first replaced by the matrix with its eigenvectors and the eigenvalues of the shape, which
        takes out most of the noise.
        """
        if least_distance(self.eigenvalues[::-1], self.entries, view) > view.tolerance:
            return None
        vectors = view.eigen[1]
        cleaned = (vectors * self.eigenvalues) @ vectors.T
        forms = (self.form(gap) for gap in GAPS)
        orders = (form.order_of(cleaned) for form in forms if form is not None)
        return next((order for order in orders if order is not None), None)


class Form:
    """The canonical form of a shape whose entries are told apart by thresholds."""

    def __init__(self, shape: Array, diagonal: Array, others: Array) -> None:
        self.diagonal = diagonal
        self.others = others
        colours = self._colours(shape)
        self._counts = np.bincount(colours.ravel())
        self._order = canonical_order(colours)
        self._canonical = _permuted(colours, self._order)

    def order_of(self, means: Array) -> Order | None:
        """Class order of ``means`` that has the colours of the shape in the order of the shape, if any."""
        colours = self._colours(means)
        if not np.array_equal(np.bincount(colours.ravel(), minlength=self._counts.size), self._counts):
            return None
        order = canonical_order(colours)
        if not np.array_equal(_permuted(colours, order), self._canonical):
            return None
        matched = np.empty_like(order)
        matched[self._order] = order
        return matched

    def _colours(self, means: Array) -> Colours:
        return colours_by_thresholds(means, self.diagonal, self.others)


@lru_cache(maxsize=256)
def template(name: str, classes: int) -> Template:
    """The template of a structure of the catalogue."""
    (structure,) = catalogue(classes, [name])
    return Template(structure)


def _thresholds(ascending: Array, gap: float) -> Array:
    wide = np.flatnonzero(np.diff(ascending) > gap)
    return (ascending[wide] + ascending[wide + 1]) / 2


def _permuted(colours: Colours, order: Order) -> Colours:
    return colours[np.ix_(order, order)]

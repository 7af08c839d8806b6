"""Direct sums: groups of classes that do not see each other, each a structure of its own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from optima.model import Array
from optima.structures.recognition.match import Match, match_by_ideal
from optima.structures.recognition.symmetry import relative_distance, symmetry_order
from optima.structures.recognition.view import Order, View


def sum_match(view: View, match_block: Callable[[View], Match | None]) -> Match | None:
    """Logits that are block diagonal in some class order, with a name for every block, or None.

    Two classes are in one block when an entry between them exceeds ``tolerance`` times the largest
    diagonal entry. Blocks of two classes are pairs of one common scale; every other block has a scale of
    its own: ``polygon(5)+pairs(2)``. The larger blocks come first, then by name,
    and logits of pairs alone are left to the catalogue.
    """
    blocks = _blocks(view)
    if len(blocks) < 2 or min(map(len, blocks)) < 2 or max(map(len, blocks)) == 2:
        return None
    parts, ideal = [], np.zeros_like(view.means)
    for block in (b for b in blocks if len(b) > 2):
        part = View(view.means[np.ix_(block, block)], view.tolerance, view.loss)
        match = match_block(part) if part.means.any() else None
        if match is None:
            return None
        parts.append((-len(block), f"{match.name}({len(block)})"))
        ideal[np.ix_(block, block)] = part.unit * match.ideal
    names = [name for _, name in sorted(parts)]
    pairs = np.array([block for block in blocks if len(block) == 2])
    if len(pairs):
        names.append(f"pairs({len(pairs)})")
        _fill_pairs(ideal, view.means, pairs)
    if relative_distance(view.means, ideal) > view.tolerance:
        return None
    return match_by_ideal("+".join(names), ideal, view, symmetry_order(ideal, view.tolerance))


def _blocks(view: View) -> list[Order]:
    linked = np.abs(view.means) > view.tolerance * np.diagonal(view.means).max()
    count, block = connected_components(csr_array(linked), directed=False)
    return [np.flatnonzero(block == b) for b in range(count)]


def _fill_pairs(ideal: Array, means: Array, pairs: Order) -> None:
    """Write a [[1, -1], [-1, 1]] for each pair of classes, with the scale a that is nearest to M."""
    i, j = pairs.T
    scale = np.mean(means[i, i] + means[j, j] - means[i, j] - means[j, i]) / 4
    ideal[i, i] = ideal[j, j] = scale
    ideal[i, j] = ideal[j, i] = -scale

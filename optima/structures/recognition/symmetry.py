"""The symmetry group of logits: class permutations that leave them unchanged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from optima.model import Array
from optima.structures.recognition.coloured import automorphism_count, automorphism_generators, colours_by_gaps

Permutation = NDArray[np.int64]


def symmetry_order(means: Array, tolerance: float) -> int:
    """Order of the largest group found whose mean over all images of M is within ``tolerance`` of M.

    The entries of M are grouped by gaps, from ``tolerance`` times the largest absolute entry down by
    halves, until the automorphisms of the coloured matrix leave M unchanged up to the tolerance, in the
    Frobenius norm relative to that of M.
    """
    gap = tolerance * float(np.abs(means).max())
    previous = -1
    while True:
        colours = colours_by_gaps(means, gap)
        if colours.max() != previous:
            previous = colours.max()
            generators = automorphism_generators(colours)
            if not generators:
                return 1
            if _is_symmetric(means, generators, tolerance):
                return automorphism_count(colours)
        gap /= 2


def _is_symmetric(means: Array, generators: Sequence[Permutation], tolerance: float) -> bool:
    # A matrix within the tolerance of its mean is within twice the tolerance of each of its images.
    if any(relative_distance(means, means[np.ix_(g, g)]) > 2 * tolerance for g in generators):
        return False
    return relative_distance(means, orbit_mean(means, generators)) <= tolerance


def exact_symmetry_order(means: Array) -> int:
    """Order of the symmetry group of logits known to rounding error."""
    return automorphism_count(colours_by_gaps(means, 1e-9 * float(np.abs(means).max())))


def relative_distance(means: Array, ideal: Array) -> float:
    """||M - ideal||_F / ||M||_F."""
    return float(np.linalg.norm(means - ideal) / np.linalg.norm(means))


def orbit_mean(means: Array, generators: Sequence[Permutation]) -> Array:
    """Mean of P M P^T over the group of the generators: entries averaged over their orbits."""
    K = len(means)
    entry = np.arange(K * K).reshape(K, K)
    images = np.concatenate([entry[np.ix_(g, g)].ravel() for g in generators])
    sources = np.tile(entry.ravel(), len(generators))
    links = coo_array((np.ones(images.size, dtype=np.int8), (sources, images)), shape=(K * K, K * K))
    orbit = connected_components(links, directed=False)[1]
    return (np.bincount(orbit, means.ravel()) / np.bincount(orbit))[orbit].reshape(K, K)


def generated_group(generators: Iterable[Permutation]) -> Permutation:
    """All elements of the group of at least one generator, shape (order, K); for small groups."""
    candidates = [tuple(g.tolist()) for g in generators]
    found = {tuple(range(len(candidates[0])))}
    steps: list[tuple[int, ...]] = []
    for candidate in candidates:
        if candidate not in found:
            steps.append(candidate)
            frontier = set(found)
            while frontier:
                frontier = {tuple(element[i] for i in step) for element in frontier for step in steps} - found
                found |= frontier
    return np.array(sorted(found))

"""Cyclic codes with a scale of their own for every frequency."""

from __future__ import annotations

from math import gcd

import numpy as np

from optima.model import Array
from optima.structures.recognition.match import Match, match_by_ideal
from optima.structures.recognition.symmetry import exact_symmetry_order, relative_distance
from optima.structures.recognition.view import Order, View, by_angle


def circulant_match(view: View) -> Match | None:
    r"""Logits a_1 cos(2 pi t_1 (i - j) / K) + a_2 cos(2 pi t_2 (i - j) / K) + ... in some class order, or None.

    Named ``cyclic-1+2-free`` by the frequencies t, the least up to a unit of Z_K. The class order is
    read off the eigenvectors of a frequency prime to K, whose eigenvalue must differ from all others by
    more than the tolerance. The logits nearest to M are its mean over rotations and reflections.
    """
    ideals = [_circulant_mean(view.means, by_angle(plane)) for plane in _isolated_planes(view)]
    distances = [relative_distance(view.means, ideal) for ideal, _ in ideals]
    if not distances or min(distances) > view.tolerance:
        return None
    ideal, row = ideals[int(np.argmin(distances))]
    weights = np.fft.rfft(row).real
    frequencies = np.flatnonzero(np.abs(weights) > view.tolerance * np.abs(weights).max()).tolist()
    if weights.min() < -view.tolerance * weights.max() or 0 in frequencies:
        return None
    name = "cyclic-" + "+".join(map(str, _least(frequencies, view.classes))) + "-free"
    return match_by_ideal(name, ideal, view, exact_symmetry_order(ideal))


def _isolated_planes(view: View) -> list[Array]:
    """Pairs of eigenvectors whose eigenvalues are equal, but to no other, largest first."""
    values, vectors = view.eigen
    starts = np.flatnonzero(np.concatenate([[True], np.diff(values) > view.tolerance * values[-1]]))
    sizes = np.diff(np.append(starts, values.size))
    return [vectors[:, start : start + 2] for start in starts[sizes == 2][::-1]]


def _circulant_mean(means: Array, order: Order) -> tuple[Array, Array]:
    """Mean of M over rotations and reflections of a class order, and its row in that order."""
    K = len(means)
    places = np.arange(K)
    steps = np.subtract.outer(places, places) % K
    totals = np.bincount(steps.ravel(), means[np.ix_(order, order)].ravel())
    row = (totals + totals[-places]) / (2 * K)
    mean = np.empty_like(means)
    mean[np.ix_(order, order)] = row[steps]
    return mean, row


def _least(frequencies: list[int], classes: int) -> tuple[int, ...]:
    """The least of the sets of frequencies that relabelling i -> u i turns these into."""
    units = (u for u in range(1, classes) if gcd(u, classes) == 1)
    images = ([u * k % classes for k in frequencies] for u in units)
    return min(tuple(sorted(min(k, classes - k) for k in image)) for image in images)

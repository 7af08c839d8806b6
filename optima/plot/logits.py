"""Heat maps of class-mean logits: everywhere the same order of classes and the same colours."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.cluster.hierarchy import leaves_list, linkage, optimal_leaf_ordering
from scipy.spatial.distance import squareform

from optima.model import Array
from optima.plot.code import COLOURS
from optima.structures.recognition.view import View

Order = NDArray[np.intp]

# From minus to plus the largest logit of a map; grey is zero.
SCALE = Normalize(-1, 1)
# Distances that vary by less than this share are equal: classes then keep their numbers.
NOISE = 0.02
# More classes have no labels; more than these have them upright, so that two digits do not meet.
LABELLED, LEVEL = 24, 9


def draw_logits(axes: Axes, means: Array, loss: str = "ce") -> None:
    """Heat map of M / max |M|, shape (K, K), in the order of :func:`class_order`; :func:`logit_bar` explains it."""
    order = class_order(means, loss)
    axes.imshow(means[np.ix_(order, order)] / (np.abs(means).max() or 1.0), cmap=COLOURS, norm=SCALE)
    axes.set(xlabel="class of the sample", ylabel="logit")
    ticks = [str(i) for i in order] if len(means) <= LABELLED else []
    axes.set_xticks(range(len(ticks)), ticks, fontsize=7, rotation=90 if len(means) > LEVEL else 0)
    axes.set_yticks(range(len(ticks)), ticks, fontsize=7)


def logit_bar(figure: Figure, maps: Sequence[Axes]) -> None:
    """The one colour bar of all maps of a figure."""
    bar = figure.colorbar(ScalarMappable(SCALE, COLOURS), ax=list(maps), shrink=0.75, pad=0.02, ticks=[-1, 0, 1])
    bar.set_label("mean logit / largest of the map")


def class_order(means: Array, loss: str = "ce") -> Order:
    """Classes without an antipode first, then antipodal pairs side by side; similar ones are neighbours among each.

    Of neighbouring pairs those classes come first that are closer to each other.
    """
    alone, order = View(means, NOISE, loss).pair_order
    similarity = (means + means.T) / 2
    single = order[:alone]
    single = single[_similar_together(similarity[np.ix_(single, single)])]
    pairs = order[alone:].reshape(-1, 2)
    first = pairs[:, 0]
    pairs = pairs[_similar_together(np.abs(similarity[np.ix_(first, first)]))]
    for before, pair in pairwise(pairs):
        if similarity[before[0], pair[0]] < similarity[before[0], pair[1]] - NOISE * np.abs(means).max():
            pair[:] = pair[::-1].copy()
    return np.concatenate([single, pairs.ravel()]).astype(np.intp)


def _similar_together(similarity: Array) -> Order:
    """An order in which neighbours are similar: optimal leaf ordering of a clustering."""
    if len(similarity) < 3:
        return np.arange(len(similarity))
    distance = similarity.max() - similarity
    np.fill_diagonal(distance, 0.0)
    condensed = squareform(distance, checks=False)
    if np.ptp(condensed) <= NOISE * np.abs(similarity).max():
        return np.arange(len(similarity))
    return np.asarray(leaves_list(optimal_leaf_ordering(linkage(condensed, "average"), condensed)), dtype=np.intp)

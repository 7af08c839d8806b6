"""The picture of a relu network: pre-activations and features, layer by layer, and the logits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable

from optima.model import Array
from optima.model.class_network import ClassNetwork
from optima.plot.code import COLOURS
from optima.plot.figure import Figure, defaults
from optima.plot.logits import LABELLED, SCALE, Order, class_order
from optima.plot.numbers import settings
from optima.scales.collapse_loss import collapse_loss

if TYPE_CHECKING:
    from optima.solution import Solution

# Size of an entry that counts as zero beside the largest of its map: those at a kink are zero up to rounding.
ZERO = 1e-9


@defaults
def plot_network(solution: Solution) -> Figure:
    """Maps of M_l above and of X_{l+1} = relu(M_l) below for each hidden layer, and of the logits Z.

    Classes have the same order in all maps, neurons one of their own in each layer; a map is in units of its largest
    entry, and entries that are exactly zero are crossed out.
    """
    network = solution.network
    if network is None:
        raise ValueError("the solution has no network; plot_solution draws its logits")
    hidden = network.layers[:-1]
    figure = Figure(figsize=(2.3 * (len(hidden) + 1) + 1.2, 5.4), layout="constrained")
    found = f"{solution.structure}, middle rank {network.middle_rank}, loss {solution.loss:.8g}{_below(solution)}"
    figure.suptitle(f"Best network known: {found}\n{settings(solution.problem)}", fontsize=10)
    axes = figure.subplots(2, len(hidden) + 1, squeeze=False)
    classes = class_order_of(network)
    for number, layer in enumerate(hidden):
        shown = layer[np.ix_(neuron_order(layer[:, classes]), classes)]
        before, after = network.ranks[number], network.feature_ranks[number]
        _draw(axes[0, number], shown, classes, f"$M_{{{number + 2}}}$, rank {before}")
        _draw(axes[1, number], np.maximum(shown, 0.0), classes, f"$X_{{{number + 2}}}$, rank {after}")
    axes[0, 0].set_ylabel("neuron, before the activation")
    axes[1, 0].set_ylabel("neuron, after it")
    _draw(axes[0, -1], network.logits[np.ix_(classes, classes)], classes, f"$Z$, rank {network.ranks[-1]}")
    axes[0, -1].set_xlabel("class")
    axes[1, -1].set_axis_off()
    for panel in axes[1, :-1]:
        panel.set_xlabel("class")
    bar = figure.colorbar(ScalarMappable(SCALE, COLOURS), ax=axes[1, -1], location="left", shrink=0.8, ticks=[-1, 0, 1])
    bar.set_label("entry / largest of the map\n× is exactly zero")
    return figure


def _draw(axes: Axes, layer: Array, classes: Order, title: str) -> None:
    largest = np.abs(layer).max() or 1.0
    axes.imshow(layer / largest, cmap=COLOURS, norm=SCALE, aspect="auto")
    rows, columns = np.nonzero(np.abs(layer) <= ZERO * largest)
    axes.scatter(columns, rows, marker="x", s=14, color="white", linewidths=0.8)
    axes.set_title(title, fontsize=9)
    labels = [str(number) for number in classes] if len(classes) <= LABELLED else []
    axes.set_xticks(range(len(labels)), labels, fontsize=7)
    axes.set_yticks([])


def class_order_of(network: ClassNetwork) -> Order:
    """Classes whose first features are alike side by side."""
    features = network.activated(network.layers[0])
    return class_order(features.T @ features, "mse")


def neuron_order(layer: Array) -> Order:
    """Neurons that are on for few classes first, and by the classes that they are on for."""
    on = layer > ZERO * np.abs(layer).max()
    keys = [*np.flip(-on.astype(int), axis=1).T, on.sum(axis=1)]
    return np.lexsort(keys).astype(np.intp)


def _below(solution: Solution) -> str:
    collapse = collapse_loss(solution.problem)
    if not collapse or solution.loss >= collapse * (1 - 1e-9):
        return ""
    return f", {100 * (1 - solution.loss / collapse):.3g} % below collapse"

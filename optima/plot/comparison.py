"""The picture of a comparison: a network's logits beside those of the best minimum known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from optima.network.comparison import BEST
from optima.plot.code import COLOURS
from optima.plot.figure import Figure, defaults
from optima.plot.logits import class_order
from optima.structures.recognition.exchange import exchanged

if TYPE_CHECKING:
    from optima.network.comparison import Comparison


@defaults
def plot_comparison(comparison: Comparison) -> Figure:
    """Two heat maps on one colour scale; the network's classes are in the order that is nearest to the minimum's."""
    best = comparison.best_means
    order = class_order(best, comparison.problem.loss)
    best = best[np.ix_(order, order)]
    own = exchanged(comparison.means, best, class_order(comparison.means, comparison.problem.loss))
    figure = Figure(figsize=(9.2, 4.6), layout="constrained")
    largest = max(float(np.abs(best).max()), float(np.abs(comparison.means).max())) or 1.0
    words = comparison.best_words.removeprefix("the ")
    panels = [
        (f"your network, loss {comparison.loss:.6g}", comparison.means[np.ix_(own, own)], own),
        (f"{words}: {comparison.best_structure}, loss {comparison.predicted[BEST]:.6g}", best, order),
    ]
    for number, (title, means, classes) in enumerate(panels, 1):
        axes = figure.add_subplot(1, 2, number)
        image = axes.imshow(means, cmap=COLOURS, vmin=-largest, vmax=largest)
        axes.set_title(title, fontsize=9)
        axes.set(xlabel="class of the sample", ylabel="logit", xticks=[], yticks=[])
        if len(means) <= 24:
            axes.set_xticks(range(len(means)), list(map(str, classes)), fontsize=7)
            axes.set_yticks(range(len(means)), list(map(str, classes)), fontsize=7)
    figure.colorbar(image, ax=figure.axes, shrink=0.8, label="mean logit")
    return figure

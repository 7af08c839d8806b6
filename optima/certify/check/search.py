"""The bound that a tree of boxes with multipliers proves."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from optima.certify.check.arithmetic import Numbers
from optima.certify.check.boxes import MOST_CLASSES, Boxes
from optima.certify.check.instance import Instance
from optima.certify.check.leaves import Leaves
from optima.certify.check.verification import Refuted
from optima.model import Array, DeepUFM

# Bounds (N,) of boxes from their corners and multipliers.
Bounds = Callable[[Array, Array, Array], Array]


def tree_bound(problem: DeepUFM, wanted: float, data: dict[str, Array], numbers: Numbers) -> float:
    """Least bound of the leaves of the tree in ``data``; work beyond ``wanted`` is spared."""
    missing = {"form", "top"} - set(data)
    if missing:
        raise Refuted(f"the data lack {', '.join(sorted(missing))}")
    instance = _instance(problem, data["form"], numbers)
    top = float(data["top"])
    if not 0 < top < np.inf:
        raise Refuted(f"the box of all matrices ends at {top}")
    # Outside the first box the penalty alone reaches this.
    outside = numbers.low(instance.strength * numbers.number(top))
    if outside < wanted:
        raise Refuted(f"the box of all matrices is too small: beyond it the loss may be as low as {outside:.12g}")
    boxes = Boxes.of(instance, top, data)
    return min(outside, _least(boxes, _bounds(instance, numbers), wanted))


def _instance(problem: DeepUFM, form: Array, numbers: Numbers) -> Instance:
    form = np.asarray(form, dtype=float)
    classes = int(form[0]) if form.ndim == 1 and form.size and np.isfinite(form[0]) else 0
    if not 2 <= classes <= MOST_CLASSES:
        raise Refuted(f"the search is over {classes} classes instead of 2 to {MOST_CLASSES}")
    own = Instance.of(problem, numbers)
    instance = own if classes == own.classes else own.subsample(classes, numbers)
    if not instance.matches(form):
        raise Refuted("the form searched is not that of the problem")
    return instance


def _bounds(instance: Instance, numbers: Numbers) -> Bounds:
    return Leaves(instance).bounds


def _least(boxes: Boxes, bounds: Bounds, wanted: float) -> float:
    """Least bound of the leaves; one below ``wanted`` has the bounds of the boxes around it, too."""
    nodes = boxes.leaf
    value = bounds(boxes.low[nodes], boxes.high[nodes], boxes.multiplier[nodes])
    least = float(value[value >= wanted].min(initial=np.inf))
    value, nodes = value[value < wanted], nodes[value < wanted]
    while nodes.size:
        # A box above one that is low: its bound holds for all its parts.
        around = boxes.parent[nodes]
        least = min(least, float(value[around < 0].min(initial=np.inf)))
        value, around = value[around >= 0], around[around >= 0]
        nodes, part = np.unique(around, return_inverse=True)
        below = np.full(nodes.size, np.inf)
        np.minimum.at(below, part, value)
        value = np.maximum(below, bounds(boxes.low[nodes], boxes.high[nodes], boxes.multiplier[nodes]))
        least = min(least, float(value[value >= wanted].min(initial=np.inf)))
        value, nodes = value[value < wanted], nodes[value < wanted]
    return least

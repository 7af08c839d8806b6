"""The bound that a tree of boxes with multipliers proves."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from optima.checker.arithmetic import Balls, Numbers
from optima.checker.ball_leaves import BallLeaves
from optima.checker.boxes import MOST_CLASSES, Boxes, Tree, thinnest
from optima.checker.instance import Instance
from optima.checker.leaves import Leaves
from optima.checker.lines import line_bounds
from optima.checker.neighbourhood import Neighbourhoods
from optima.checker.planes import plane_bounds
from optima.checker.verification import Refuted
from optima.model import Array, DeepUFM

# Bounds (N,) of boxes with multipliers.
Bounds = Callable[[Boxes, Array], Array]
# Classes whose boxes are bounded in balls.
MOST_IN_BALLS = 3
# Relative rounding of the ends of boxes that a largest sum of t cuts off.
END_ROUNDING = 4e-15


def tree_bound(
    problem: DeepUFM, wanted: float, data: dict[str, Array], numbers: Numbers, one_order: bool = False
) -> float:
    """Least bound of the leaves of the tree in ``data``; work beyond ``wanted`` is spared.

    ``one_order`` says that other orders of four classes that do not count alike have trees of their own.
    """
    missing = {"form", "top"} - set(data)
    if missing:
        raise Refuted(f"the data lack {', '.join(sorted(missing))}")
    instance = _instance(problem, data["form"], data.get("classes"), numbers)
    top = float(np.asarray(data["top"], dtype=float).max(initial=0.0))
    if not 0 < top < np.inf:
        raise Refuted(f"the box of all matrices ends at {top}")
    # Outside the boxes the penalty alone reaches this.
    outside = numbers.low(instance.strength * numbers.number(top * (1 - END_ROUNDING)))
    if outside < wanted:
        raise Refuted(f"the box of all matrices is too small: beyond it the loss may be as low as {outside:.12g}")
    tree = Tree.of(instance, top, thinnest(instance, numbers), data, one_order)
    return min(outside, _least(tree, _bounds(instance, numbers, data, wanted), wanted))


def _instance(problem: DeepUFM, form: Array, chosen: Array | None, numbers: Numbers) -> Instance:
    form = np.asarray(form, dtype=float)
    classes = int(form[0]) if form.ndim == 1 and form.size and np.isfinite(form[0]) else 0
    if not 2 <= classes <= MOST_CLASSES:
        raise Refuted(f"the search is over {classes} classes instead of 2 to {MOST_CLASSES}")
    own = Instance.of(problem, numbers)
    if chosen is not None:
        own = own.restrict([int(c) for c in np.ravel(chosen)])
    instance = own if classes == own.classes else own.subsample(classes, numbers)
    if not instance.matches(form):
        raise Refuted("the form searched is not that of the problem")
    return instance


def _bounds(instance: Instance, numbers: Numbers, data: dict[str, Array], wanted: float) -> Bounds:
    """Bounds of boxes by their multipliers, and by the neighbourhoods in the data."""
    if isinstance(numbers, Balls):
        if instance.classes > MOST_IN_BALLS:
            raise Refuted(f"a search over {instance.classes} classes is checked in floating point only")
        by_multiplier: Bounds = BallLeaves(instance, numbers).bounds
    else:
        by_multiplier = _by_leaves(Leaves(instance))
    near = Neighbourhoods.of(instance, numbers, data)
    if near is None:
        return by_multiplier
    return lambda boxes, D: near.raised(boxes, by_multiplier(boxes, D), wanted)


def _by_leaves(leaves: Leaves) -> Bounds:
    """Bounds by multipliers that stay, and in space by those that turn with the plane and by logits near lines."""
    if leaves.instance.order < 3:
        return leaves.bounds

    def bounds(boxes: Boxes, D: Array) -> Array:
        turning = np.fmax(plane_bounds(leaves, boxes.low, boxes.high, D), line_bounds(leaves.instance, boxes))
        return np.fmax(leaves.bounds(boxes, D), turning)

    return bounds


def _least(tree: Tree, bounds: Bounds, wanted: float) -> float:
    """Least bound of the leaves; one below ``wanted`` has the bounds of the boxes around it, too."""

    def known(nodes: NDArray[np.int64]) -> Array:
        value = bounds(tree.boxes[nodes], tree.multiplier[nodes])
        return np.where(np.isnan(value), -np.inf, value)

    nodes = tree.leaf
    value = known(nodes)
    least = float(value[value >= wanted].min(initial=np.inf))
    value, nodes = value[value < wanted], nodes[value < wanted]
    while nodes.size:
        # A box above one that is low: its bound holds for all its parts.
        around = tree.parent[nodes]
        least = min(least, float(value[around < 0].min(initial=np.inf)))
        value, around = value[around >= 0], around[around >= 0]
        nodes, part = np.unique(around, return_inverse=True)
        below = np.full(nodes.size, np.inf)
        np.minimum.at(below, part, value)
        value = np.maximum(below, known(nodes))
        least = min(least, float(value[value >= wanted].min(initial=np.inf)))
        value, nodes = value[value < wanted], nodes[value < wanted]
    return least

"""The bound of four classes of several sizes: a tree of boxes for every order of the sizes.

A relabelling brings the direction of u_1, or of u_3, of every matrix into 1 >= a >= b >= 0, where the boxes are; what
it makes of the problem has the sizes in another order. Source: derivations/relabelled_boxes.py.
"""

from __future__ import annotations

import itertools

import numpy as np

from optima.checker.arithmetic import Numbers
from optima.checker.parts import parts_of
from optima.checker.tree_bound import tree_bound
from optima.checker.verification import Refuted
from optima.model import Array, DeepUFM

CLASSES = 4


def relabelled_boxes(problem: DeepUFM, wanted: float, data: dict[str, Array], numbers: Numbers) -> float:
    """Least bound of all trees; what belongs to the i-th has the ending _i in ``data``."""
    if problem.classes != CLASSES:
        raise Refuted(f"the orders of the classes are searched for four of them, not for {problem.classes}")
    parts = list(parts_of(data))
    sizes = [int(n) for n in problem.class_sizes]
    searched = {tuple(sizes[c] for c in _order(part)) for part in parts}
    missing = set(itertools.permutations(sizes)) - searched
    if missing:
        raise Refuted(f"there are no boxes for classes of the sizes {min(missing)} in this order")
    return min(tree_bound(problem, wanted, part, numbers, one_order=True) for part in parts)


def _order(part: dict[str, Array]) -> list[int]:
    """The order of the classes of one tree, which must be all of them."""
    order = [int(c) for c in np.ravel(part.get("classes", np.zeros(0)))]
    if sorted(order) != list(range(CLASSES)):
        raise Refuted("the classes of a tree are not all four, each once")
    return order

"""The tree of boxes of a branch and bound: that its leaves cover the root, and their corners.

A box holds the matrices M = sum_i t_i^(L+1) u_i u_i^T with t_1 >= ... >= t_m and directions u within ranges of the
coordinates: (t_1) for two classes, (t_1, t_2, theta) for three, (t_1, t_2, t_3, a, b, psi, chart) for four. There the
lower half of chart has u_1 along (1, a, b) and the matrices with lambda_1 - lambda_2 >= lambda_2 - lambda_3, the upper
half u_3 along it and the others; a box across both holds all matrices, with u_1 along (1, a, b).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optima.checker.arithmetic import Numbers
from optima.checker.instance import Instance
from optima.checker.verification import Refuted
from optima.model import Array

# Classes whose matrices are searched.
MOST_CLASSES = 4
# Relative rounding of eigenvalues, within which a matrix belongs into both halves of chart.
CHART_ROUNDING = 1e-9


@dataclass(frozen=True)
class Boxes:
    """Boxes of matrices: corners ``low``, ``high`` (N, d), a lower bound ``spent`` of sum t_i, and which are empty."""

    low: Array
    high: Array
    spent: Array
    empty: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.low)

    def __getitem__(self, rows: NDArray) -> Boxes:
        return Boxes(self.low[rows], self.high[rows], self.spent[rows], self.empty[rows])


@dataclass(frozen=True)
class Tree:
    """All boxes of a tree, their multipliers (N, m, m) and parents (N,), and which are leaves."""

    boxes: Boxes
    multiplier: Array
    parent: NDArray[np.int64]
    leaf: NDArray[np.int64]

    @classmethod
    def of(cls, instance: Instance, top: float, thin: float, data: dict[str, Array], one_order: bool = False) -> Tree:
        """The tree in ``data``; raises Refuted when its leaves do not cover every matrix that matters.

        With ``one_order`` that is every matrix whose directions relabelling puts into this order of the classes.
        """
        low, high = root(instance, top, one_order)
        axis, child, multiplier = _checked(data, instance.order, low.size)
        parent = _parents(axis, child)
        N = axis.size
        boxes = Boxes(np.tile(low, (N, 1)), np.tile(high, (N, 1)), np.zeros(N), np.zeros(N, dtype=bool))
        nodes = np.zeros(1, dtype=np.int64)
        while True:
            _cut(boxes, nodes, instance, top, thin)
            nodes = nodes[axis[nodes] >= 0]
            if not nodes.size:
                return cls(boxes, multiplier, parent, np.flatnonzero(axis < 0))
            split, first = axis[nodes], child[nodes]
            middle = 0.5 * (boxes.low[nodes, split] + boxes.high[nodes, split])
            for half in (first, first + 1):
                for array in (boxes.low, boxes.high, boxes.spent, boxes.empty):
                    array[half] = array[nodes]
            boxes.high[first, split] = middle
            boxes.low[first + 1, split] = middle
            nodes = np.concatenate([first, first + 1])


def vertices(low: Array, high: Array) -> Iterator[tuple[Array, NDArray[np.bool_]]]:
    """Points t (N, m) among which are the vertices of {low <= t <= high, t_1 >= ... >= t_m}, and which are inside.

    At a vertex the coordinates fall into runs of equal ones, each at the least or the largest value of its run.
    """
    m = low.shape[1]
    for cuts in itertools.product((False, True), repeat=m - 1):
        edges = [0, *(i + 1 for i, cut in enumerate(cuts) if cut), m]
        runs = list(itertools.pairwise(edges))
        ends = [(low[:, i:j].max(axis=1), high[:, i:j].min(axis=1)) for i, j in runs]
        for chosen in itertools.product((0, 1), repeat=len(runs)):
            values = [end[which] for end, which in zip(ends, chosen, strict=True)]
            t = np.stack([value for value, (i, j) in zip(values, runs, strict=True) for _ in range(i, j)], axis=1)
            inside = np.all((low <= t) & (t <= high), axis=1) & np.all(t[:, 1:] <= t[:, :-1], axis=1)
            yield t, np.asarray(inside)


def thinnest(instance: Instance, numbers: Numbers) -> float:
    r"""t up to which a singular value is better dropped.

    .. math:: c\, t \ge A\, t^{(L+1)/2} \iff t \le (c / A)^{2/(L-1)}, \qquad A^2 = 2 \sum_c w_c^2 / \nu_c

    The gradient of the fit has at most the norm A, so dropping a singular value s raises it by at most A s.
    """
    if instance.depth == 1:
        return 0.0
    square = sum(w * w / n for w, n in zip(instance.weight, instance.count, strict=True)) * 2
    ratio = instance.strength / numbers.power(square, numbers.ratio(1, 2))
    return numbers.low(numbers.power(ratio, numbers.ratio(2, instance.depth - 1)))


def _cut(boxes: Boxes, nodes: NDArray[np.int64], instance: Instance, top: float, thin: float) -> None:
    """Cut boxes down, in place, to what may hold the best: t ordered, their sum at most top, none thin; a >= b."""
    order = instance.order
    low, high = boxes.low[nodes], boxes.high[nodes]
    t, most = low[:, :order], high[:, :order]
    t[:] = np.maximum.accumulate(t[:, ::-1], axis=1)[:, ::-1]
    most[:] = np.minimum.accumulate(most, axis=1)
    empty = boxes.empty[nodes] | np.any(most < t, axis=1)
    total = t.sum(axis=1)
    most[:] = np.maximum(np.minimum(most, top - (total[:, None] - t)), t)
    if order == 3:
        low[:, 3] = np.maximum(low[:, 3], low[:, 4])
        high[:, 4] = np.minimum(high[:, 4], high[:, 3])
        empty |= np.any(high[:, 3:5] < low[:, 3:5], axis=1) | _of_other_chart(low, high, instance.depth)
    # The t are ordered, so those that are thin are the last ones.
    dropped = most <= thin
    t[dropped] = most[dropped] = 0.0
    boxes.low[nodes], boxes.high[nodes], boxes.empty[nodes] = low, high, empty
    boxes.spent[nodes] = np.maximum(boxes.spent[nodes], total)


def about_third(low: Array) -> NDArray[np.bool_]:
    """Which boxes of four classes have u_3 along (1, a, b)."""
    return np.asarray(low[:, 6] >= 0.5)


def _of_other_chart(low: Array, high: Array, depth: int) -> NDArray[np.bool_]:
    """Boxes whose matrices, beyond rounding, all belong into the other half of chart."""
    least, most = (t[:, :3] ** (depth + 1) for t in (low, high))
    slack = CHART_ROUNDING * most[:, 0]
    third = most[:, 0] + most[:, 2] - 2 * least[:, 1] < -slack
    first = least[:, 0] + least[:, 2] - 2 * most[:, 1] > slack
    return np.where(about_third(low), first, third & (high[:, 6] <= 0.5))


def root(instance: Instance, top: float, one_order: bool = False) -> tuple[Array, Array]:
    """Corners of the box of all matrices, up to relabelling and signs, with sum t_i <= top."""
    m = instance.order
    high = [top / (i + 1) if i < instance.max_rank else 0.0 for i in range(m)]
    if m == 2:
        high.append(np.pi / 6 if instance.balanced else np.pi)
    if m == 3:
        if not (instance.balanced or one_order):
            raise Refuted("four classes are searched only when they are balanced")
        high += [1.0, 1.0, np.pi, 1.0]
    return np.zeros(len(high)), np.array(high)


def _checked(data: dict[str, Array], order: int, coordinates: int) -> tuple[NDArray, NDArray, Array]:
    missing = {"axis", "child", "multiplier"} - set(data)
    if missing:
        raise Refuted(f"the data lack {', '.join(sorted(missing))}")
    axis, child = (np.asarray(data[name], dtype=np.int64) for name in ("axis", "child"))
    multiplier = np.asarray(data["multiplier"], dtype=np.float64)
    if axis.ndim != 1 or not axis.size or child.shape != axis.shape:
        raise Refuted("axis and child are not two lists of one length")
    if multiplier.shape != (axis.size, order, order):
        raise Refuted(f"the multipliers have shape {multiplier.shape} instead of {(axis.size, order, order)}")
    if axis.min() < -1 or axis.max() >= coordinates:
        raise Refuted("a box is split along a coordinate that does not exist")
    return axis, child, multiplier


def _parents(axis: NDArray, child: NDArray) -> NDArray[np.int64]:
    """Parent of each node (-1 for the root); every other node must be the half of exactly one earlier node."""
    inner = np.flatnonzero(axis >= 0)
    halves = np.concatenate([child[inner], child[inner] + 1])
    if not np.array_equal(np.sort(halves), np.arange(1, axis.size)):
        raise Refuted("the boxes do not form a binary tree: some half is missing, or there twice")
    if (child[inner] <= inner).any():
        raise Refuted("the boxes do not form a binary tree: a half comes before the whole")
    parent = np.full(axis.size, -1, dtype=np.int64)
    parent[child[inner]] = parent[child[inner] + 1] = inner
    return parent

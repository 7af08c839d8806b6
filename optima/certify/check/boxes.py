"""The tree of boxes of a branch and bound: that its leaves cover the root, and their corners.

A box holds the matrices M = sum_i t_i^(L+1) u_i u_i^T with t_1 >= ... >= t_m and directions u within ranges of the
coordinates: (t_1) for two classes, (t_1, t_2, theta) for three, (t_1, t_2, t_3, a, b, psi) for four.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optima.certify.check.instance import Instance
from optima.certify.check.verification import Refuted
from optima.model import Array

# Classes whose matrices are searched.
MOST_CLASSES = 4


@dataclass(frozen=True)
class Boxes:
    """Corners ``low``, ``high`` (N, d) of all nodes, their multipliers (N, m, m) and parents (N,), and the leaves."""

    low: Array
    high: Array
    multiplier: Array
    parent: NDArray[np.int64]
    leaf: NDArray[np.int64]

    @classmethod
    def of(cls, instance: Instance, top: float, data: dict[str, Array]) -> Boxes:
        """The boxes of a tree; raises Refuted when its leaves do not cover every matrix that matters."""
        low, high = root(instance, top)
        axis, child, multiplier = _checked(data, instance.order, low.size)
        parent = _parents(axis, child)
        lows, highs = np.tile(low, (axis.size, 1)), np.tile(high, (axis.size, 1))
        nodes = np.zeros(1, dtype=np.int64)
        while (nodes := nodes[axis[nodes] >= 0]).size:
            split, first = axis[nodes], child[nodes]
            middle = 0.5 * (lows[nodes, split] + highs[nodes, split])
            for half in (first, first + 1):
                lows[half], highs[half] = lows[nodes], highs[nodes]
            highs[first, split] = middle
            lows[first + 1, split] = middle
            nodes = np.concatenate([first, first + 1])
        return cls(lows, highs, multiplier, parent, np.flatnonzero(axis < 0))


def root(instance: Instance, top: float) -> tuple[Array, Array]:
    """Corners of the box of all matrices, up to relabelling and signs, with sum t_i <= top."""
    m = instance.order
    high = [top / (i + 1) if i < instance.max_rank else 0.0 for i in range(m)]
    if m == 2:
        high.append(np.pi / 6 if instance.balanced else np.pi)
    if m == 3:
        if not instance.balanced:
            raise Refuted("four classes are searched only when they are balanced")
        high += [1.0, 1.0, np.pi]
    return np.zeros(len(high)), np.array(high)


def ordered(low: Array, high: Array, order: int) -> tuple[Array, Array]:
    """The same boxes, cut down to what t_1 >= ... >= t_m leaves of them."""
    low, high = low.copy(), high.copy()
    low[:, :order] = np.maximum.accumulate(low[:, order - 1 :: -1], axis=1)[:, ::-1]
    high[:, :order] = np.minimum.accumulate(high[:, :order], axis=1)
    return low, high


def empty(low: Array, high: Array, order: int) -> NDArray[np.bool_]:
    """Ordered boxes without a matrix: a range of t is empty, or a < b."""
    nothing = (high[:, :order] < low[:, :order]).any(axis=1)
    return nothing | (high[:, 3] < low[:, 4]) if order == 3 else nothing


def _checked(data: dict[str, Array], order: int, coordinates: int) -> tuple[NDArray, NDArray, Array]:
    missing = {"axis", "child", "multiplier"} - set(data)
    if missing:
        raise Refuted(f"the data lack {', '.join(sorted(missing))}")
    axis, child = data["axis"].astype(np.int64), data["child"].astype(np.int64)
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

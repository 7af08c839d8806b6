"""The boxes of a branch and bound as a binary tree, compact enough to be kept with a certificate."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from optima.model import Array


class Tree:
    """Nodes in the order in which they were made; node 0 is the root, and every box is split at its middle.

    ``axis`` is the coordinate along which a node was split (-1: a leaf), ``child`` its lower half (the upper one is
    the next node), ``multiplier`` its D, nan where it was closed without one.
    """

    def __init__(self, order: int) -> None:
        self._axis = np.full(1, -1, dtype=np.int8)
        self._child = np.full(1, -1, dtype=np.int64)
        self._multiplier = np.full((1, order, order), np.nan, dtype=np.float64)
        self._size = 1

    def __len__(self) -> int:
        return self._size

    @property
    def axis(self) -> NDArray[np.int8]:
        """Coordinate split, shape (nodes,)."""
        return self._axis[: self._size]

    @property
    def child(self) -> NDArray[np.int64]:
        """Lower half, shape (nodes,)."""
        return self._child[: self._size]

    @property
    def multiplier(self) -> NDArray[np.float64]:
        """D, shape (nodes, m, m)."""
        return self._multiplier[: self._size]

    def split(self, nodes: NDArray[np.int64], axis: NDArray) -> NDArray[np.int64]:
        """Give each of the nodes two children; returns the lower ones."""
        first = self._size + 2 * np.arange(nodes.size)
        self._grow(self._size + 2 * nodes.size)
        self._axis[nodes], self._child[nodes] = axis, first
        return first

    def forget(self, size: int, leaves: NDArray[np.int64]) -> None:
        """Undo splits: only the first ``size`` nodes remain, and ``leaves`` are leaves again."""
        self._size = size
        self._axis[leaves], self._child[leaves] = -1, -1
        self._axis[size:], self._child[size:], self._multiplier[size:] = -1, -1, np.nan

    def arrays(self) -> dict[str, NDArray]:
        """The tree as arrays."""
        return {"axis": self.axis, "child": self.child, "multiplier": self.multiplier}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray]) -> Tree:
        """The tree of :meth:`arrays`."""
        tree = cls(arrays["multiplier"].shape[1])
        tree._axis, tree._child, tree._multiplier = (arrays[name] for name in ("axis", "child", "multiplier"))
        tree._size = tree._axis.size
        return tree

    def fits(self, other: Tree) -> bool:
        """Whether the arrays are of the kinds and shapes of another tree, and every child is a node."""
        pairs: list[tuple[NDArray, NDArray]] = [
            (self._axis, other._axis),
            (self._child, other._child),
            (self._multiplier, other._multiplier),
        ]
        alike = all(a.dtype == b.dtype and a.shape == (self._size, *b.shape[1:]) for a, b in pairs)
        return alike and bool(np.all((self._child >= -1) & (self._child + 1 < self._size)))

    def record(self, nodes: NDArray[np.int64], D: Array) -> None:
        """Keep the multipliers of the nodes."""
        self._multiplier[nodes] = D

    def _grow(self, size: int) -> None:
        if size > self._axis.size:
            room = max(size, 2 * self._axis.size) - self._axis.size
            self._axis = np.concatenate([self._axis, np.full(room, -1, dtype=np.int8)])
            self._child = np.concatenate([self._child, np.full(room, -1, dtype=np.int64)])
            extra = np.full((room, *self._multiplier.shape[1:]), np.nan, dtype=np.float64)
            self._multiplier = np.concatenate([self._multiplier, extra])
        self._size = size

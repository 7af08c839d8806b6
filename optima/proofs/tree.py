"""The boxes of a search as a binary tree, compact enough to be kept with a certificate."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray


class Tree:
    """Nodes in the order in which they were made; node 0 is the root, or the first ``roots`` nodes are.

    ``axis`` is the coordinate along which a node was split (-1: a leaf), ``child`` its lower half (the upper one is
    the next node). What else is kept of each node is given by name, as arrays (1, ...) that say nothing yet. The arrays
    have room for more nodes.
    """

    def __init__(self, kind: type[np.signedinteger], roots: int = 1, **more: NDArray) -> None:
        self._nothing = {"axis": np.full(1, -1, dtype=kind), "child": np.full(1, -1, dtype=np.int64), **more}
        self._room = {name: np.repeat(array, roots, axis=0) for name, array in self._nothing.items()}
        self._size = roots

    def __len__(self) -> int:
        return self._size

    def split(self, nodes: NDArray[np.int64], axis: NDArray) -> NDArray[np.int64]:
        """Give each of the nodes two children; returns the lower ones."""
        first = self._size + 2 * np.arange(nodes.size)
        self._grow(self._size + 2 * nodes.size)
        self.record(nodes, axis=axis, child=first)
        return first

    def forget(self, size: int, leaves: NDArray[np.int64]) -> None:
        """Undo splits: only the first ``size`` nodes remain, and ``leaves`` are leaves again."""
        self._size = size
        self.record(leaves, axis=self._nothing["axis"], child=self._nothing["child"])
        for name, array in self._room.items():
            array[size:] = self._nothing[name]

    def record(self, nodes: NDArray[np.int64], **known: NDArray) -> None:
        """Keep what is known of the nodes."""
        for name, array in known.items():
            self._room[name][nodes] = array

    def arrays(self) -> dict[str, NDArray]:
        """The tree as arrays (nodes, ...)."""
        return {name: array[: self._size] for name, array in self._room.items()}

    def restore(self, arrays: Mapping[str, NDArray]) -> None:
        """Become the tree of :meth:`arrays`. Raises ValueError unless they are of its kinds, and children are nodes."""
        room = {name: arrays[name] for name in self._nothing}
        child = room["child"]
        pairs = [(array, self._nothing[name]) for name, array in room.items()]
        alike = all(a.dtype == b.dtype and a.shape == (child.size, *b.shape[1:]) for a, b in pairs)
        if not (alike and np.all((child >= -1) & (child + 1 < child.size))):
            raise ValueError("the arrays are those of another tree")
        self._room, self._size = room, child.size

    def _grow(self, size: int) -> None:
        held = self._room["axis"].size
        if size > held:
            more = max(size, 2 * held) - held
            self._room = {
                name: np.concatenate([array, np.repeat(self._nothing[name], more, axis=0)])
                for name, array in self._room.items()
            }
        self._size = size

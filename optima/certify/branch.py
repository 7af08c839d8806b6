"""Branch and bound over boxes of matrices: a lower bound on the global minimum that holds wherever it stops."""

from __future__ import annotations

import os
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from optima.certify.dual import FitDual
from optima.certify.tree import Tree
from optima.model import Array

# Boxes bounded together.
BATCH = 4096
# Newton steps on D for a box, from the D of its parent; the first box gets more.
IMPROVE, FIRST = 12, 60
# Times that the linearisation is moved towards the matrix where the bound of a box is attained.
ROUNDS = 2


class Boxes(Protocol):
    """What a parametrisation of the matrices M offers to the search; ``low`` and ``high`` have shape (N, d)."""

    @property
    def top(self) -> float:
        """Largest sum of t in the first box."""

    def root(self) -> tuple[Array, Array]:
        """Lower and upper corner of the first box."""

    def empty(self, low: Array, high: Array) -> NDArray[np.bool_]:
        """Boxes that need not be searched."""

    def least_penalty(self, low: Array) -> Array:
        """Lower bound of the penalty on boxes."""

    def reduced(self, low: Array, high: Array) -> tuple[Array, Array]:
        """Smaller boxes with the same minimum."""

    def root_of_middle(self, low: Array, high: Array) -> Array:
        """S (N, m, m), invertible, with S S^T the matrix M at which a box is linearised."""

    def least(self, D: Array, low: Array, high: Array) -> Array:
        """Lower bound of penalty - <D, M> on boxes."""

    def worst(self, D: Array, low: Array, high: Array) -> Array:
        """About the matrices (N, m, m) at which the bounds of boxes are attained."""

    def looseness(self, D: Array, low: Array, high: Array) -> Array:
        """How much each coordinate loosens the bound, shape (N, d)."""

    def lines(self, high: Array) -> NDArray[np.bool_]:
        """Boxes of rank one, which :meth:`line_bound` is for."""

    @property
    def zero_value(self) -> float:
        """Loss of zero."""

    def points(self, high: Array) -> NDArray[np.bool_]:
        """Boxes that hold zero only."""

    def line_bound(self, low: Array, high: Array) -> tuple[Array, Array, Array]:
        """Bounds (N,), multipliers (N, m, m) and looseness (N, d) of such boxes."""


@dataclass
class Open:
    """Boxes still to be split: nodes in the tree, corners, E, inner points, lower bounds, and where to split."""

    node: NDArray[np.int64]
    low: Array
    high: Array
    E: Array
    x: Array
    bound: Array
    axis: NDArray[np.int64]

    def take(self, rows: NDArray) -> Open:
        """Some of them."""
        return Open(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))

    def join(self, other: Open) -> Open:
        """Both."""
        return Open(*(np.concatenate([getattr(self, n), getattr(other, n)]) for n in self.__dataclass_fields__))


class BranchAndBound:
    """Best-first search for a proof that no matrix is better than ``target``.

    A box is closed when it is empty, or when its bound

        max(parent's bound, phi(D) + min over the box of [penalty - <D, M>], least penalty)

    reaches the target; otherwise it is split in the middle of its loosest coordinate. ``bound`` is the least bound
    of all boxes, open or closed, capped by the target: valid at any time.
    """

    def __init__(self, boxes: Boxes, dual: FitDual, target: float) -> None:
        self.boxes, self.dual, self.target = boxes, dual, target
        low, high = (corner[None] for corner in boxes.root())
        C, m = dual.rival.shape[0], dual.rival.shape[2]
        self.tree = Tree(m)
        self.visited, self.seconds = 0, 0.0
        node, bound = np.zeros(1, dtype=np.int64), np.full(1, -np.inf)
        self.open = Open(node, low, high, np.eye(m)[None], np.zeros((1, C, m)), bound, node)
        self.open = self._bounded(self.open, FIRST)

    @property
    def bound(self) -> float:
        """Lower bound of the minimum, at most the target."""
        return min(self.target, float(self.open.bound.min(initial=np.inf)))

    @property
    def done(self) -> bool:
        """Whether the target has been proved."""
        return not self.open.node.size

    def run(
        self,
        seconds: float,
        most_boxes: float = np.inf,
        progress: Callable[[BranchAndBound], None] = lambda search: None,
    ) -> None:
        """Split boxes until the target is proved, the time is over or the tree has ``most_boxes`` nodes."""
        before, start = self.seconds, time.perf_counter()
        while not self.done and self.seconds - before < seconds and len(self.tree) < most_boxes:
            size, chosen = len(self.tree), self._choose()
            try:
                self._split(chosen)
            except BaseException:
                # An interrupt leaves the search as it was before the step.
                self.tree.forget(size, self.open.node)
                raise
            self.seconds = before + time.perf_counter() - start
            progress(self)

    def _choose(self) -> NDArray[np.bool_]:
        """The boxes with the smallest bounds."""
        chosen = np.ones(self.open.node.size, dtype=bool)
        if chosen.size > BATCH:
            chosen[:] = False
            chosen[np.argpartition(self.open.bound, BATCH)[:BATCH]] = True
        return chosen

    def _split(self, chosen: NDArray[np.bool_]) -> None:
        parent = self.open.take(chosen)
        rows = np.arange(parent.node.size)
        axis = parent.axis
        middle = 0.5 * (parent.low[rows, axis] + parent.high[rows, axis])
        child = self.tree.split(parent.node, axis)
        lower, upper = parent.take(rows), parent.take(rows)
        lower.high[rows, axis] = middle
        upper.low[rows, axis] = middle
        lower.node, upper.node = child, child + 1
        both = lower.join(upper)
        kept = ~self.boxes.empty(both.low, both.high) & (self.boxes.least_penalty(both.low) < self.target)
        both = both.take(kept)
        both.low, both.high = self.boxes.reduced(both.low, both.high)
        bounded = self._bounded(both, IMPROVE)
        self.open = self.open.take(~chosen).join(bounded)

    def _bounded(self, boxes: Open, steps: int) -> Open:
        """The boxes with their bounds, less those that are closed."""
        if not boxes.node.size:
            return boxes
        S = self.boxes.root_of_middle(boxes.low, boxes.high)
        inverse: Array = np.linalg.inv(S).astype(float)
        E, x = self.dual.improve(S, boxes.E, boxes.x, steps)
        E, x, D, new = self._at(boxes, S, inverse, E, x)
        mean = np.broadcast_to(np.eye(E.shape[1]), E.shape).copy()
        for turn in range(ROUNDS):
            rows = np.flatnonzero(new < self.target)
            if not rows.size:
                break
            part, to, back = boxes.take(rows), S[rows], inverse[rows]
            worst = back @ self.boxes.worst(D[rows], part.low, part.high) @ np.swapaxes(back, 1, 2)
            mean[rows] += (worst - mean[rows]) / (turn + 2)
            trial = self._at(part, to, back, *self.dual.improve(to, E[rows], x[rows], IMPROVE, mean[rows]))
            up = trial[3] > new[rows]
            for kept, found in zip((E, x, D, new), trial, strict=True):
                kept[rows[up]] = found[up]
        looseness = self.boxes.looseness(D, boxes.low, boxes.high)
        self._bound_lines(boxes, D, new, looseness)
        new[self.boxes.points(boxes.high)] = self.boxes.zero_value
        bound = np.maximum(boxes.bound, np.where(np.isfinite(new), new, -np.inf))
        self.tree.record(boxes.node, D)
        self.visited += boxes.node.size
        done = Open(boxes.node, boxes.low, boxes.high, E, x, bound, np.argmax(looseness, axis=1))
        return done.take(bound < self.target)

    def _at(self, boxes: Open, S: Array, inverse: Array, E: Array, x: Array) -> tuple[Array, Array, Array, Array]:
        """E, the inner points, D and the bound of each box at E."""
        phi, x = self.dual.bound(S, E, x)
        D = np.swapaxes(inverse, 1, 2) @ E @ inverse
        return E, x, D, phi + self.boxes.least(D, boxes.low, boxes.high)

    def _bound_lines(self, boxes: Open, D: Array, new: Array, looseness: Array) -> None:
        """Put in place the better bounds of boxes of rank one, with their D and looseness."""
        lines = self.boxes.lines(boxes.high)
        if lines.any():
            better, multiplier, loose = self.boxes.line_bound(boxes.low[lines], boxes.high[lines])
            raised = better > new[lines]
            looseness[lines] = np.where(raised[:, None], loose, looseness[lines])
            new[lines] = np.maximum(new[lines], better)
            D[lines] = np.where(raised[:, None, None], multiplier, D[lines])

    def save(self, path: Path, about: str) -> None:
        """Keep the search in one file, replaced in one go; ``about`` tells which problem it belongs to."""
        state: dict[str, Any] = {f"open_{name}": getattr(self.open, name) for name in Open.__dataclass_fields__}
        state |= {"about": np.array(about), "numbers": np.array([self.target, self.visited, self.seconds])}
        fresh = path.with_name(path.name + ".new")
        with open(fresh, "wb") as file:
            np.savez(file, **(state | self.tree.arrays()))
        os.replace(fresh, path)

    def restore(self, path: Path, about: str) -> None:
        """Go on from a file. Raises ValueError when it is not the file of this search."""
        try:
            with np.load(path, allow_pickle=False) as file:
                state = dict(file)
        except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(f"{path} holds no interrupted proof; pass another file or remove it") from error
        if str(state.get("about")) != about or "numbers" not in state or state["numbers"][0] != self.target:
            raise ValueError(f"{path} belongs to another problem or gap; pass another file or remove it")
        self.open = Open(*(state[f"open_{name}"] for name in Open.__dataclass_fields__))
        self.tree = Tree.from_arrays(state)
        self.visited, self.seconds = int(state["numbers"][1]), float(state["numbers"][2])

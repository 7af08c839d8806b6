"""Branch and bound over boxes of matrices: a lower bound on the global minimum that holds wherever it stops."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optima.files import opened, read_arrays, whole
from optima.model import Array
from optima.model.rows import Rows
from optima.proofs.best_first import BestFirst, OpenBoxes
from optima.proofs.box_bound import BoxBound, Softened
from optima.proofs.boxes import MatrixBoxes
from optima.proofs.dual import FitDual, newton_step
from optima.proofs.gap import relative_gap
from optima.proofs.tree import Tree

# Newton steps on E for a box at each hardness, from the E of its parent; the first box gets more.
IMPROVE, FIRST = 8, 60
# The minimum over vertices is softened by target / hardness, one after another; the last ones are for boxes that lack
# less than CLOSE / hardness of the target.
HARDNESS = (30.0, 300.0, 3e3, 3e5, 3e7)
CLOSE = 3e3
# A bound below zero is raised at a softness that follows what it lacks, at most so many times.
APPROACH = 8
# The gain of a split is foreseen at this hardness, or at a softness of what a box lacks where that is harder.
FORESIGHT = 30.0
# The least gain that counts, as a part of what a box lacks, and the least it is taken to lack, of the target.
LEAST, SHARPEST = 1e-4, 1e-9
# Losses of planes, of the target, up to which they tell where to split.
NEAR = 0.1
# Weight of the width of a box beside the gains, so that no coordinate is split for ever.
EVENLY = 0.2


@dataclass
class Point(Rows):
    """Boxes bounded at E: S (N, m, m) and its inverse, what is added to phi, E, inner points and bounds."""

    S: Array
    back: Array
    rest: BoxBound
    E: Array
    x: Array
    bound: Array


@dataclass
class Open(OpenBoxes):
    """Such boxes with E, inner points, and where to split."""

    E: Array
    x: Array
    axis: NDArray[np.int64]

    def fits(self, other: Open, nodes: int) -> bool:
        """Whether the arrays are of the kinds and shapes of others, for boxes of a tree of so many nodes."""
        pairs = list(zip(vars(self).values(), vars(other).values(), strict=True))
        alike = all(a.dtype == b.dtype and a.shape == (self.node.size, *b.shape[1:]) for a, b in pairs)
        return alike and bool(np.all((self.node >= 0) & (self.node < nodes)))


class BranchAndBound(BestFirst):
    """Best-first search for a proof that no matrix is better than ``target``.

    A box is closed when it is empty, when it is near a known minimum, or when its bound

        max(parent's bound, phi(D) + min over the box of [penalty - <D, M>], least penalty + fit near lines)

    reaches the target; otherwise it is split in the middle of the coordinate that promises most. Boxes of four classes
    about matrices of rank two have a bound of their own (:mod:`optima.proofs.plane_bound`). ``best`` is the loss with
    which the bound is compared in words.
    """

    open: Open

    def __init__(self, boxes: MatrixBoxes, dual: FitDual, target: float) -> None:
        self.boxes, self.dual, self.target, self.best = boxes, dual, target, target
        low, high = (corner[None] for corner in boxes.root())
        C, m = dual.rival.shape[0], dual.rival.shape[2]
        # Of each node its D, nan where it was closed without one.
        self.tree = Tree(np.int8, multiplier=np.full((1, m, m), np.nan))
        node, bound = np.zeros(1, dtype=np.int64), np.full(1, -np.inf)
        self.open = Open(node, low, high, bound, np.eye(m)[None], np.zeros((1, C, m)), node)
        self.open = self._bounded(self.open, FIRST)

    def __str__(self) -> str:
        gap, rate = relative_gap(self.bound, self.best), self.size / max(self.seconds, 1e-9)
        return f"bound {self.bound:.8g}, gap {gap:.1e}, {self.size} boxes, {rate:.0f}/s"

    def _split(self, chosen: NDArray[np.bool_]) -> None:
        parent = self.open.take(chosen)
        child = self.tree.split(parent.node, parent.axis)
        halves = [parent.take(np.arange(parent.node.size)) for _ in range(2)]
        corners = _halves(parent, parent.axis)
        for i, (half, (low, high)) in enumerate(zip(halves, corners, strict=True)):
            half.node, half.low, half.high = child + i, low, high
        both = halves[0].join(halves[1])
        kept = ~self.boxes.empty(both.low, both.high) & (self.boxes.least_penalty(both.low) < self.target)
        both = both.take(kept)
        both.low, both.high = self.boxes.reduced(both.low, both.high)
        both.bound = np.maximum(both.bound, self.boxes.at_once(both.low, both.high))
        both = both.take(~self.boxes.known(both.low, both.high) & (both.bound < self.target))
        bounded = self._bounded(both, IMPROVE)
        self.open = self.open.take(~chosen).join(bounded)

    def _bounded(self, boxes: Open, steps: int) -> Open:
        """The boxes with their bounds, less those that are closed."""
        flat, boxes = self._by_planes(boxes)
        if not boxes.node.size:
            return flat
        point = self._raised(boxes, steps)
        promise = self._promise(boxes, point)
        D = np.swapaxes(point.back, 1, 2) @ point.E @ point.back
        bound = point.bound
        self._bound_lines(boxes, D, bound, promise)
        bound[self.boxes.only_zero(boxes.high)] = self.boxes.zero_value
        bound = np.maximum(boxes.bound, np.where(np.isfinite(bound), bound, -np.inf))
        self.tree.record(boxes.node, multiplier=D)
        done = Open(boxes.node, boxes.low, boxes.high, bound, point.E, point.x, np.argmax(promise, axis=1))
        return flat.join(done.take(bound < self.target))

    def _raised(self, boxes: Open, steps: int) -> Point:
        """The bounds of boxes, raised by ascents on E until they reach the target or no more is to be had."""
        frame, scale = self.boxes.middle(boxes.low, boxes.high)
        S, back = frame * scale[:, None, :], np.swapaxes(frame / scale[:, None, :], 1, 2)
        point = self._point(S, back, self.boxes.box_bound(boxes.low, boxes.high, back), boxes.E, boxes.x)
        self._climb(point, steps)
        # A part of a box has no smaller bound than the whole: where the ascent found one, E = 1 is a better start.
        behind = boxes.bound - point.bound > LEAST * (self.target - boxes.bound)
        stuck = np.flatnonzero(behind & ~self.boxes.rank_one(boxes.high) & ~self.boxes.only_zero(boxes.high))
        if stuck.size:
            part = point.take(stuck)
            # Not by a product with zero, which keeps what is no number.
            one = np.tile(np.eye(S.shape[2]), (stuck.size, 1, 1))
            again = self._point(part.S, part.back, part.rest, one, np.zeros_like(part.x))
            self._climb(again, steps)
            self._keep(point, stuck, again.E, again.x, again.bound)
        return point

    def _point(self, S: Array, back: Array, rest: BoxBound, E: Array, x: Array) -> Point:
        """Boxes bounded at given E."""
        phi, x = self.dual.bound(S, E, x)
        return Point(S, back, rest, E.copy(), x, np.nan_to_num(phi + rest.least(E), nan=-np.inf))

    def _climb(self, point: Point, steps: int) -> None:
        """Ascents for the boxes below the target: up to zero first, then at one hardness after another."""
        far = np.flatnonzero((point.bound < 0) & np.isfinite(point.bound))
        for _ in range(APPROACH):
            before = point.bound[far]
            self._ascend(point, far, HARDNESS[0] / (self.target - before), steps)
            far = far[(point.bound[far] > before) & (point.bound[far] < 0)]
        for hard in HARDNESS:
            missing = self.target - point.bound
            near = np.flatnonzero((missing > 0) & (missing * hard < CLOSE * self.target))
            self._ascend(point, near, np.full(near.size, hard / self.target), steps)

    def _ascend(self, point: Point, rows: NDArray[np.intp], beta: Array, steps: int) -> None:
        """Newton steps on some boxes, the minimum over vertices softened by 1 / beta; kept where the bound rises."""
        if not rows.size:
            return
        part = point.take(rows)
        E, x = self.dual.improve(part.S, part.E, part.x, steps, Softened(part.rest, beta))
        phi, x = self.dual.bound(part.S, E, x)
        self._keep(point, rows, E, x, phi + part.rest.least(E))

    def _keep(self, point: Point, rows: NDArray[np.intp], E: Array, x: Array, bound: Array) -> None:
        """Put E and x in place where the bound rises."""
        up = bound > point.bound[rows]
        point.E[rows[up]], point.x[rows[up]], point.bound[rows[up]] = E[up], x[up], bound[up]

    def _promise(self, boxes: Open, point: Point) -> Array:
        """How much a split along each coordinate is expected to raise the bounds of both halves, shape (N, d).

        The sum of the logarithms of both gains, as one Newton step on E foresees them.
        """
        out = np.full(boxes.low.shape, -np.inf)
        rows = np.flatnonzero(point.bound < self.target)
        if not rows.size:
            return out
        boxes, point = boxes.take(rows), point.take(rows)
        missing = np.maximum(self.target - point.bound, SHARPEST * self.target)
        beta = np.maximum(FORESIGHT / self.target, 1 / missing)
        fit = self.dual.expansion(point.S, point.E, point.x)
        root = self.boxes.root()
        whole = np.maximum(root[1] - root[0], 1e-300)
        here = _foreseen(Softened(point.rest, beta), point.E, fit)
        for axis in sorted({*range(boxes.low.shape[1])} - {self.boxes.chart}):
            score = np.zeros(rows.size)
            for low, high in _halves(boxes, axis):
                empty = self.boxes.empty(low, high)
                low, high = self.boxes.reduced(low, high)
                half = Softened(self.boxes.box_bound(low, high, point.back), beta)
                gain = np.nan_to_num((_foreseen(half, point.E, fit) - here) / missing)
                closed = empty | self.boxes.known(low, high) | (self.boxes.at_once(low, high) >= self.target)
                score += np.log(np.where(closed, 1.0, np.clip(gain, LEAST, 1.0)))
            width = boxes.high[:, axis] - boxes.low[:, axis]
            score += EVENLY * np.log(np.maximum(width, 1e-300) / whole[axis])
            out[rows, axis] = np.where(width > 0, score, -np.inf)
        out[rows] = np.where(self.boxes.urgent(boxes.low, boxes.high), np.inf, out[rows])
        return out

    def _bound_lines(self, boxes: Open, D: Array, bound: Array, promise: Array) -> None:
        """Put in place the better bounds of boxes of rank one, with their D; the loosest coordinate promises most."""
        lines = self.boxes.rank_one(boxes.high)
        if lines.any():
            better, multiplier, loose = self.boxes.line_bound(boxes.low[lines], boxes.high[lines])
            raised = better > bound[lines]
            promise[lines] = np.where(raised[:, None], loose, promise[lines])
            bound[lines] = np.maximum(bound[lines], better)
            D[lines] = np.where(raised[:, None, None], multiplier, D[lines])

    def _by_planes(self, boxes: Open) -> tuple[Open, Open]:
        """Boxes still open whose planes tell where to split, and those left to other bounds."""
        planes = self.boxes.about_planes(boxes.low, boxes.high)
        part = boxes.take(planes)
        if not part.node.size:
            return part, boxes
        bound, D, loose = self.boxes.plane_bound(part.low, part.high, self.target)
        told = (bound >= self.target) | (loose.clip(0).sum(axis=1) < NEAR * self.target)
        self.tree.record(part.node[told], multiplier=D[told])
        loose[part.high == part.low] = -np.inf
        loose[self.boxes.urgent(part.low, part.high)] = np.inf
        part.bound, part.axis = np.maximum(part.bound, bound), np.argmax(loose, axis=1)
        left = ~planes
        left[np.flatnonzero(planes)[~told]] = True
        return part.take(told & (part.bound < self.target)), boxes.take(left)

    def save(self, path: Path, about: str) -> None:
        """Keep the search in one file, replaced in one go; ``about`` tells which problem it belongs to."""
        state: dict[str, Any] = {f"open_{name}": array for name, array in vars(self.open).items()}
        state |= {"about": np.array(about), "numbers": np.array([self.target, self.seconds])}
        with whole(path) as file:
            np.savez(file, **(state | self.tree.arrays()))

    def restore(self, path: Path, about: str) -> None:
        """Go on from a file. Raises ValueError when it is not the file of this search."""
        try:
            with opened(path) as file:
                state: dict[str, Any] = read_arrays(file)
            owner, (target, seconds) = str(state["about"]), state["numbers"].astype(float)
            boxes = Open(*(state[f"open_{name}"] for name in Open.__dataclass_fields__))
            mine = owner == about and target == self.target
            if mine and not boxes.fits(self.open, len(state["axis"])):
                raise ValueError("arrays of another search")
            if mine:
                self.tree.restore(state)
        except (KeyError, ValueError, IndexError, TypeError):
            raise ValueError(f"{path} holds no interrupted proof; pass another file or remove it") from None
        if not mine:
            raise ValueError(f"{path} belongs to another problem or gap; pass another file or remove it")
        self.open, self.seconds = boxes, float(seconds)


def _halves(boxes: Open, axis: int | NDArray[np.int64]) -> list[tuple[Array, Array]]:
    """Corners of the lower and of the upper half of each box along a coordinate."""
    rows = np.arange(boxes.node.size)
    middle = 0.5 * (boxes.low[rows, axis] + boxes.high[rows, axis])
    low, high = boxes.low.copy(), boxes.high.copy()
    low[rows, axis] = high[rows, axis] = middle
    return [(boxes.low.copy(), high), (low, boxes.high.copy())]


def _foreseen(rest: Softened, E: Array, fit: tuple[Array, Array]) -> Array:
    """rest(E) plus what a Newton step on phi + rest would gain were it quadratic."""
    more, bent = rest.expansion(E)
    slope = fit[0] + more
    return rest.value(E) + 0.5 * np.einsum("nk,nk->n", slope, newton_step(slope, fit[1] + bent))

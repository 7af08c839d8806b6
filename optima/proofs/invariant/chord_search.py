r"""Branch and bound for invariant logits: tangents of the fit plus chords of the penalty.

On a box of t_b = s_b^p, at any point r,

.. math:: f(s) \ge F(r) - \langle g, r\rangle + \sum_b \min_{t_b \in \{\underline t_b, \overline t_b\}}
    \bigl[c\,\mu_b t_b + g_b t_b^{(L+1)/2}\bigr], \qquad g = \nabla F(r) \le 0,

since F is convex in s and the rest is a sum of functions concave in s_b. Source: derivations/invariant_bound.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optima.model import Array
from optima.proofs.best_first import BestFirst, OpenBoxes
from optima.proofs.dual import damped
from optima.proofs.invariant.group import InvariantForm
from optima.proofs.tree import Tree

# Newton steps towards the best tangent point of a box.
STEPS = 20
# Relative gain of the bound that ends them.
LITTLE = 1e-4
# A box is split where its chords fail most, but at least this part of its width away from its ends.
INWARD = 0.1
# Part of the gap of a box that chords account for when its tangent point is near the best.
POOR = 0.01


@dataclass
class Parts(OpenBoxes):
    """Such boxes in t with tangent points in s."""

    point: Array


class ChordSearch(BestFirst):
    """Best-first search for a proof that no singular values are better than ``best`` by more than the relative gap.

    ``best``, and with it the target, falls when the search meets a better point, ``best_point``.
    """

    open: Parts

    def __init__(self, form: InvariantForm, start: Array, gap: float) -> None:
        self.form, self.gap = form, gap
        self._improve(float(form.value(start[None])[0]), start)
        self.ordered = form.group.ordered()
        # One unit in the last place more, so that rounding cannot cut the box off.
        self.top = float(np.nextafter(self.best / form.strength, np.inf))
        high = (self.top / form.multiplicity)[None]
        whole = Parts(np.zeros(1, dtype=np.int64), np.zeros_like(high), high, np.full(1, -np.inf), start[None])
        # Of each node where in t it was split, and its tangent point.
        self.tree = Tree(np.int64, where=np.full(1, np.nan), point=np.full((1, start.size), np.nan))
        self.open = self._unproved(self._bounded(whole))

    def __str__(self) -> str:
        return f"bound {self.bound:.8g}, best {self.best:.8g}, {self.size} boxes"

    def _improve(self, best: float, point: Array) -> None:
        self.best, self.best_point, self.target = best, point, best * (1 - self.gap)

    def _split(self, chosen: NDArray[np.bool_]) -> None:
        part = self.open.take(chosen)
        axis, where = self._places(part)
        rows = np.arange(axis.size)
        child = self.tree.split(part.node, axis)
        self.tree.record(part.node, where=where)
        lower, upper = part.take(rows), part.take(rows)
        lower.node, upper.node = child, child + 1
        lower.high[rows, axis] = where
        upper.low[rows, axis] = where
        both = self._bounded(lower.join(upper))
        self.open = self._unproved(self.open.take(~chosen).join(both))

    def _places(self, part: Parts) -> tuple[NDArray[np.int64], Array]:
        """Where to split: along the block whose chord is farthest below the penalty at the tangent point, there."""
        t = np.clip(part.point ** (1 / self.form.power), part.low, part.high)
        low, high = part.low**self.form.power, part.high**self.form.power
        width = np.where(high > low, high - low, 1.0)
        chord = part.low + (part.high - part.low) * (t**self.form.power - low) / width
        missed = self.form.multiplicity * (t - chord)
        # Where the chords miss too little, the tangent point is poor, and the largest side is split.
        poor = self.form.strength * missed.sum(axis=1) < POOR * (self.target - part.bound)
        missed[poor] = (self.form.multiplicity * (part.high - part.low))[poor]
        axis = np.argmax(missed, axis=1)
        rows = np.arange(axis.size)
        a, b = part.low[rows, axis], part.high[rows, axis]
        return axis, np.clip(t[rows, axis], a + INWARD * (b - a), b - INWARD * (b - a))

    def _unproved(self, parts: Parts) -> Parts:
        return parts.take(parts.bound < self.target)

    def _bounded(self, parts: Parts) -> Parts:
        """The boxes cut down, with tangent points and bounds, less those that are empty."""
        low, high = self._cut(parts.low, parts.high)
        kept = np.all(low <= high, axis=1)
        low, high, parts = low[kept], high[kept], parts.take(kept)
        point, bound = self._relaxed(low, high, parts.point)
        value = self.form.value(point)
        if value.size and value.min() < self.best:
            self._improve(float(value.min()), point[np.argmin(value)])
        self.tree.record(parts.node, point=point)
        return Parts(parts.node, low, high, np.maximum(parts.bound, bound), point)

    def _cut(self, low: Array, high: Array) -> tuple[Array, Array]:
        """Boxes less what is out of order, or has a penalty above that of ``top``; low > high where nothing stays."""
        low, high = low.copy(), high.copy()
        for a, b in self.ordered:
            low[:, a] = np.maximum(low[:, a], low[:, b])
            high[:, b] = np.minimum(high[:, b], high[:, a])
        spent = low @ self.form.multiplicity
        rest = self.top - spent[:, None] + low * self.form.multiplicity
        return low, np.minimum(high, rest / self.form.multiplicity)

    def _tangent(self, ends: tuple[Array, Array], s: tuple[Array, Array], point: Array, fit: Array, g: Array) -> Array:
        """The bound of boxes with ends in t and s, from fit and gradient at points."""
        weight = self.form.strength * self.form.multiplicity
        least = np.minimum(weight * ends[0] + g * s[0], weight * ends[1] + g * s[1])
        return np.asarray(fit + np.sum(least - g * point, axis=1))

    def _relaxed(self, low: Array, high: Array, known: Array) -> tuple[Array, Array]:
        """Tangent points (N, m) with the best bounds (N,) met on the way to the minimum of fit plus chords.

        ``known`` are the points of the boxes they are part of, no worse here than there.
        """
        power = self.form.power
        s = low**power, high**power
        fit, g, _ = self.form.fit(known)
        best, bound = known.copy(), self._tangent((low, high), s, known, fit, g)
        width = np.where(s[1] > s[0], s[1] - s[0], 1.0)
        slope = self.form.strength * self.form.multiplicity * (high - low) / width
        x = np.clip(known, *s)
        going = np.arange(len(low))
        for _ in range(STEPS):
            ends = low[going], high[going]
            box = s[0][going], s[1][going]
            at = x[going]
            fit, g, hessian = self.form.fit(at)
            reached = self._tangent(ends, box, at, fit, g)
            up = reached > bound[going]
            gain = reached - bound[going]
            best[going[up]], bound[going[up]] = at[up], reached[up]
            more = (bound[going] < self.target) & ((gain > LITTLE * self.target) | ~up)
            going = going[more]
            if not going.size:
                break
            x[going] = self._moved(at[more], (box[0][more], box[1][more]), slope[going], g[more], hessian[more])
        return best, bound

    def _moved(self, x: Array, box: tuple[Array, Array], chord: Array, g: Array, hessian: Array) -> Array:
        """x after the best of some Newton steps of fit plus chords, in the box."""
        slope = g + chord
        free = ~(((x <= box[0]) & (slope > 0)) | ((x >= box[1]) & (slope < 0)))
        eye = np.eye(x.shape[1])
        trace = np.einsum("naa->n", hessian)[:, None, None]
        masked = np.where(free[:, :, None] & free[:, None, :], hessian + (1e-12 * trace + 1e-300) * eye, eye)
        step = np.linalg.solve(masked, np.where(free, slope, 0.0)[..., None])[..., 0]
        away = x - np.clip(x - step, *box)
        tried = [x - length * away for length in (1.0, 0.25, 0.0625)]
        # The second where the box holds the step up, the first elsewhere.
        tried += [np.clip(x - self._damped(step), *box), x - self._damped(away)]
        reached = [self.form.fit_value(y) + np.sum(chord * y, axis=1) for y in tried]
        return np.asarray(np.stack(tried)[np.argmin(reached, axis=0), np.arange(len(x))])

    def _damped(self, step: Array) -> Array:
        """The step, shorter where it changes exponents much."""
        reach = np.abs(step @ self.form.margin.T).max(axis=1)
        return np.asarray(damped(reach)[:, None] * step)

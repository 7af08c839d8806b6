r"""The bound for logits of rank one, box by box of directions and scales.

Logits a y^T whose a goes from 0 in the first class to 1 in the last one, in one order of the classes; rays a_i, scales
r_e, w_e = r_e^(p-2), and probabilities and pulls that are polynomials with the coefficients q_ij and x_ij:

.. math:: f \ge \min_{i \le j,\; w}\; c\,(1 - \tfrac p2)\, w^{-p/(2-p)} + \sum_e \mu_e(w) \sum_c \Bigl[\pi_c H(q_{ijec})
    - \frac{n_c\, x_{ijec}^2}{2 c p N^2 w_e\, a_i^T C a_j}\Bigr]

where mu is linear in w. Source: derivations/rank_one_bound.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from optima.checker.arithmetic import Numbers
from optima.checker.verification import Refuted
from optima.model import Array, DeepUFM
from optima.reduction import geometric_mean

NAMES = ("axis", "child", "where", "y", "family", "orders", "top")
MOST_NODES = 2_000_000
# Leaves bounded at once.
BATCH = 4096


@dataclass(frozen=True)
class Leaf:
    """Ends of r, rays (K-1, K) and sizes (K,) of the classes in their order, and the number of the leaf."""

    low: float
    high: float
    rays: Array
    sizes: Array
    node: int


def rank_one(problem: DeepUFM, data: dict[str, Array], numbers: Numbers) -> float:
    """The least bound of the boxes that a forest of cuts leaves, and of all larger scales."""
    if problem.loss != "ce" or problem.nonlinear or min(problem.max_rank, problem.classes - 1) != 1:
        raise Refuted("rank one is a proof for linear models of width 1 with cross-entropy")
    if numbers.rigorous:
        raise Refuted("rank one is checked in floats only")
    missing = [name for name in NAMES if name not in data]
    if missing:
        raise Refuted(f"the data lack {missing[0]}")
    arrays = {name: np.asarray(data[name]) for name in NAMES}
    leaves = _leaves(problem, arrays)
    of_leaf = np.cumsum(arrays["axis"] < 0) - 1
    K, top, p = problem.classes, float(arrays["top"]), 2 / (problem.depth + 1)
    shapes = {"y": (len(leaves), 2, K - 1, K), "family": (len(leaves), 2, K)}
    if any(arrays[name].shape != shape for name, shape in shapes.items()):
        raise Refuted("the multipliers have another shape")
    if not (np.isfinite(arrays["y"]).all() and ((arrays["family"] >= -1) & (arrays["family"] < K - 1)).all()):
        raise Refuted("the multipliers are not numbers, or of no ray")
    strength = geometric_mean(problem.regs) / p
    least = strength * (1 - p / 2) * top**p
    for start in range(0, len(leaves), BATCH):
        some = leaves[start : start + BATCH]
        rows = of_leaf[[leaf.node for leaf in some]]
        bounds = _bounds(some, arrays["y"][rows].astype(float), arrays["family"][rows].astype(int), p, strength)
        if not np.isfinite(bounds).all():
            raise Refuted("the bound of a box is not a number")
        least = min(least, float(bounds.min()))
    return least


def _leaves(problem: DeepUFM, data: dict[str, Array]) -> list[Leaf]:
    """The boxes of the leaves. Raises Refuted unless each node is reached once, and all orders are there."""
    axis, child, where, orders = (data[name] for name in ("axis", "child", "where", "orders"))
    K, top, count = problem.classes, float(data["top"]), axis.size
    edges = [(i, j) for i in range(K - 1) for j in range(i + 1, K - 1)]
    if not (1 <= count <= MOST_NODES and axis.shape == child.shape == where.shape == (count,)):
        raise Refuted("the tree has another shape")
    if not (math.isfinite(top) and top > 0):
        raise Refuted("the largest scale is not a positive number")
    if orders.ndim != 2 or orders.shape[1] != K:
        raise Refuted("the orders have another shape")
    given = {tuple(order) for order in orders.tolist()}
    if not all({order, order[::-1]} & given for order in permutations(problem.class_sizes.tolist())):
        raise Refuted("an order of the classes is missing")
    sizes = sorted(problem.class_sizes.tolist())
    if any(sorted(order) != sizes for order in given):
        raise Refuted("an order is not one of the classes")
    stairs = np.triu(np.ones((K, K)), 1)[:-1]
    waiting = [Leaf(0.0, top, stairs, order.astype(float), node) for node, order in enumerate(orders)]
    found, seen = list[Leaf](), np.zeros(count, dtype=bool)
    while waiting:
        box = waiting.pop()
        node = box.node
        if not 0 <= node < count or seen[node]:
            raise Refuted("the cuts are not a binary tree")
        seen[node] = True
        cut, first = int(axis[node]), int(child[node])
        if cut < 0:
            found.append(box)
        elif cut == 0:
            r = float(where[node])
            if not box.low < r < box.high:
                raise Refuted("a cut is outside its box")
            waiting += [Leaf(box.low, r, box.rays, box.sizes, first), Leaf(r, box.high, box.rays, box.sizes, first + 1)]
        elif cut <= len(edges):
            for side, ray in enumerate(edges[cut - 1]):
                rays = box.rays.copy()
                # Exact in floats as long as the halves are.
                rays[ray] = 0.5 * (box.rays[edges[cut - 1][0]] + box.rays[edges[cut - 1][1]])
                waiting.append(Leaf(box.low, box.high, rays, box.sizes, first + side))
        else:
            raise Refuted("a box is cut along what does not exist")
    if not seen.all():
        raise Refuted("the cuts are not a binary tree")
    return found


def _bounds(leaves: list[Leaf], y: Array, family: Array, p: float, strength: float) -> Array:
    """A lower bound for each of the boxes (N,) from y (N, 2, K-1, K) and families (N, 2, K)."""
    a, sizes = np.stack([leaf.rays for leaf in leaves]), np.stack([leaf.sizes for leaf in leaves])
    r = np.array([(leaf.low, leaf.high) for leaf in leaves])
    N, m, K = a.shape
    gaps = a[:, :, None, :] - a[:, :, :, None]
    logits = gaps[:, None] * y[..., None]
    q = np.exp(logits - logits.max(axis=-1, keepdims=True))
    q /= q.sum(axis=-1, keepdims=True)
    # Where one ray serves all, its probabilities stand at every ray.
    source = np.where(family[:, :, None] >= 0, family[:, :, None], np.arange(m)[None, None, :, None])
    q = np.take_along_axis(q, np.broadcast_to(source[..., None], q.shape), axis=2)
    products = np.einsum("nik,njk->nij", a, a) - np.einsum("nik,njl->nij", a, a) / K
    total, v = sizes.sum(axis=1), r ** (2 - p)
    spring = strength * p * r[:, :, None] ** (p - 2) * np.diagonal(products, axis1=1, axis2=2)[:, None]
    aim = np.where(r[:, :, None, None] > 0, -spring[..., None] * total[:, None, None, None] * y, 0.0)
    bounds = np.full(N, math.inf)
    for i in range(m):
        for j in range(i, m):
            cost = v / (2 * strength * p * products[:, i, j, None])
            fit, value = _coefficient(q, gaps, aim, cost, sizes, i, j)
            bounds = np.minimum(bounds, _least(fit, value, r, p, strength))
    return bounds


def _coefficient(q: Array, gaps: Array, aim: Array, cost: Array, sizes: Array, i: int, j: int) -> tuple[Array, Array]:
    """Entropy (N, 2), and what is left of it after the pull, of a pair of rays: each class as it is worth more."""
    mean = 0.5 * (q[:, :, i] + q[:, :, j])
    pull = 0.5 * np.sum(q[:, :, i] * gaps[:, None, j] + q[:, :, j] * gaps[:, None, i], axis=-1)
    wanted = 0.5 * (aim[:, :, i] + aim[:, :, j])
    moved = mean.copy()
    moved[..., 0] += pull - wanted
    moved[..., -1] -= pull - wanted
    allowed = np.min(moved, axis=-1) >= 0
    weight = sizes / sizes.sum(axis=1, keepdims=True)
    plain, other = _entropy(mean), _entropy(np.maximum(moved, 0.0))
    price = cost[..., None] / sizes.sum(axis=1)[:, None, None]
    better = allowed & (other - price * wanted**2 > plain - price * pull**2)
    fit = np.where(better, other, plain)
    charge = price * np.where(better, wanted, pull) ** 2
    return np.sum(weight[:, None] * fit, axis=-1), np.sum(weight[:, None] * (fit - charge), axis=-1)


def _entropy(q: Array) -> Array:
    return -np.sum(q * np.log(np.where(q > 0, q, 1.0)), axis=-1)


def _least(fit: Array, value: Array, r: Array, p: float, strength: float) -> Array:
    """The least of penalty and value, linear in w = r^(p-2); where r begins at zero, of the ends of r^(2-p)."""
    C, (low, high) = strength * (1 - p / 2), r.T
    e = p / (2 - p)
    from_zero = np.minimum(fit[:, 1], value[:, 1] + C * high**p)
    ratio = (np.where(low > 0, high / low, 2.0)) ** (2 - p)
    slope = (value[:, 0] - value[:, 1]) / (ratio - 1)
    at = np.where(slope > 0, (e * C * high**p / slope) ** (1 / (1 + e)), ratio)
    at = np.minimum(np.maximum(at, 1.0), ratio)
    within = value[:, 1] + slope * (at - 1) + C * high**p * at**-e
    return np.where(low > 0, within, from_zero)

"""Some boxes of the branch and bound behind a certificate, the first one included."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optima.model import Array
from optima.proofs.boxes import MatrixBoxes
from optima.proofs.certificate import Certificate
from optima.proofs.convex.solver import NoAnswer
from optima.proofs.dual import FitDual
from optima.proofs.form import ConvexConcave
from optima.proofs.small_problems import NEGLIGIBLE, one_direction, search_of

# Boxes taken besides the first one.
SOME = 5
# Where a bound rests on one equation, boxes of the problem of two classes behind it, made to this gap.
FEW, ROUGH = 200, 1e-3


@dataclass(frozen=True)
class Sampled:
    """Boxes of one tree: numbers ``node`` (N,), corners (N, d), multipliers (N, m, m) and how many ``of`` there are.

    ``target`` is the loss that their bounds are to reach.
    """

    boxes: MatrixBoxes
    dual: FitDual
    target: float
    node: NDArray[np.int64]
    low: Array
    high: Array
    multiplier: Array
    of: int


def sampled(certificate: Certificate) -> Sampled:
    """The first box and up to five more, evenly spaced among those of the certificate that a multiplier bounds.

    Of a bound by one direction, boxes of the problem of two classes with that bound. Raises NoAnswer (a
    ValueError) for certificates that rest on no such boxes.
    """
    if certificate.method == "branch and bound":
        data = dict(certificate.data)
        return _of_tree(_form(certificate), float(data["top"]), float(data["target"]), data)
    if certificate.method == "one direction":
        form = one_direction(ConvexConcave.of(certificate.problem))
        search = search_of(form, certificate.lower, ROUGH)
        search.run(FEW)
        return _of_tree(form, search.boxes.top, search.target, search.tree.arrays())
    raise NoAnswer(f"the bound is known by the method '{certificate.method}', so there is nothing to compare")


def _form(certificate: Certificate) -> ConvexConcave:
    """The form whose boxes were searched, from the problem."""
    whole, classes = ConvexConcave.of(certificate.problem), int(certificate.data["form"][0])
    if "classes" in certificate.data:
        return whole.restrict([int(c) for c in certificate.data["classes"]])
    return whole if classes == whole.classes else whole.subsample(classes)


def _of_tree(form: ConvexConcave, top: float, target: float, tree: dict[str, NDArray]) -> Sampled:
    boxes = MatrixBoxes(form, top)
    low, high = _corners(boxes, tree["axis"], tree["child"])
    multiplier = tree["multiplier"]
    bounded = np.isfinite(multiplier).all(axis=(1, 2)) & ~boxes.only_zero(high) & ~boxes.rank_one(high)
    others = np.flatnonzero(bounded[1:]) + 1
    chosen = others[np.unique(np.linspace(0, others.size - 1, SOME).round().astype(int))] if others.size else others
    node = np.concatenate([[0], chosen]).astype(np.int64)
    dual = FitDual.of(form, NEGLIGIBLE * target)
    return Sampled(boxes, dual, target, node, low[node], high[node], multiplier[node], others.size + 1)


def _corners(boxes: MatrixBoxes, axis: NDArray, child: NDArray) -> tuple[Array, Array]:
    """Corners (nodes, d) of all boxes, as the search cut them."""
    first, last = boxes.root()
    low, high = np.tile(first, (axis.size, 1)), np.tile(last, (axis.size, 1))
    level = np.zeros(1, dtype=np.int64)
    while level.size:
        level = level[axis[level] >= 0]
        split, half = axis[level], child[level]
        middle = 0.5 * (low[level, split] + high[level, split])
        for part in (half, half + 1):
            low[part], high[part] = low[level], high[level]
        high[half, split] = middle
        low[half + 1, split] = middle
        level = np.concatenate([half, half + 1])
        low[level], high[level] = boxes.reduced(low[level], high[level])
    return low, high

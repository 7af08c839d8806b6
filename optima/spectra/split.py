"""The parts of the Hessian of a layer that classes, pairs of a class and a label, and single samples make."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from optima.model import Array
from optima.spectra.eigenvalues import SMALL_BLOCKS, Eigenvalue, grouped
from optima.spectra.layer_blocks import LayerBlocks, gram_values
from optima.spectra.point import Point


@dataclass(frozen=True)
class Split:
    r"""Hess_l = G_class + G_cross + G_within, and the share of the squared gradient in the range of each.

    .. math::
        \mathrm{Hess}_l = \sum_{j,a} w_{ja}\, \delta_{ja} \delta_{ja}^T, \qquad
        \delta_{ja} = A_j^T (e_a - p_j) \otimes x_j,\; w_{ja} = p_{ja} / N \;\text{(ce)}, \quad
        \delta_{ja} = A_j^T e_a \otimes x_j,\; w_{ja} = 1 / N \;\text{(mse)}

    with means delta_ca over the samples of class c, and delta_c of those over the labels a. G_within is made of
    delta_ja - delta_ca, G_cross of delta_ca - delta_c, G_class of delta_c. For cross-entropy the mean over all
    labels is zero; there delta_c is that over the rivals a != c, and the own label has a term in G_class too. Source:
    Papyan, Traces of class/cross-class structure pervade deep learning spectra (2020); garrod2026spectra.
    """

    classes: tuple[Eigenvalue, ...]
    cross: tuple[Eigenvalue, ...]
    within: tuple[Eigenvalue, ...]
    gradient_in_classes: float
    gradient_in_cross: float

    @property
    def ranks(self) -> tuple[int, int, int]:
        """Numbers of nonzero eigenvalues of G_class, G_cross, G_within."""
        classes, cross, within = (
            sum(each.multiplicity for each in part if each.value > each.error)
            for part in (self.classes, self.cross, self.within)
        )
        return classes, cross, within

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        parts = {"class": self.classes, "cross": self.cross, "within": self.within}
        shares = {"gradient_in_class": self.gradient_in_classes, "gradient_in_cross": self.gradient_in_cross}
        return {**{name: [each.as_dict() for each in part] for name, part in parts.items()}, **shares}


# Part of a class's weight below which a group counts as empty.
EMPTY = 1e-300
# Relative size from which on a direction belongs to the range of a part.
IN_RANGE = 1e-9


def split_layer(point: Point, layer: int) -> Split:
    """The split of the Hessian of a weight matrix."""
    blocks = LayerBlocks(point, layer)
    vectors, weights, labels = blocks.rows(point.deviations, point.label_weights)
    K = point.problem.classes
    of_class = np.equal.outer(np.arange(K), labels).astype(float)
    # (K, K): class c, label a.
    shares = of_class @ weights
    means = np.einsum("cs,sa,sam->cam", of_class, weights, vectors) / np.maximum(shares, EMPTY)[:, :, None]
    within = (vectors - means[labels]) * np.sqrt(weights)[:, :, None]
    groups = [np.eye(K), 1.0 - np.eye(K)] if point.problem.loss == "ce" else [np.ones((K, K))]
    cross, classes = [], []
    for group in groups:
        each = shares * group
        total = each.sum(axis=1)
        mean = np.einsum("ca,cam->cm", each, means) / np.maximum(total, EMPTY)[:, None]
        cross.append((means - mean[:, None]) * np.sqrt(each)[:, :, None])
        classes.append(mean * np.sqrt(total)[:, None])
    gradient = (blocks.left.T @ point.gradients[layer - 1] @ blocks.right).ravel()
    halves = [_flat(classes), _flat(cross), _flat([within])]
    # What the whole Hessian's rounding leaves in a part is zero.
    size = max(float(np.sum(half**2)) for half in halves)
    parts = [_part(half, size) for half in halves]
    return Split(parts[0], parts[1], parts[2], _share(gradient, halves[0]), _share(gradient, halves[1]))


def _flat(parts: list[Array]) -> Array:
    return np.concatenate([part.reshape(math.prod(part.shape[:-1]), part.shape[-1]) for part in parts])


def _part(half: Array, size: float) -> tuple[Eigenvalue, ...]:
    values = gram_values(half @ half.T if len(half) < half.shape[1] else half.T @ half)
    rounding = float(np.finfo(float).eps) * half.shape[1] * size
    return tuple(grouped(np.where(values <= rounding, 0.0, values), SMALL_BLOCKS))


def _share(vector: Array, half: Array) -> float:
    """Share of the squared norm of a vector in the range of the rows."""
    _, s, V = np.linalg.svd(half, full_matrices=False)
    kept = V[s > IN_RANGE * s.max(initial=0.0)]
    norm = float(vector @ vector)
    return float(np.sum((kept @ vector) ** 2) / norm) if norm else 0.0

"""Gradients of the data loss in one weight matrix, and how far from rank K it can be, batch by batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from optima.measures.moments import ClassMoments, Labels
from optima.model import Array


@dataclass(frozen=True)
class RankBound:
    r"""How far a weight matrix is from a rank r, which is K or K - 1, and what bounds that.

    .. math::
        \operatorname{dist}_F(W, \operatorname{rank} r) \le
        \frac{\|\sum_j \delta_j \xi_j^T\|_F}{\lambda N} + e \le
        \frac{\sqrt{\operatorname{TCV}(\delta) \operatorname{TCV}(x)}}{\lambda} + e \le
        \frac{\operatorname{rms}(\delta) \sqrt{\operatorname{TCV}(x)}}{\lambda} + e, \\
        e = \frac{\|\nabla_W f\|_F}{\lambda} \;\text{for}\; r = K, \qquad
        e = \frac{\|\nabla_W f\|_F + s_K(\frac1N \sum_c n_c \bar\delta_c \bar x_c^T)}{\lambda}
        \;\text{for}\; r = K - 1

    with x_j the input of the matrix, xi_j = x_j less the mean of its class, and delta_j the gradient of the loss of
    sample j at the output. For any activation, loss and classes; ``within``, ``product`` and ``crude`` are the three
    terms without e; ``residual``, the gradient's part of e, vanishes where training is stationary. ``last`` is the
    other part: s_K is at most |sum_j delta_j| |m| / N for every mean m of class means with weights of sum one, so it
    vanishes where a bias without decay is stationary and where class means are centred, and for the classifier with
    cross-entropy. The rank is K - 1 where ``last`` is rounding, or no more than the residual and both together less
    than the norm of W, beyond which a bound says nothing; else K.

    Source: derivations/rank_bound.py; zangrando2025 has a bound of this kind.
    """

    rank: int
    distance: float
    within: float
    product: float
    crude: float
    residual: float
    last: float

    @property
    def excess(self) -> float:
        """e."""
        return self.residual + self.last

    @property
    def chain(self) -> tuple[float, ...]:
        """The distance and the three bounds with e, ascending."""
        return (self.distance, *(bound + self.excess for bound in (self.within, self.product, self.crude)))


def joined(bounds: Sequence[RankBound]) -> RankBound:
    r"""Of a block-diagonal matrix, from those of its blocks.

    .. math::
        \sum_g \operatorname{dist}_F(W_g, \operatorname{rank} r_g)^2 \le \sum_g (b_g + e_g)^2
        \le (\|b\| + \|e\|)^2

    is the squared distance from the block-diagonal matrices of such ranks: distance, bounds and both parts of the
    excess are the norms of those of the blocks, and the rank is the sum of theirs.
    """
    norm = lambda name: float(np.linalg.norm([getattr(each, name) for each in bounds]))
    names = ("distance", "within", "product", "crude", "residual", "last")
    return RankBound(sum(each.rank for each in bounds), *map(norm, names))


class GradientStream:
    """Moments of what W (m, d) multiplies and of the gradients of the loss at its output.

    Several vectors of one sample (tokens, patches of an image) are rows of their own, of its class.
    """

    def __init__(self, classes: int, weight: Array) -> None:
        self.weight = weight
        self.inputs = ClassMoments(classes, weight.shape[1], full=False)
        self.outputs = ClassMoments(classes, len(weight), full=False)
        self.samples = 0
        self._square = 0.0
        self._cross = np.zeros_like(weight)

    def add(self, rows: Array, labels: Labels, gradients: Array, samples: int) -> None:
        """Join vectors (b, d) of classes (b,) and gradients (b, m) of the losses of as many, or fewer, samples."""
        batch, moved, weight = self.inputs.add(rows, labels)
        own, pulled, _ = self.outputs.add(gradients, labels)
        self._cross += own.deviations.T @ batch.deviations + (pulled.T * weight) @ moved
        self._square += float(np.sum(gradients**2))
        self.samples += samples

    @property
    def gradient(self) -> Array:
        """That of the mean loss of the samples in W."""
        return np.asarray((self._cross + self._sums.T @ self.inputs.means) / self.samples)

    @property
    def _sums(self) -> Array:
        """sum of delta_j over each class, (K, m)."""
        return self.outputs.means * self.outputs.sizes[:, None]

    def bound(self, reg: float, s: Array) -> RankBound:
        """The bound at lambda, with the singular values of W."""
        scale = reg * self.samples
        spreads = [float(each.spread.sum()) for each in (self.outputs, self.inputs)]
        residual = float(np.linalg.norm(self.gradient + reg * self.weight)) / reg
        K = len(self.inputs.sizes)
        last = self._last_by_class() / scale
        size = float(np.linalg.norm(s))
        fewer = last <= 1e-9 * size or (last <= residual and residual + last < size)
        rank = K - 1 if fewer else K
        return RankBound(
            rank,
            distance=float(np.linalg.norm(s[rank:])),
            within=float(np.linalg.norm(self._cross)) / scale,
            product=float(np.sqrt(spreads[0]) * np.sqrt(spreads[1])) / scale,
            crude=float(np.sqrt(self._square) * np.sqrt(spreads[1])) / scale,
            residual=residual,
            last=last if fewer else 0.0,
        )

    def _last_by_class(self) -> float:
        """s_K of sum_c n_c delta_c x_c^T, by way of the triangles of its factors."""
        left, right = (np.asarray(np.linalg.qr(each.T, mode="r")) for each in (self._sums, self.inputs.means))
        s = np.linalg.svd(left @ right.T, compute_uv=False)
        K = len(self.inputs.sizes)
        return float(s[K - 1]) if s.size >= K else 0.0

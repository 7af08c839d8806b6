"""One weight matrix of a network: what enters it, what it is, and how far from rank K it can be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np

from optima.measures.gradient import GradientStream, RankBound, joined
from optima.measures.moments import ClassMoments, Labels
from optima.measures.neural_collapse import duality, effective_rank, shape_of_means, variability
from optima.model import Array
from optima.model.content import Content

NOT_FINITE = "are not all finite numbers; a network that has diverged, or overflows its precision, cannot be measured"


@dataclass(frozen=True, eq=False)
class LayerMeasures(Content):
    """What is measured of the input of one weight matrix, and of the matrix.

    Attributes
    ----------
    name, shape
        Of the matrix W (m, d); m is None where only features are known. That of a convolution has a row for each output
        channel and a column for each input channel and place in the kernel, that of a transposed one a column for each
        input channel and the others as rows; in groups it is block-diagonal.
    measures
        ``nc1_trace``, ``nc1_pinv``, ``cdnv``, ``tcv``, ``nc2``, ``equinorm``, ``equiangular``, ``max_angle``,
        ``log_distance``, ``uniformity``, ``least_angle`` of the features, and where W has a row for each class ``nc3``,
        ``alignment``, ``duality``, ``duality_spread``; as in :mod:`optima.measures.neural_collapse`, None where
        undefined.
    feature_singular_values, weight_singular_values
        Of X / sqrt(N) and of W, descending; None where they are not known.
    bound
        The distance of W from rank K or K - 1 and its bounds, where gradients and lambda are known.
    distance
        That of W from rank K, or of a block-diagonal W from rank K in every block.
    gradient_alignment
        Cosine of W and minus the gradient of the data loss in W: 1 where training is stationary.
    gradient_in_rank
        Share of the squared gradient in its K largest singular directions, of every block.
    implied_reg
        Norm of the gradient of the data loss over that of W: lambda, where training is stationary.
    feature_square, vectors
        Mean of |x_j|^2, and how many x_j there were: more than samples where each has several.
    after
        How the features come from the output of the layer before: ``"linear"``, ``"relu"``, or ``""`` for another way.
    """

    name: str
    shape: tuple[int | None, int]
    measures: dict[str, float | None]
    feature_singular_values: Array | None = None
    weight_singular_values: Array | None = None
    bound: RankBound | None = None
    distance: float | None = None
    gradient_alignment: float | None = None
    gradient_in_rank: float | None = None
    implied_reg: float | None = None
    feature_square: float | None = None
    vectors: int = 0
    after: str = ""

    @property
    def feature_rank(self) -> float | None:
        """Effective rank of the features."""
        return None if self.feature_singular_values is None else effective_rank(self.feature_singular_values)

    @property
    def weight_rank(self) -> float | None:
        """Effective rank of W."""
        return None if self.weight_singular_values is None else effective_rank(self.weight_singular_values)

    def __repr__(self) -> str:
        return f"<LayerMeasures {self.name}: NC1 {self.measures['nc1_trace']:.3g} (trace)>"

    def as_dict(self) -> dict[str, Any]:
        """For JSON; infinity is null."""
        listed = lambda values: None if values is None else [float(value) for value in values]
        bound = self.bound
        return {
            "name": self.name,
            "shape": list(self.shape),
            **{name: finite(value) for name, value in self.measures.items()},
            "feature_singular_values": listed(self.feature_singular_values),
            "feature_effective_rank": self.feature_rank,
            "weight_singular_values": listed(self.weight_singular_values),
            "weight_effective_rank": self.weight_rank,
            "distance_to_rank_K": self.distance,
            "bounds": None if bound is None else asdict(bound),
            "gradient_alignment": self.gradient_alignment,
            "gradient_in_rank_K": self.gradient_in_rank,
            "implied_reg": self.implied_reg,
            "feature_square": self.feature_square,
            "vectors": self.vectors,
            "after": self.after,
        }


def finite(value: float | None) -> float | None:
    """A number that JSON has, or None."""
    return value if value is not None and np.isfinite(value) else None


class LayerStream:
    """Moments of a layer's input and of the gradients at its output, batch by batch.

    ``weight`` has shape (m, d), or is None where only features are known, or a list of the blocks on the diagonal of a
    block-diagonal matrix. A convolution has as its matrix one row for each output channel, and its features are not the
    vectors that this multiplies: they come by :meth:`pull`.
    """

    def __init__(
        self, name: str, classes: int, dimension: int, weight: Array | Sequence[Array] | None = None, after: str = ""
    ) -> None:
        self.name, self.after = name, after
        self.blocks = [] if weight is None else [weight] if isinstance(weight, np.ndarray) else list(weight)
        if not all(np.isfinite(block).all() for block in self.blocks):
            raise ValueError(f"the weights of {name} {NOT_FINITE}")
        self.inputs = ClassMoments(classes, dimension)
        self._pulls: list[GradientStream] = []

    def add(self, rows: Array, labels: Labels, gradients: Array | None = None) -> None:
        """Join features (b, d) of classes (b,), with the gradients (b, m) of their own losses where they are known."""
        if rows.shape[1] != self.inputs.means.shape[1]:
            raise ValueError(
                f"{self.name} sees {rows.shape[1]} numbers after {self.inputs.means.shape[1]}; pass data of one size, "
                "or maps='mean'"
            )
        if not np.isfinite(rows).all():
            raise ValueError(f"the features of {self.name} {NOT_FINITE}")
        self.inputs.add(rows, labels)
        if gradients is not None and self.blocks:
            self.pull(rows, labels, gradients, len(rows))

    def pull(self, rows: Array, labels: Labels, gradients: Array, samples: int) -> None:
        """Join vectors (b, d) that the matrix multiplies, of some samples, and the gradients (b, m) at its output."""
        if not np.isfinite(gradients).all():
            raise ValueError(f"the gradients at {self.name} {NOT_FINITE}")
        if not self._pulls:
            self._pulls = [GradientStream(len(self.inputs.sizes), block) for block in self.blocks]
        columns, outputs = (np.cumsum([block.shape[axis] for block in self.blocks])[:-1] for axis in (1, 0))
        parts = zip(np.split(rows, columns, axis=1), np.split(gradients, outputs, axis=1), strict=True)
        for stream, (part, pulled) in zip(self._pulls, parts, strict=True):
            stream.add(part, labels, pulled, samples)

    def finished(self, reg: float | None) -> LayerMeasures:
        """What there is to say of all batches, with lambda of this matrix."""
        moments, blocks, K = self.inputs, self.blocks, len(self.inputs.sizes)
        measures = {**variability(moments), **shape_of_means(moments.means)}
        size = tuple(sum(block.shape[axis] for block in blocks) for axis in (0, 1))
        known = partial(
            LayerMeasures,
            self.name,
            size if blocks else (None, moments.means.shape[1]),
            feature_singular_values=moments.singular_values() if moments.has_scatter else None,
            feature_square=moments.square,
            vectors=moments.size,
            after=self.after,
        )
        if not blocks:
            return known(measures)
        if len(blocks) == 1 and size == moments.means.shape:
            measures |= duality(blocks[0], moments.means)
        values: list[Array] = [np.asarray(np.linalg.svd(block, compute_uv=False), dtype=float) for block in blocks]
        s: Array = np.sort(np.concatenate(values))[::-1]
        distance = float(np.linalg.norm(np.concatenate([each[K:] for each in values])))
        known = partial(known, measures, weight_singular_values=s, distance=distance)
        if not self._pulls:
            return known()
        cosine, share, implied = _alignment([each.gradient for each in self._pulls], blocks, K)
        pulled = zip(self._pulls, values, strict=True)
        return known(
            bound=None if reg is None else joined([stream.bound(reg, each) for stream, each in pulled]),
            gradient_alignment=cosine,
            gradient_in_rank=share,
            implied_reg=implied,
        )


def _alignment(
    gradients: Sequence[Array], blocks: Sequence[Array], classes: int
) -> tuple[float | None, float | None, float | None]:
    """Cosine of -G and W, the share of G in the K largest singular directions of each block, and |G| / |W|."""
    size, own = (float(np.linalg.norm([np.linalg.norm(each) for each in every])) for every in (gradients, blocks))
    if size == 0 or own == 0:
        return None, None, None
    s = np.concatenate([np.linalg.svd(each / size, compute_uv=False)[:classes] for each in gradients])
    cosine = -sum(float(np.sum(one / size * (other / own))) for one, other in zip(gradients, blocks, strict=True))
    return cosine, float(np.sum(s**2)), size / own

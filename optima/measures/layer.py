"""One weight matrix of a network: what enters it, what it is, and how far from rank K it can be."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np

from optima.measures.gradient import GradientStream, RankBound
from optima.measures.moments import ClassMoments, Labels
from optima.measures.neural_collapse import duality, effective_rank, shape_of_means, variability
from optima.model import Array
from optima.model.content import Content


@dataclass(frozen=True, eq=False)
class LayerMeasures(Content):
    """What is measured of the input of one weight matrix, and of the matrix.

    Attributes
    ----------
    name, shape
        Of the matrix W (m, d); m is None where only features are known. That of a convolution has a row for each output
        channel and a column for each input channel and place in the kernel.
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
        That of W from rank K.
    gradient_alignment
        Cosine of W and minus the gradient of the data loss in W: 1 where training is stationary.
    gradient_in_rank
        Share of the squared gradient in its K largest singular directions.
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

    ``weight`` has shape (m, d), or is None where only features are known. A convolution has as its matrix one row for
    each output channel, and its features are not the vectors that this multiplies: they come by :meth:`pull`.
    """

    def __init__(self, name: str, classes: int, dimension: int, weight: Array | None = None, after: str = "") -> None:
        self.name, self.weight, self.after = name, weight, after
        self.inputs = ClassMoments(classes, dimension)
        self._pulls: GradientStream | None = None

    def add(self, rows: Array, labels: Labels, gradients: Array | None = None) -> None:
        """Join features (b, d) of classes (b,), with the gradients (b, m) of their own losses where they are known."""
        if rows.shape[1] != self.inputs.means.shape[1]:
            raise ValueError(
                f"{self.name} sees {rows.shape[1]} numbers after {self.inputs.means.shape[1]}; pass data of one size, "
                "or maps='mean'"
            )
        self.inputs.add(rows, labels)
        if gradients is not None and self.weight is not None:
            self.pull(rows, labels, gradients, len(rows))

    def pull(self, rows: Array, labels: Labels, gradients: Array, samples: int) -> None:
        """Join vectors (b, d) that the matrix multiplies, of some samples, and the gradients (b, m) at its output."""
        assert self.weight is not None
        if self._pulls is None:
            self._pulls = GradientStream(len(self.inputs.sizes), self.weight)
        self._pulls.add(rows, labels, gradients, samples)

    def finished(self, reg: float | None) -> LayerMeasures:
        """What there is to say of all batches, with lambda of this matrix."""
        moments, W = self.inputs, self.weight
        measures = {**variability(moments), **shape_of_means(moments.means)}
        known = partial(
            LayerMeasures,
            self.name,
            (None if W is None else len(W), moments.means.shape[1] if W is None else W.shape[1]),
            feature_singular_values=moments.singular_values() if moments.has_scatter else None,
            feature_square=moments.square,
            vectors=moments.size,
            after=self.after,
        )
        if W is None:
            return known(measures)
        if W.shape == moments.means.shape:
            measures |= duality(W, moments.means)
        s: Array = np.asarray(np.linalg.svd(W, compute_uv=False), dtype=float)
        distance = float(np.linalg.norm(s[len(moments.means) :]))
        known = partial(known, measures, weight_singular_values=s, distance=distance)
        if self._pulls is None:
            return known()
        cosine, share, implied = _alignment(self._pulls.gradient, W, len(moments.means))
        return known(
            bound=None if reg is None else self._pulls.bound(reg, s),
            gradient_alignment=cosine,
            gradient_in_rank=share,
            implied_reg=implied,
        )


def _alignment(gradient: Array, weight: Array, classes: int) -> tuple[float | None, float | None, float | None]:
    """Cosine of -G and W, the share of G in its K largest singular directions, and |G| / |W|."""
    size, own = float(np.linalg.norm(gradient)), float(np.linalg.norm(weight))
    if size == 0 or own == 0:
        return None, None, None
    s = np.linalg.svd(gradient / size, compute_uv=False)
    cosine = -float(np.sum(gradient / size * (weight / own)))
    return cosine, float(np.sum(s[:classes] ** 2)), size / own

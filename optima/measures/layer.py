"""One weight matrix of a network: what enters it, what it is, and how far from rank K it can be."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from optima.measures.geometry import duality, effective_rank, shape_of_means, variability
from optima.measures.moments import ClassMoments, Labels
from optima.model import Array
from optima.model.content import Content


@dataclass(frozen=True)
class RankBound:
    r"""How far a weight matrix is from rank K, and what bounds that.

    .. math::
        \operatorname{dist}_F(W, \operatorname{rank} K) \le
        \frac{\|\sum_j \delta_j \xi_j^T\|_F}{\lambda N} + r \le
        \frac{\sqrt{\operatorname{TCV}(\delta) \operatorname{TCV}(x)}}{\lambda} + r \le
        \frac{\operatorname{rms}(\delta) \sqrt{\operatorname{TCV}(x)}}{\lambda} + r, \qquad
        r = \|\nabla_W f\|_F / \lambda

    with x_j the input of the layer, xi_j = x_j less the mean of its class, and delta_j the gradient of the loss of
    sample j at the output of the layer. For any activation, loss and classes; ``within``, ``product`` and ``crude``
    are the three terms without r, which is ``residual``: it vanishes where training is stationary.
    Source: derivations/rank_bound.py; zangrando2025 has a bound of this kind.
    """

    distance: float
    within: float
    product: float
    crude: float
    residual: float

    @property
    def chain(self) -> tuple[float, ...]:
        """The distance and the three bounds with the residual, ascending."""
        return (self.distance, *(bound + self.residual for bound in (self.within, self.product, self.crude)))


@dataclass(frozen=True, eq=False)
class LayerMeasures(Content):
    """What is measured of the input of one weight matrix, and of the matrix.

    Attributes
    ----------
    name, shape
        Of the matrix W (m, d); m is None where only features are known.
    measures
        ``nc1_trace``, ``nc1_pinv``, ``cdnv``, ``tcv``, ``nc2``, ``equinorm``, ``equiangular``, ``max_angle``,
        ``log_distance``, ``uniformity``, ``least_angle`` of the features, and where W has a row for each class ``nc3``,
        ``alignment``, ``duality``, ``duality_spread``; as in :mod:`optima.measures.geometry`, None where undefined.
    feature_singular_values, weight_singular_values
        Of X / sqrt(N) and of W, descending; None where they are not known.
    bound
        The distance of W from rank K and its bounds, where gradients and lambda are known.
    gradient_alignment
        Cosine of W and minus the gradient of the data loss in W: 1 where training is stationary.
    gradient_in_rank
        Share of the squared gradient in its K largest singular directions.
    implied_reg
        Norm of the gradient of the data loss over that of W: lambda, where training is stationary.
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
            "bounds": None
            if bound is None
            else {name: getattr(bound, name) for name in ("within", "product", "crude", "residual")},
            "gradient_alignment": self.gradient_alignment,
            "gradient_in_rank_K": self.gradient_in_rank,
            "implied_reg": self.implied_reg,
        }


def finite(value: float | None) -> float | None:
    """A number that JSON has, or None."""
    return value if value is not None and np.isfinite(value) else None


class LayerStream:
    """Moments of a layer's input and of the gradients at its output, batch by batch.

    ``weight`` has shape (m, d), or is None where only features are known.
    """

    def __init__(self, name: str, classes: int, dimension: int, weight: Array | None = None) -> None:
        self.name, self.weight = name, weight
        self.inputs = ClassMoments(classes, dimension)
        self._outputs: ClassMoments | None = None
        self._square = 0.0
        self._cross: Array | None = None

    def add(self, rows: Array, labels: Labels, gradients: Array | None = None) -> None:
        """Join features (b, d) of classes (b,), with the gradients (b, m) of their own losses where they are known."""
        batch, moved, weight = self.inputs.add(rows, labels)
        if gradients is None or self.weight is None:
            return
        if self._outputs is None or self._cross is None:
            self._outputs = ClassMoments(len(self.inputs.sizes), gradients.shape[1], full=False)
            self._cross = np.zeros_like(self.weight)
        own, pulled, _ = self._outputs.add(gradients, labels)
        self._cross += own.deviations.T @ batch.deviations + (pulled.T * weight) @ moved
        self._square += float(np.sum(gradients**2))

    def finished(self, reg: float | None) -> LayerMeasures:
        """What there is to say of all batches, with lambda of this matrix."""
        moments, W = self.inputs, self.weight
        measures = {**variability(moments), **shape_of_means(moments.means)}
        if W is None:
            return LayerMeasures(self.name, (None, moments.means.shape[1]), measures, self._feature_values())
        if len(W) == len(moments.means):
            measures |= duality(W, moments.means)
        s: Array = np.asarray(np.linalg.svd(W, compute_uv=False), dtype=float)
        distance = float(np.linalg.norm(s[len(moments.means) :]))
        known = partial(LayerMeasures, self.name, (len(W), W.shape[1]), measures, self._feature_values(), s)
        if self._outputs is None or self._cross is None:
            return known(distance=distance)
        N = moments.size
        data_gradient = (self._cross + (self._outputs.means.T * moments.sizes) @ moments.means) / N
        bound = None
        if reg is not None:
            spreads = [float(each.spread.sum()) / N for each in (self._outputs, moments)]
            bound = RankBound(
                distance,
                within=float(np.linalg.norm(self._cross)) / (reg * N),
                product=float(np.sqrt(spreads[0]) * np.sqrt(spreads[1])) / reg,
                crude=float(np.sqrt(self._square / N) * np.sqrt(spreads[1])) / reg,
                residual=float(np.linalg.norm(data_gradient + reg * W)) / reg,
            )
        return known(bound, distance, *_alignment(data_gradient, W, len(moments.means)))

    def _feature_values(self) -> Array | None:
        return self.inputs.singular_values() if self.inputs.has_scatter else None


def _alignment(gradient: Array, weight: Array, classes: int) -> tuple[float | None, float | None, float | None]:
    """Cosine of -G and W, the share of G in its K largest singular directions, and |G| / |W|."""
    size, own = float(np.linalg.norm(gradient)), float(np.linalg.norm(weight))
    if size == 0 or own == 0:
        return None, None, None
    s = np.linalg.svd(gradient / size, compute_uv=False)
    cosine = -float(np.sum(gradient / size * (weight / own)))
    return cosine, float(np.sum(s[:classes] ** 2)), size / own

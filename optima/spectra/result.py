"""A spectrum as it is answered: eigenvalues with how each is known, and on request what they belong to."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from optima.model import Array, DeepUFM
from optima.model.content import Content
from optima.model.inputs import positive_integer
from optima.model.key import problem_dict
from optima.presented import drawn_by, shown_by
from optima.spectra.alignment import Alignment, align, by_class_means
from optima.spectra.eigenvalues import Eigenvalue, repeated
from optima.spectra.layer_blocks import KroneckerVectors, LayerBlocks
from optima.spectra.point import Point
from optima.spectra.split import Split, split_layer

HESSIANS = ("hessian", "gauss-newton")
MATRICES = {
    "hessian": "Hessian of the loss",
    "gauss-newton": "Gauss-Newton matrix",
    "gradient": "second moment of the gradients of the samples",
    "gradient-covariance": "covariance of the gradients of the samples",
    "weights": "weights W^T W",
    "features": "features X X^T / N",
}


def outlier_count(problem: DeepUFM) -> int:
    """Number of outliers of a layer at collapse: K^2, (K-1)^2 in the linear cross-entropy model."""
    return (problem.classes - (problem.loss == "ce" and not problem.nonlinear)) ** 2


@dataclass(frozen=True, eq=False)
class KnownSpectrum(Content):
    """Eigenvalues of one matrix of a network, and how each is known.

    Attributes
    ----------
    problem
        The model.
    of, layer, regularised, kink
        Which matrix: as :func:`optima.spectrum` was asked; layer 0 is that of the features H.
    eigenvalues
        Descending. Where only the largest are known (Lanczos) they are fewer than ``order``.
    order
        Order of the matrix.
    structure
        Name of the structure it is the spectrum at, or ``""``.
    scales
        The scales of that structure.
    point
        The network (no part of ``==``).
    """

    problem: DeepUFM
    of: str
    layer: int | str
    regularised: bool
    kink: int
    eigenvalues: tuple[Eigenvalue, ...]
    order: int
    structure: str
    scales: tuple[float, ...]
    point: Point = field(compare=False, repr=False)

    @property
    def title(self) -> str:
        """``Hessian of the loss in W_3, without regularisation, at the structure frame``."""
        place = {"all": "all parameters", 0: "the features H"}.get(self.layer, f"W_{self.layer}")
        where = {"weights": f"of W_{self.layer}", "features": f"entering W_{self.layer}"}.get(self.of, f"in {place}")
        reg = f", {'with' if self.regularised else 'without'} regularisation" if self.of in HESSIANS else ""
        at = f"at the structure {self.structure}" if self.structure else "at the given factors"
        return f"{MATRICES[self.of]} {where}{reg}, {at}"

    @property
    def values(self) -> Array:
        """All known eigenvalues, by multiplicity, descending."""
        return repeated(self.eigenvalues)

    @property
    def known(self) -> int:
        """Number of known eigenvalues; the others are no larger."""
        return sum(each.multiplicity for each in self.eigenvalues)

    @property
    def _layer(self) -> int | str:
        return "H" if self.layer == 0 else self.layer

    @property
    def bulk(self) -> float:
        """What the eigenvalues of directions that the loss does not see are: 0, or lambda_l where regularised."""
        return self._shift if isinstance(self.layer, int) else 0.0

    @property
    def _shift(self) -> float:
        return self.problem.regs[int(self.layer) - 1] if self.regularised else 0.0

    @property
    def outliers(self) -> tuple[Eigenvalue, ...]:
        """The eigenvalues above the bulk; of all parameters, where there is no such, those that are not zero."""
        if self.layer == "all":
            return tuple(each for each in self.eigenvalues if abs(each.value) > each.error)
        return tuple(each for each in self.eigenvalues if each.value - self.bulk > each.error)

    @property
    def rank(self) -> int:
        """Number of outliers."""
        return sum(each.multiplicity for each in self.outliers)

    @property
    def trace(self) -> float:
        """Sum of the known eigenvalues."""
        return float(sum(each.value * each.multiplicity for each in self.eigenvalues))

    @property
    def top(self) -> float:
        """The largest eigenvalue."""
        return self.eigenvalues[0].value

    def _one_weight_matrix(self, what: str) -> int:
        if self.of not in HESSIANS or not isinstance(self.layer, int) or self.layer == 0:
            raise ValueError(
                f"{what} is that of the Hessian of one weight matrix; pass of='hessian' and a layer from 1 to "
                f"{self.problem.depth}"
            )
        return self.layer

    @cached_property
    def _blocks(self) -> LayerBlocks:
        return LayerBlocks(self.point, int(self.layer))

    @cached_property
    def vectors(self) -> KroneckerVectors:
        """Orthonormal eigenvectors of the Hessian of a weight matrix, factored, with its values unregularised.

        Raises ValueError for other matrices.
        """
        self._one_weight_matrix("vectors")
        found = self._blocks.vectors()
        kept = found.values > found.values.max(initial=0.0) * found.values.size * float(np.finfo(float).eps)
        return KroneckerVectors(found.values[kept], found.left, found.right, found.coefficients[kept])

    def class_vectors(self) -> tuple[KroneckerVectors, Array]:
        """The eigenvectors as sums of Kronecker products of class means, and which share of each they reach.

        Raises ValueError for other matrices than the Hessian of a weight matrix.
        """
        return by_class_means(self.point, self._one_weight_matrix("class_vectors"), self.vectors)

    @cached_property
    def split(self) -> Split:
        """G_class, G_cross and G_within. Raises ValueError for other matrices than the Hessian of a weight matrix."""
        return split_layer(self.point, self._one_weight_matrix("split"))

    def alignment(self, outliers: int | None = None) -> Alignment:
        """How the gradient lies to the eigenvectors of the ``outliers`` largest eigenvalues.

        By default they are the nonzero ones, and no more than collapse has: K^2, (K-1)^2 in the linear cross-entropy
        model.
        Raises ValueError for other matrices than the Hessian of a weight matrix.
        """
        self._one_weight_matrix("alignment")
        chosen = outlier_count(self.problem) if outliers is None else positive_integer("outliers", outliers)
        return align(self.point, self._blocks, self.vectors, min(chosen, self.vectors.values.size))

    def as_dict(self) -> dict[str, Any]:
        """For JSON: the object that ``optima spectrum --json`` prints."""
        return {
            "problem": problem_dict(self.problem),
            "of": self.of,
            "layer": self._layer,
            "regularised": self.regularised,
            **({"kink": self.kink} if self.problem.nonlinear else {}),
            "structure": self.structure or None,
            "scales": list(self.scales),
            "order": self.order,
            "rank": self.rank,
            "eigenvalues": [each.as_dict() for each in self.eigenvalues],
        }

    def __str__(self) -> str:
        return str(shown_by("report.spectrum:spectrum_text", self))

    def __repr__(self) -> str:
        ranks = f"rank {self.rank} of {self.order}"
        return f"<KnownSpectrum of the {self.of}, layer {self._layer}: {ranks}, top {self.top:.6g}>"

    def plot(self, path: str | Path | None = None) -> Any:
        """The eigenvalues as a picture."""
        return drawn_by("plot.spectrum:plot_spectrum", self, path)

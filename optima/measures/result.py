"""What was measured of a network, as data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from optima.files import write
from optima.measures.beside import NetworkReport, report
from optima.measures.layer import LayerMeasures
from optima.model import Array, DeepUFM
from optima.model.content import Content
from optima.network import Comparison, compare
from optima.presented import shown_by
from optima.reduction import center
from optima.structures.recognition import Recognition, recognise


@dataclass(frozen=True, eq=False)
class Measures(Content):
    """A network on a data set: how collapsed each of its layers is, how near to rank K, and what its logits are.

    Attributes
    ----------
    sizes
        Samples of each class.
    loss
        ``"ce"``, ``"mse"``, or ``""`` for another.
    layers
        One for each linear layer, in the order in which they act; the last one is the classifier.
    data_loss, accuracy
        Mean loss of the samples without regularisation, and the share of them that is classified right.
    nc4
        Share of the samples of which the network says the same as the nearest class mean of the last features.
    mean_logits
        Class-mean logits M, shape (K, K), column c those of class c; None where none were given.
    regs
        lambda of each weight matrix, or None.
    notes
        Sentences on what could not be had.
    """

    sizes: tuple[int, ...]
    loss: str
    layers: tuple[LayerMeasures, ...]
    data_loss: float | None = None
    accuracy: float | None = None
    nc4: float | None = None
    mean_logits: Array | None = None
    regs: tuple[float | None, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def classes(self) -> int:
        """K."""
        return len(self.sizes)

    @property
    def last(self) -> LayerMeasures:
        """The last layer, of which neural collapse usually is asked."""
        return self.layers[-1]

    @cached_property
    def recognition(self) -> Recognition | None:
        """What the class-mean logits are, and the nearest structures; None without logits."""
        if self.mean_logits is None or self.mean_logits.shape[0] != self.classes:
            return None
        squared = self.loss == "mse"
        means = self.mean_logits if squared else center(self.mean_logits)
        return recognise(means, loss="mse" if squared else "ce")

    def problem(self, depth: int, reg: float | tuple[float, ...]) -> DeepUFM:
        """The linear model with free features of these classes, with a head of ``depth`` weight matrices."""
        return DeepUFM(self.classes, depth, reg, self.sizes, loss=self.loss or "ce")

    def compare(self, depth: int, reg: float | tuple[float, ...], effort: str = "normal") -> Comparison:
        """The mean logits among the minima of the model with free features, as :func:`optima.compare`.

        Raises ValueError where no logits were measured.
        """
        if self.mean_logits is None:
            raise ValueError("there are no logits; pass a network, or logits= of the samples")
        return compare(self.mean_logits, self.problem(depth, reg), transpose=False, effort=effort)

    def report(
        self,
        depth: int | None = None,
        reg: float | Sequence[float] | None = None,
        *,
        feature_reg: float | None = None,
        activation: str | None = None,
        search: bool | None = None,
        effort: str = "normal",
    ) -> NetworkReport:
        r"""In words: how collapsed, nearest to which structure, how far from the optimum, and what would change that.

        .. math:: \min_{W_1..W_L, H}\; g(Z) + \sum_l \tfrac{\lambda_l}{2} \|W_l\|^2 + \tfrac{\lambda_H}{2} \|H\|^2

        is the model: the last L matrices are the head, and the features that enter it are free.

        Parameters
        ----------
        depth
            L; by default the last matrix and those before it between which nothing stands, as far as their decay is
            known.
        reg
            lambda of the head's weights, one or L numbers; by default as measured.
        feature_reg
            lambda_H, where features were penalised; by default such that
            :math:`\lambda_1 \|W_1\|^2 = \lambda_H \|H\|^2`.
        activation
            ``"linear"`` or ``"relu"``; by default what stands between the matrices of the head.
        search, effort
            Whether and how hard a better minimum than the named structures is looked for: by default where the head is
            linear and has at most 40 classes.

        Raises ValueError where there are no logits, the decay is not known, or the head is not of this kind.
        """
        return report(self, depth, reg, feature_reg, activation, search, effort)

    def as_dict(self) -> dict[str, Any]:
        """For JSON; what is infinite or could not be had is null."""
        found = self.recognition
        return {
            "classes": self.classes,
            "sizes": list(self.sizes),
            "loss": self.loss or None,
            "data_loss": self.data_loss,
            "accuracy": self.accuracy,
            "nc4": self.nc4,
            "structure": None if found is None else found.name,
            "nearest": None if found is None else [near._asdict() for near in found.nearest],
            "mean_logits": None if self.mean_logits is None else self.mean_logits.tolist(),
            "layers": [layer.as_dict() for layer in self.layers],
            "notes": list(self.notes),
        }

    def page(self, path: str | Path) -> None:
        """Write an HTML page that says all of it in words and tables, whole or not at all."""
        write(Path(path), str(shown_by("report.measures:measures_page", self)).encode())

    def __str__(self) -> str:
        return str(shown_by("report.measures:measures_text", self))

    def __repr__(self) -> str:
        near = self.recognition.nearest[0].name if self.recognition is not None else None
        logits = "" if near is None else f", logits nearest to {near}"
        return f"<Measures K={self.classes}, {len(self.layers)} layers: {self.last!r}{logits}>"

    def _repr_html_(self) -> str:
        return str(shown_by("report.measures:measures_html", self))

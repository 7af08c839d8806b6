"""A network measured batch by batch: its layers, logits and losses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from optima.measures.layer import LayerStream
from optima.measures.moments import ClassMoments, Labels
from optima.measures.neural_collapse import nearest_centres
from optima.measures.result import Measures
from optima.model import Array


class MeasureStream:
    """Measures of layers whose data come in batches, in any order; memory does not grow with their number.

    ``layers`` are streams in the order of the network. First :meth:`add` every batch, then, for NC4, go through the
    data once more with :meth:`agree`; :meth:`finished` says what was found.
    """

    def __init__(self, classes: int, layers: Sequence[LayerStream]) -> None:
        self.classes, self.layers = classes, list(layers)
        self._logits: ClassMoments | None = None
        self._loss, self._right, self._agreed, self._seen = 0.0, 0, 0, 0

    def add(self, labels: Labels, logits: Array | None = None, losses: Array | None = None) -> None:
        """Logits (b, K) and losses (b,) of samples whose features the layers were given."""
        if logits is None:
            return
        if self._logits is None:
            self._logits = ClassMoments(self.classes, logits.shape[1], full=False)
        self._logits.add(logits, labels)
        self._right += int(np.sum(logits.argmax(axis=1) == labels))
        self._loss += 0.0 if losses is None else float(np.sum(losses))

    def agree(self, features: Array, logits: Array) -> None:
        """Count where the network and the nearest class mean of the last features say the same, on a second pass."""
        nearest = nearest_centres(features, self.layers[-1].inputs.means)
        self._agreed += int(np.sum(nearest == logits.argmax(axis=1)))
        self._seen += len(features)

    def finished(self, regs: Sequence[float | None], loss: str, notes: Sequence[str] = ()) -> Measures:
        """The measures, with lambda of each weight matrix. Raises ValueError where a class has no sample."""
        sizes = self.layers[-1].inputs.sizes if self._logits is None else self._logits.sizes
        if not sizes.all():
            missing = int(np.flatnonzero(sizes == 0)[0])
            raise ValueError(f"class {missing} of {self.classes} has no sample; pass samples of every class")
        N = int(sizes.sum())
        return Measures(
            sizes=tuple(int(size) for size in sizes),
            loss=loss,
            layers=tuple(layer.finished(reg) for layer, reg in zip(self.layers, regs, strict=True)),
            data_loss=None if self._logits is None else self._loss / N,
            accuracy=None if self._logits is None else self._right / N,
            nc4=self._agreed / self._seen if self._seen else None,
            mean_logits=None if self._logits is None else self._logits.means.T.copy(),
            regs=tuple(regs),
            notes=tuple(notes),
        )

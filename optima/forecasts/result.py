"""A forecast as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from optima.model import Array, DeepUFM
from optima.model.content import Content
from optima.model.key import problem_dict
from optima.presented import shown_by


@dataclass(frozen=True, eq=False)
class Prediction(Content):
    """A head that has the form of one structure.

    ``factors`` holds the nonzero singular values of W_1, ..., W_L and H, descending, ``logits`` those of Z in
    R^{K x N}; ``known_by`` says how the loss is known, and ``structure`` what it is: the name itself, or of a minimum
    that was found the name that its logits, or network, are recognised by.
    """

    name: str
    loss: float
    data_loss: float
    logits: Array
    factors: tuple[Array, ...]
    known_by: str
    structure: str = ""

    def __post_init__(self) -> None:
        if not self.structure:
            object.__setattr__(self, "structure", self.name)

    @property
    def rank(self) -> int:
        """Rank of the logits."""
        return int(self.logits.size)

    def __repr__(self) -> str:
        return f"<Prediction {self.name}: loss {self.loss:.6g}, rank {self.rank}>"

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        names = [*(f"W_{index}" for index in range(1, len(self.factors))), "H"]
        return {
            "name": self.name,
            "structure": self.structure,
            "loss": self.loss,
            "data_loss": self.data_loss,
            "rank": self.rank,
            "logits": self.logits.tolist(),
            "factors": {name: values.tolist() for name, values in zip(names, self.factors, strict=True)},
            "known_by": self.known_by,
        }


@dataclass(frozen=True, eq=False)
class Forecast(Content):
    """Heads that a network may end with, least loss first.

    ``predictions`` begins with the one that is forecast: the global minimum where it is known in closed form, else the
    best minimum known or the best of the named structures, as its ``known_by`` says.
    """

    problem: DeepUFM
    predictions: tuple[Prediction, ...]

    @property
    def best(self) -> Prediction:
        """The head of least loss."""
        return self.predictions[0]

    def __getitem__(self, name: str) -> Prediction:
        """The prediction with that name. Raises KeyError for an unknown one."""
        for each in self.predictions:
            if each.name == name:
                return each
        raise KeyError(name)

    def distance(self, layer: int, weights: Array) -> float:
        """||s(W) - s(forecast)|| / ||s(forecast)|| for a trained W_l, ``layer`` from 1 to L.

        It is nan where zero is forecast. Raises ValueError for another layer.
        """
        if not 1 <= layer <= self.problem.depth:
            raise ValueError(f"layer is {layer}; pass one from 1 to {self.problem.depth}")
        found, expected = np.linalg.svd(weights, compute_uv=False), self.best.factors[layer - 1]
        if not expected.size:
            return float("nan")
        longer = max(found.size, expected.size)
        put = lambda values: np.concatenate([values, np.zeros(longer - values.size)])
        return float(np.linalg.norm(put(found) - put(expected)) / np.linalg.norm(expected))

    def as_dict(self) -> dict[str, Any]:
        """For JSON: the object that ``optima forecast --json`` prints."""
        return {"problem": problem_dict(self.problem), "predictions": [each.as_dict() for each in self.predictions]}

    def __str__(self) -> str:
        return str(shown_by("report.forecast:forecast_text", self))

    def __repr__(self) -> str:
        return f"<Forecast {self.problem.summary}: {self.best!r}>"

    def _repr_html_(self) -> str:
        return str(shown_by("report.forecast:forecast_html", self))

"""A lower bound with what is needed to check it again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from optima.checker import Verification, verify
from optima.files import parse_json
from optima.model import Array, DeepUFM
from optima.model.content import Content
from optima.model.foreign import check_fields, check_numbers, check_real
from optima.model.inputs import one_of
from optima.proofs.gap import relative_gap

# How a lower bound was proved; each has its checker.
METHODS = (
    "squared error",
    "depth one",
    "branch and bound",
    "one direction",
    "nuclear norm",
    "two directions",
    "class shares",
    "pairs of classes",
    "rank one",
    "relabelled boxes",
    "chord",
    "nonnegative",
)


@dataclass(frozen=True, eq=False)
class Certificate(Content):
    r"""Proof that no parameters have a smaller loss than ``lower``.

    .. math:: \text{lower} \le \min_Z f(Z) \le \text{upper} = f(M), \qquad \text{gap} = 1 - \text{lower} / \text{upper}

    Attributes
    ----------
    problem
        The model.
    lower, upper
        The bounds; ``upper`` is the loss of ``means``.
    means
        Class-mean logits M that reach ``upper``, shape (K, K).
    method
        One of ``METHODS``.
    rigour
        What is proved and what rests on floating point, in words.
    seconds
        Time the proof took.
    data
        Arrays from which :meth:`verify` proves the bound again.
    ended
        Why the proof goes no further, in words: the gap asked for is reached, the boxes are used up, or the clock.
    """

    problem: DeepUFM
    lower: float
    upper: float
    means: Array
    method: str
    rigour: str
    seconds: float = field(compare=False)
    data: Mapping[str, Array] = field(default_factory=dict)
    ended: str = ""

    @property
    def gap(self) -> float:
        """1 - lower / upper."""
        return relative_gap(self.lower, self.upper)

    def verify(self, intervals: bool = False) -> Verification:
        """Prove both bounds again, by code that shares only the loss with the proof.

        With ``intervals`` in ball arithmetic (needs python-flint, and a proof over at most three classes): then the
        answer does not rest on rounding. Nothing is raised when the proof fails: the verification says why.
        """
        return verify(self.problem, self.lower, self.upper, self.means, self.method, dict(self.data), intervals)

    def as_dict(self) -> dict[str, Any]:
        """What JSON and tables show."""
        return {"method": self.method, "rigour": self.rigour, "ended": self.ended}

    def arrays(self) -> dict[str, Array]:
        """Arrays to be saved, with the words in one JSON string."""
        words = {"lower": self.lower, "upper": self.upper, "seconds": self.seconds, **self.as_dict()}
        return {"words": np.array(json.dumps(words)), **self.data}

    @classmethod
    def from_arrays(cls, problem: DeepUFM, means: Array, arrays: Mapping[str, Array]) -> Certificate:
        """The certificate whose :meth:`arrays` were saved."""
        words = parse_json(str(arrays["words"]))
        data = {name: array for name, array in arrays.items() if name != "words"}
        return cls(problem, means=means, data=data, **words)

    def __repr__(self) -> str:
        bounds = f"{self.lower:.6g} <= minimum <= {self.upper:.6g}, gap {self.gap:.2g}"
        return f"<Certificate {self.problem.summary}: {bounds}, by {self.method}>"

    def __str__(self) -> str:
        bounds = f"{self.lower:.12g} <= minimum <= {self.upper:.12g} (gap {self.gap:.1e})"
        return f"{bounds} by {self.method}: {self.rigour}" + (f"; {self.ended}" if self.ended else "")


def check_certificate(certificate: Certificate) -> None:
    """Raise ValueError unless every field of a certificate is of its kind; what it proves is another matter."""
    check_fields(certificate)
    one_of("method", certificate.method, METHODS)
    for name in ("lower", "upper", "seconds"):
        check_real(name, getattr(certificate, name))
    check_numbers(certificate.data)

"""Numbers and words that come from elsewhere: each is of its kind, or refused in one sentence."""

from __future__ import annotations

import dataclasses
import math
import numbers
from collections.abc import Mapping

import numpy as np

from optima.model.inputs import LARGEST, positive_integer, shown

# Letters of the longest words that are taken: descriptions of structures and proofs have some hundred.
LONGEST = 2000


def check_numbers(data: Mapping[str, object]) -> None:
    """Raise ValueError unless the data of a certificate are arrays of numbers."""
    for name, array in data.items():
        if not (isinstance(array, np.ndarray) and array.dtype.kind in "biuf"):
            raise ValueError(f"{shown(name)} in a certificate is {shown(array)}; pass an array of numbers")


def check_fields(record: object, infinite: bool = False) -> None:
    """Raise unless every field of a dataclass that is declared a number or text is one; nan is a number here.

    With ``infinite`` so are the infinities.
    """
    for field in dataclasses.fields(record):  # type: ignore[arg-type]
        value, kind = getattr(record, field.name), str(field.type)
        if value is None and kind.endswith(" | None"):
            continue
        kind = kind.removesuffix(" | None")
        if kind == "str":
            check_words(field.name, value)
        elif kind == "int":
            positive_integer(field.name, value, minimum=-LARGEST)
        elif kind == "float" and not (isinstance(value, float) and (math.isnan(value) or infinite)):
            check_real(field.name, value)


def check_words(name: str, value: object) -> None:
    """Raise ValueError unless ``value`` is text that can be printed and stored anywhere."""
    if not (isinstance(value, str) and value.isprintable() and len(value) <= LONGEST):
        raise ValueError(f"{name} is {shown(value)}; pass printable text of at most {LONGEST} letters")


def check_real(name: str, value: object) -> None:
    """Raise ValueError unless ``value`` is a finite number."""
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not (real and abs(value) < math.inf):  # type: ignore[arg-type]
        raise ValueError(f"{name} is {shown(value)}; pass a finite number")


def check_matrix(name: str, value: object, classes: int) -> None:
    """Raise ValueError unless ``value`` is a finite real matrix of shape (K, K)."""
    real = isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.shape == (classes, classes)
    if not (real and np.isfinite(value).all()):  # type: ignore[call-overload]
        raise ValueError(f"{name} is {shown(value)}; pass finite numbers of shape ({classes}, {classes})")

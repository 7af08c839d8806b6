"""Which axis of an array is what: the logits of a network as class means, and per sample where they came so."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optima.model import Array
from optima.reduction import class_means

Labels = NDArray[np.int64]

# Largest number of an array: products of four still are floats.
LARGEST = 1e70


@dataclass(frozen=True)
class Layout:
    """Logits as the theory has them: a column for each sample or class, a row for each class.

    Attributes
    ----------
    means
        Class-mean logits, shape (K, K).
    columns
        Logits of all samples, those of class 0 first, shape (K, N); None where only the means were given.
    sizes
        Samples of each class, shape (K,); None where only the means were given.
    order
        The samples in the order of ``columns``.
    transposed
        Whether rows of the array given were samples or classes.
    notes
        Sentences on what was taken for granted.
    """

    means: Array
    columns: Array | None = None
    sizes: Labels | None = None
    order: Labels | None = None
    transposed: bool = False
    notes: tuple[str, ...] = field(default=())

    @property
    def accuracy(self) -> float:
        """Share of the samples, or of the class means, whose largest logit is that of their class."""
        columns = self.means if self.columns is None else self.columns
        labels = np.repeat(np.arange(len(self.means)), 1 if self.sizes is None else self.sizes)
        return float(np.mean(columns.argmax(axis=0) == labels))


def laid_out(logits: Any, labels: Any = None, sizes: Any = None, transpose: bool | None = None) -> Layout:
    """The layout of logits of shape (N, K), as in PyTorch, or (K, N), as in the theory, or of class means (K, K).

    With labels the axis of their length is that of the samples; of a square array that in which more of the largest
    logits are those of the labels, the rows where both have as many. Without labels a square array holds class means,
    column c those of class c, unless its rows have mean zero and its columns have not; an array with as many columns,
    or rows, as the class sizes ``sizes`` add up to holds the samples class by class. ``transpose`` decides instead:
    True where a row is a sample or class, False where a column is.

    Raises ValueError where the arrays are of other shapes, or hold anything but finite numbers and labels 0..K-1.
    """
    array = numbers("logits", logits)
    if array.ndim != 2 or min(array.shape) < 2:
        raise ValueError(f"logits have shape {array.shape}; pass class means (K, K), or samples (N, K) with labels")
    if labels is not None:
        return _labelled(array, whole_numbers(labels), transpose)
    if array.shape[0] == array.shape[1]:
        return _class_means(array, transpose)
    return _in_class_order(array, sizes, transpose)


def numbers(name: str, values: Any) -> Array:
    """An array of finite floats. Raises ValueError for anything else."""
    array = as_array(name, values)
    if array.dtype.kind not in "fiu":
        raise ValueError(f"{name} are of type {array.dtype}; pass real numbers")
    array = array.astype(float)
    bad = int(array.size - np.isfinite(array).sum())
    if bad:
        raise ValueError(f"{name} contain {bad} missing or infinite number{'s' * (bad > 1)}; pass finite ones")
    if array.size and np.abs(array).max() > LARGEST:
        raise ValueError(f"{name} contain numbers beyond {LARGEST:g}, whose squares overflow; pass smaller ones")
    return array


def as_array(name: str, values: Any) -> NDArray[Any]:
    """A tensor on any device, an array or lists as an array."""
    try:
        if hasattr(values, "detach"):
            tensor = values.detach().cpu()
            # numpy has no bfloat16.
            values = tensor.float() if tensor.is_floating_point() and tensor.itemsize < 4 else tensor
        return np.asarray(values)
    except ValueError:
        raise ValueError(f"{name} have rows of different lengths; pass a rectangular array") from None


def whole_numbers(labels: Any) -> Labels:
    """Labels, of any shape with one axis that is longer than 1, as integers. Raises ValueError for anything else."""
    array = as_array("labels", labels)
    if array.dtype.kind not in "fiu" or array.size == 0:
        raise ValueError(f"labels are of type {array.dtype}; pass the class of each sample as a number from 0 on")
    if array.ndim == 0 or max(array.shape) != array.size:
        raise ValueError(f"labels have shape {array.shape}; pass one number for each sample")
    array = array.ravel()
    if not (np.isfinite(array).all() and (array == np.round(array)).all()):
        raise ValueError("labels are not all whole numbers; pass the class of each sample as a number from 0 on")
    return array.astype(np.int64)


def by_class(columns: Array, labels: Labels, classes: int) -> tuple[Array, Array, Labels, Labels]:
    """Class means, columns sorted by class, class sizes and that order. Raises ValueError unless labels are 0..K-1."""
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= classes:
        advice = "; subtract 1 from every label" if (low, high) == (1, classes) else ""
        raise ValueError(
            f"labels run from {low} to {high}, and logits of {classes} classes have labels from 0 to {classes - 1}"
            + (advice or "; pass such labels, or logits of all classes")
        )
    sizes = np.bincount(labels, minlength=classes)
    if not sizes.all():
        missing = int(np.flatnonzero(sizes == 0)[0])
        raise ValueError(f"class {missing} of {classes} has no sample; pass samples of every class, or class means")
    order = np.argsort(labels, kind="stable")
    return class_means(columns[:, order], sizes), columns[:, order], sizes, order


def _labelled(array: Array, labels: Labels, transpose: bool | None) -> Layout:
    rows, columns = (length == labels.size for length in array.shape)
    notes: tuple[str, ...] = ()
    if transpose is None and rows and columns:
        transpose, notes = _square(array, labels)
    if transpose is None:
        transpose = rows
    if array.shape[0 if transpose else 1] != labels.size:
        raise ValueError(f"there are {labels.size} labels for logits of shape {array.shape}; pass one for each sample")
    columns_first = array.T if transpose else array
    means, ordered, sizes, order = by_class(columns_first, labels, len(columns_first))
    return Layout(means, ordered, sizes, order, transpose, notes)


def _square(array: Array, labels: Labels) -> tuple[bool, tuple[str, ...]]:
    right = [int(np.sum(each.argmax(axis=0) == labels)) for each in (array.T, array)]
    if right[0] == right[1]:
        return True, ("The logits are square: rows were taken as samples; if they are classes, pass --no-transpose.",)
    return right[0] > right[1], ()


def _class_means(array: Array, transpose: bool | None) -> Layout:
    if transpose is not None:
        return Layout(array.T if transpose else array, transposed=transpose)
    size = np.linalg.norm(array)
    by_column, by_row = (float(np.linalg.norm(array.mean(axis=axis))) for axis in (0, 1))
    if by_row <= 1e-6 * size < 1e-3 * size <= by_column:
        note = (
            "Rows have mean zero and columns do not: row c was taken as class c; if column c is, pass --no-transpose."
        )
        return Layout(array.T, transposed=True, notes=(note,))
    if np.linalg.norm(array - array.T) <= 1e-3 * size:
        return Layout(array)
    return Layout(array, notes=("Column c was taken as the mean logits of class c; if row c is, pass --transpose.",))


def _in_class_order(array: Array, sizes: Any, transpose: bool | None) -> Layout:
    """Samples without labels, class by class, as the factors of a problem give them."""
    for transposed in (False, True) if transpose is None else (transpose,):
        columns = array.T if transposed else array
        if sizes is not None and columns.shape == (len(sizes), sum(sizes)):
            note = "No labels: the samples were taken class by class, those of class 0 first."
            return Layout(class_means(columns, sizes), columns, sizes, np.arange(sum(sizes)), transposed, (note,))
    raise ValueError(
        f"logits have shape {array.shape}, more samples than classes; pass --labels, or class means (K, K)"
    )

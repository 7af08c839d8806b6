"""Numbers in text files, with a header or without."""

from __future__ import annotations

import csv
import re

import numpy as np

from optima.model import Array

# Headers of columns that hold the class of a sample, and of those that only count the rows.
LABELS = ("label", "labels", "target", "targets", "class", "y")
COUNTS = ("", "index", "id", "unnamed: 0")


def read_text(content: bytes) -> dict[str, Array]:
    """The numbers of a text file whose fields are separated by commas, semicolons, tabs or spaces.

    A first line that is not numbers, or counts the columns 0, 1, ..., is a header: its column ``label`` is returned as
    ``labels``, a column without a name or called ``index`` is left out. An empty field is nan, and ``#`` begins a
    comment. Returns the array ``""`` of shape (rows, columns), and ``labels``, shape (rows,).

    Raises ValueError where a field is no number, or lines differ in length.
    """
    rows = _rows(content.decode("utf-8-sig"))
    header = _header(rows)
    body = list(enumerate(rows, 1))[bool(header) :]
    numbers = np.array([[_number(field, line) for field in row] for line, row in body])
    if not numbers.size:
        raise ValueError("there are no numbers in it")
    if not header:
        return {"": numbers}
    kinds = np.array(["label" if h in LABELS else "count" if h in COUNTS else "number" for h in header])
    found = {"": numbers[:, kinds == "number"], "labels": numbers[:, kinds == "label"]}
    if found["labels"].shape[1] > 1:
        raise ValueError("two of its columns are called labels; leave one of them out")
    return {name: array for name, array in found.items() if array.size}


def _rows(text: str) -> list[list[str]]:
    """The fields of all lines that are not empty; all lines have as many."""
    lines = [line for raw in text.splitlines() if (line := raw.split("#")[0]).strip()]
    if not lines:
        raise ValueError("it is empty")
    separator = next((mark for mark in ";\t," if mark in lines[0]), None)
    if separator is None:
        rows = [line.split() for line in lines]
    else:
        rows = [[field.strip() for field in row] for row in csv.reader(lines, delimiter=separator)]
    for number, row in enumerate(rows, 1):
        if len(row) != len(rows[0]):
            raise ValueError(f"line {number} has {len(row)} fields and the first one {len(rows[0])}")
    return rows


def _header(rows: list[list[str]]) -> list[str]:
    """The names in the first row, in lower case, or none where it holds numbers."""
    first = [field.lower() for field in rows[0]]
    numbers = [field for field in first if _is_number(field)]
    words = any(field and not _is_number(field) for field in first)
    counted = len(first) > 1 and len(rows) > 1 and numbers == [str(i) for i in range(len(numbers))]
    return first if (words and all(field.isdecimal() for field in numbers)) or (numbers and counted) else []


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _number(field: str, line: int) -> float:
    if not field:
        return float("nan")
    if _is_number(field):
        return float(field)
    raise ValueError(f"line {line} has the field {re.sub(r'[^ -~]', '?', field)[:40]!r}, which is no number")

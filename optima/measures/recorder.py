"""Measures during training, in one file that is whole after every record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from optima.files import read_json, write
from optima.measures.measure import measure
from optima.measures.result import Measures
from optima.model.foreign import check_real, check_words
from optima.model.inputs import positive_integer, shown

FORMAT = "optima measures of a run"
# Of each record these may be missing, and are numbers otherwise.
NUMBERS = ("data_loss", "accuracy", "nc4")
LAYER_NUMBERS = ("nc1_trace", "nc1_pinv", "nc2", "nc3", "tcv", "distance_to_rank_K", "weight_effective_rank")


def is_due(step: int, per_decade: int) -> bool:
    """Whether a step is on the logarithmic schedule: 0, and the least integers from 10^(k / per_decade) on."""
    if step < 1:
        return step == 0
    k = 0
    while (due := -int(-(10 ** (k / per_decade)) // 1)) < step:
        k += 1
    return due == step


class Recorder:
    """Measures of a module while it is trained, on a logarithmic schedule of steps.

    Call it after every step of the optimiser, ``recorder(step)``: at steps 0, 1, 2, ... and then ``per_decade`` times
    for every factor of ten it measures as :func:`optima.measure` and writes all records to ``path``, whole or not at
    all. ``optima watch PATH`` shows them. The module is left as it was, in its own mode and with its gradients. Calls
    again at the same step, as with accumulated gradients, do nothing.

    Parameters
    ----------
    path
        A file ending in .json; one that exists is only continued, with ``resume``: records of steps that come again
        are replaced.
    model, data, options
        As for :func:`optima.measure`.

    Raises ValueError where the file exists and is not to be continued.
    """

    def __init__(
        self, path: str | Path, model: Any, data: Any, *, per_decade: int = 10, resume: bool = False, **options: Any
    ) -> None:
        self.path, self.model, self.data, self.options = Path(path), model, data, options
        self.per_decade = positive_integer("per_decade", per_decade)
        if self.path.exists() and not resume:
            raise ValueError(f"{path} exists; pass another name, or resume=True to continue it")
        self.records = read_run(self.path) if self.path.exists() else []
        self._last: int | None = None

    def __call__(self, step: int) -> Measures | None:
        """Measure and write where the step is on the schedule and was not the last one measured; otherwise None."""
        # With accumulated gradients a step of the optimiser has several batches.
        return self.record(step) if step != self._last and is_due(step, self.per_decade) else None

    def record(self, step: int) -> Measures:
        """Measure and write now, such as at the end."""
        step = positive_integer("step", step, minimum=0)
        found = measure(self.model, self.data, **self.options)
        self._last = step
        kept = [record for record in self.records if record["step"] < step]
        self.records = [*kept, {"step": step, **found.as_dict()}]
        write(self.path, json.dumps({"format": FORMAT, "records": self.records}, allow_nan=False).encode())
        return found


def _json(path: str | Path) -> Any:
    """The content of a file. Raises ValueError, in plain words where it is no text or no JSON."""
    try:
        return read_json(path)
    except (UnicodeDecodeError, json.JSONDecodeError):
        raise ValueError(f"{path} is no file of optima.Recorder (it is no JSON); pass one that it wrote") from None


def read_run(path: str | Path) -> list[dict[str, Any]]:
    """The records of a file that a :class:`Recorder` wrote, by step. Raises ValueError on any other file."""
    data = _json(path)
    try:
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            raise ValueError("it has another format")
        for record in data["records"]:
            _check(record)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ValueError(f"{path} is no file of optima.Recorder ({error}); pass one that it wrote") from None
    return list(data["records"])


def _check(record: Any) -> None:
    positive_integer("step", record["step"], minimum=0)
    for name in NUMBERS:
        _check_number(name, record[name])
    if not record["layers"]:
        raise ValueError(f"a record has the layers {shown(record['layers'])}")
    for layer in record["layers"]:
        check_words("name", layer["name"])
        for name in LAYER_NUMBERS:
            _check_number(name, layer.get(name))
    for near in record["nearest"] or []:
        check_words("name", near["name"])
        check_real("distance", near["distance"])


def _check_number(name: str, value: object) -> None:
    if value is not None:
        check_real(name, value)

"""The interactive page: one file with everything in it, for a browser without a network."""

from __future__ import annotations

import html
import json
import math
import re
from collections.abc import Iterable
from importlib.resources import files
from typing import Any

import numpy as np

from optima.atlas.record import Record
from optima.model import Array
from optima.reduction import Reduction
from optima.solution import grouped

# Significant digits of the codes on the page, which are there to be looked at.
DIGITS = 5


def page(records: Iterable[Record], title: str = "Global minima of deep unconstrained feature models") -> str:
    """HTML that shows, for each K, the global structure over (lambda, depth), and every cell with its logits.

    Raises ValueError when there is nothing to show, and for cells with several regularisations, which have no place
    on its diagram.
    """
    cells = [_cell(record) for record in records]
    if not cells:
        raise ValueError("the atlas has no such cells; pass one that optima atlas build has filled")
    source = files("optima.atlas.page")
    frame, style, script = (
        source.joinpath(f"page.{ending}").read_text(encoding="utf-8") for ending in ("html", "css", "js")
    )
    parts = {"TITLE": html.escape(title), "STYLE": style, "DATA": _script_json({"cells": cells}), "SCRIPT": script}
    # Only places of the frame are filled: what is put in is not looked at again.
    return re.sub(f"@({'|'.join(parts)})@", lambda place: parts[place[1]], frame)


def _script_json(data: Any) -> str:
    """JSON for a script element: ASCII, and no tag is in it, because <, > and & are escaped."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return re.sub("[<>&]", lambda letter: f"\\u{ord(letter[0]):04x}", text)


def _cell(record: Record) -> dict[str, Any]:
    problem = record.problem
    if isinstance(problem.reg, tuple):
        raise ValueError("a cell has several regularisations, for which the page has no place; leave it out")
    reduction = Reduction(problem)
    spectrum = grouped(reduction.singular_values(record.means)) if record.rank else []
    return {
        "id": record.key.hex()[:12],
        "K": problem.classes,
        "L": problem.depth,
        "reg": problem.reg,
        "kind": _kind(record),
        "name": record.name,
        "structure": record.structure,
        "loss": record.loss,
        "rank": record.rank,
        "lower": None if record.certificate is None else record.certificate.lower,
        "proof": None if record.certificate is None else record.certificate.method,
        "gain": record.gain if math.isfinite(record.gain) else None,
        "known": record.known_by,
        "spectrum": [[float(f"{value:.6g}"), count] for value, count in spectrum],
        "code": [_rounded(factor) for factor in record.factors],
        "python": _python(record),
    }


def _kind(record: Record) -> str:
    """What sets the cells of a diagram apart from those of another with the same K."""
    problem = record.problem
    parts = [] if problem.samples == 1 else [f"n = {problem.samples}"]
    parts += [] if problem.width is None else [f"d = {problem.width}"]
    return ", ".join([*parts, *([] if problem.loss == "ce" else ["squared error"])])


def _python(record: Record) -> str:
    problem = record.problem
    rest = {"samples": 1, "width": None, "loss": "ce"}
    extra = "".join(f", {name}={value!r}" for name, old in rest.items() if (value := getattr(problem, name)) != old)
    call = f"optima.DeepUFM({problem.classes}, {problem.depth}, {problem.reg!r}{extra})"
    return f"import optima\n\nsolution = optima.solve({call}, seed={record.seed})\nprint(solution)\n"


def _rounded(values: Array) -> list[list[float]]:
    return [[float(f"{value:.{DIGITS}g}") for value in row] for row in np.where(np.abs(values) < 1e-9, 0.0, values)]

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
from matplotlib.colors import to_hex

from optima.atlas.record import Record
from optima.model import Array, DeepUFM
from optima.model.class_network import ClassNetwork
from optima.page.layers import layers_of, network_words
from optima.page.named import Named, named
from optima.plot.code import hull_edges
from optima.plot.logits import class_order
from optima.plot.ranks import rank_colour
from optima.reduction import Reduction
from optima.scales.collapse_loss import COLLAPSE, collapse_name
from optima.structures.recognition.result import grouped

# Significant digits of the codes on the page, which are there to be looked at.
DIGITS = 5
# In the order in which they are read.
SCRIPTS = ("words", "address", "diagram", "code", "layers", "ladder", "facts", "download", "start")
TITLE = "The best minima known of deep unconstrained feature models"


def atlas_page(records: Iterable[Record], title: str = TITLE) -> str:
    """HTML that shows, for each K, the best minimum known over (lambda, depth), and every cell with its logits.

    Raises ValueError when there is nothing to show, and for cells with several regularisations, which have no place
    on its diagram.
    """
    records = list(records)
    if not records:
        raise ValueError("the atlas has no such cells; pass one that optima atlas build has filled")
    said = _Said()
    priced = named([record.problem for record in records])
    cells = [_cell(record, price, said) for record, price in zip(records, priced, strict=True)]
    colours = {rank: to_hex(rank_colour(rank)) for rank in sorted({record.rank for record in records})}
    source = files("optima.page")
    frame, style, *scripts = (
        source.joinpath(name).read_text(encoding="utf-8")
        for name in ("page.html", "page.css", *(f"{name}.js" for name in SCRIPTS))
    )
    data = {
        "collapse": {**COLLAPSE, "relu": collapse_name("mse", "relu")},
        "colours": colours,
        "said": list(said),
        "cells": cells,
    }
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    # For a script element: ASCII, and no tag is in it, because <, > and & are escaped.
    text = re.sub("[<>&]", lambda letter: f"\\u{ord(letter[0]):04x}", text)
    parts = {"TITLE": html.escape(title), "STYLE": style, "DATA": text, "SCRIPT": "\n".join(scripts)}
    # Only places of the frame are filled: what is put in is not looked at again.
    return re.sub(f"@({'|'.join(parts)})@", lambda place: parts[place[1]], frame)


class _Said(dict[str, int]):
    """Sentences that many cells share: each is on the page once, and has a number."""

    def __missing__(self, sentence: str) -> int:
        return self.setdefault(sentence, len(self))


def _cell(record: Record, price: Named, said: _Said) -> dict[str, Any]:
    problem, proof = record.problem, record.certificate
    if isinstance(problem.reg, tuple):
        raise ValueError("a cell has several regularisations, for which the page has no place; leave it out")
    return {
        "K": problem.classes,
        "L": problem.depth,
        "reg": problem.reg,
        "at": _setting(problem),
        "name": record.structure,
        "match": record.description.removeprefix(record.structure).strip(),
        "loss": record.loss,
        "rank": record.rank,
        "lower": None if proof is None else proof.lower,
        "proof": None if proof is None else said[f"{proof.method}; {proof.rigour}"],
        "named": _short(record.named, 12) if math.isfinite(record.named) else None,
        "collapse": None if price.collapse is None else _short(price.collapse, 12),
        "ladder": [[rank, said[name], _short(loss, 6)] for rank, name, loss in price.rungs],
        "kind": said[str(record.kind)],
        "known": said[record.known_by],
        "seed": record.seed,
        "effort": record.effort,
        **(_logits(record) if record.network is None else _network(record.network, record, said)),
    }


def _logits(record: Record) -> dict[str, Any]:
    spectrum = grouped(Reduction(record.problem).singular_values(record.means)) if record.rank else []
    code = [_rounded(factor) for factor in record.factors]
    return {
        "spectrum": _groups(spectrum),
        # One factor stands for two that are the same.
        "code": code[:1] if code[0] == code[1] else code,
        # Edges one after another, two classes each.
        "hull": [c for edge in hull_edges(record.factors[0]) for c in edge] if record.rank in (2, 3) else [],
        "order": class_order(record.means, record.problem.loss).tolist(),
    }


def _network(network: ClassNetwork, record: Record, said: _Said) -> dict[str, Any]:
    return {
        "spectrum": _groups(grouped(network.singular_values)),
        "hull": [],
        "shape": said[network_words(record.structure, record.problem.classes)],
        **layers_of(network),
    }


def _groups(spectrum: list[tuple[float, int]]) -> list[list[float]]:
    return [[_short(value, 6), count] for value, count in spectrum]


def _setting(problem: DeepUFM) -> str:
    """What sets the cells of a diagram apart from those of another with the same K, as part of an address."""
    sizes = problem.samples if isinstance(problem.samples, tuple) else (problem.samples,)
    parts = [] if problem.samples == 1 else [f"n={','.join(map(str, sizes))}"]
    parts += [] if problem.width is None else [f"d={problem.width}"]
    parts += [] if problem.loss == "ce" else [f"loss={problem.loss}"]
    return "&".join([*parts, *([] if problem.activation == "linear" else [f"activation={problem.activation}"])])


def _short(value: float, digits: int) -> float:
    return float(f"{value:.{digits}g}")


def _rounded(values: Array) -> list[list[float]]:
    return [[_short(value, DIGITS) for value in row] for row in np.where(np.abs(values) < 1e-9, 0.0, values)]

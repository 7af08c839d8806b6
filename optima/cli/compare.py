"""``optima compare``: where a network stands among the predicted minima."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from optima.cli import options
from optima.cli.declared import choice, integer, typed, word
from optima.cli.declared import file as file_

File = Annotated[
    Path,
    typer.Argument(metavar="FILE", help="Logits: npz, npy, csv, txt, pt or safetensors.", show_default=False),
]
LabelFile = Annotated[Path | None, file_("File with the class 0, ..., K-1 of each sample.", "--labels")]
ArrayName = Annotated[str | None, word("Name of the logits among several arrays.", "--array")]
Transpose = Annotated[
    bool | None,
    typer.Option(
        "--transpose/--no-transpose", help="Rows, or columns, are the samples or classes.", show_default=False
    ),
]


@dataclass(frozen=True, kw_only=True)
class Problem(options.AnyProblem):
    """The model, of which the logits say what is not given."""

    classes: Annotated[Any, integer("Number of classes K; default that of the logits.", least=2)] = None
    samples: Annotated[
        Any,
        typed(
            "INTEGERS",
            options.class_sizes,
            "Samples n per class: one number, or K with commas; default those of the labels, or 1.",
        ),
    ] = None


def compare(
    file: File,
    problem: Problem,
    labels: LabelFile = None,
    array: ArrayName = None,
    transpose: Transpose = None,
    effort: Annotated[
        str | None,
        choice(
            "How hard to look for the best minimum; default normal, for relu named networks only.",
            "quick",
            "normal",
            "thorough",
        ),
    ] = None,
    as_json: options.AsJson = False,
    plot: Annotated[Path | None, file_("Draw both logits to this file.")] = None,
    force: options.Force = False,
) -> None:
    """Your network's logits: rank, nearest structures, neural collapse, and its loss among the predicted minima.

    Arrays of one file are known by their names: logits, labels, features, weights; or all factors, W_1, ..., W_L and
    H, which tell most of a relu network.
    """
    from optima.network import compare as compared
    from optima.network.layout import laid_out

    options.check_picture(plot, force)
    sizes = problem.samples
    data = network(file, labels, array)
    if "factors" in data and (problem.activation == "relu" or "logits" not in data):
        data = _from_factors(data, problem.activation == "relu")
        transpose = False
    # Of logits without labels only the class sizes say which axis is that of the classes.
    count = _classes(problem.classes, sizes, data["logits"])
    listed = sizes if not isinstance(sizes, int) else (sizes,) * count if count else None
    found = len(laid_out(data["logits"], data.get("labels"), listed, transpose).means)
    if problem.classes is not None and count != found:
        raise ValueError(f"the logits are of {found} classes, not {count}; leave --classes out, or pass other logits")
    model = replace(problem, classes=found, samples=1 if sizes is None else sizes).model
    tell = (lambda line: print(line, file=sys.stderr)) if sys.stderr.isatty() else None
    more = {name: data.get(name) for name in ("labels", "features", "weights")}
    given = data.get("factors", data["logits"])
    comparison = compared(given, model, **more, transpose=transpose, effort=effort, progress=tell)
    if plot is not None:
        comparison.plot(plot)
    print(json.dumps(comparison.as_dict(), allow_nan=False) if as_json else comparison)


def network(file: Path, labels: Path | None, array: str | None) -> dict[str, Any]:
    """The arrays of a file, with the labels of another one; logits of features and weights where it has no others."""
    from optima.network.collapse_measures import logits_of
    from optima.network.read import read_labels, read_network

    for path in (file, labels):
        if path is not None and not path.exists():
            raise ValueError(f"{path} does not exist; pass a file that does")
    data = read_network(file, array)
    if array is not None:
        data.pop("factors", None)
    if labels is not None:
        data["labels"] = read_labels(labels)
    if "logits" in data or "factors" in data:
        return data
    return {"logits": logits_of(data["features"], data["weights"]), **data}


def _from_factors(data: dict[str, Any], relu: bool) -> dict[str, Any]:
    """The factors with the logits that they make, and the labels."""
    from optima.network.factors import class_factors

    found = class_factors(data["factors"], relu)
    kept = {name: data[name] for name in ("factors", "labels") if name in data}
    return kept | {"logits": found.logits}


def _classes(classes: int | None, sizes: options.Sizes | None, logits: Any) -> int | None:
    """K as given, or the smaller axis."""
    if classes is not None:
        return classes
    if isinstance(sizes, tuple):
        return len(sizes)
    return min(logits.shape) if getattr(logits, "ndim", 0) == 2 else None

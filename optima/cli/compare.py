"""``optima compare``: where a network stands among the predicted minima."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from optima.cli import options, parse

File = Annotated[
    Path,
    typer.Argument(metavar=options.FILE, help="Logits: npz, npy, csv, txt, pt or safetensors.", show_default=False),
]
LabelFile = Annotated[
    Path | None, typer.Option("--labels", metavar=options.FILE, help="File with the class 0, ..., K-1 of each sample.")
]
ArrayName = Annotated[
    str | None, typer.Option("--array", metavar="NAME", help="Name of the logits among several arrays.")
]
Transpose = Annotated[
    bool | None,
    typer.Option(
        "--transpose/--no-transpose", help="Rows, or columns, are the samples or classes.", show_default=False
    ),
]


def compare(
    file: File,
    depth: options.Depth,
    reg: options.Reg = None,
    reg_per_factor: options.RegPerFactor = None,
    samples: Annotated[
        str | None,
        typer.Option(
            metavar=options.INTEGERS,
            help="Samples n per class: one number, or K with commas; default those of the labels, or 1.",
        ),
    ] = None,
    classes: Annotated[
        str | None, typer.Option(metavar=options.INTEGER, help="Number of classes K; default that of the logits.")
    ] = None,
    labels: LabelFile = None,
    array: ArrayName = None,
    transpose: Transpose = None,
    width: options.Width = None,
    loss: options.LossOption = options.Loss.ce,
    effort: options.EffortOption = options.Effort.normal,
    as_json: options.AsJson = False,
    plot: Annotated[Path | None, typer.Option(metavar=options.FILE, help="Draw both logits to this file.")] = None,
    force: options.Force = False,
) -> None:
    """Your network's logits: rank, nearest structures, neural collapse, and its loss among the predicted minima.

    Arrays of one file are known by their names: logits, labels, features, weights.
    """
    from optima.network import compare as compared
    from optima.network.layout import laid_out

    options.check_output(plot, force)
    if plot is not None:
        from optima.plot.picture import check_pictures

        check_pictures([plot])
    sizes = None if samples is None else options.class_sizes(samples)
    data = network(file, labels, array)
    # Of logits without labels only the class sizes say which axis is that of the classes.
    count = _classes(classes, sizes, data["logits"])
    listed = sizes if not isinstance(sizes, int) else (sizes,) * count if count else None
    found = len(laid_out(data["logits"], data.get("labels"), listed, transpose).means)
    if classes is not None and count != found:
        raise ValueError(f"the logits are of {found} classes, not {count}; leave --classes out, or pass other logits")
    problem = options.problem(str(found), depth, reg, reg_per_factor, 1 if sizes is None else sizes, width, loss)
    tell = (lambda line: print(line, file=sys.stderr)) if sys.stderr.isatty() else None
    comparison = compared(
        data["logits"],
        problem,
        data.get("labels"),
        features=data.get("features"),
        weights=data.get("weights"),
        transpose=transpose,
        effort=effort.value,
        progress=tell,
    )
    if plot is not None:
        comparison.plot(plot)
    print(json.dumps(comparison.as_dict(), allow_nan=False) if as_json else comparison)


def network(file: Path, labels: Path | None, array: str | None) -> dict[str, Any]:
    """The arrays of a file, with the labels of another one; logits of features and weights where it has no others."""
    from optima.network.collapse import logits_of
    from optima.network.read import read_labels, read_network

    for path in (file, labels):
        if path is not None and not path.exists():
            raise ValueError(f"{path} does not exist; pass a file that does")
    data = read_network(file, array)
    if labels is not None:
        data["labels"] = read_labels(labels)
    return {"logits": logits_of(data["features"], data["weights"]), **data} if "logits" not in data else data


def _classes(classes: str | None, sizes: int | tuple[int, ...] | None, logits: Any) -> int | None:
    """K as given, or the smaller axis."""
    if classes is not None:
        return parse.integer(classes, "classes", 2)
    if isinstance(sizes, tuple):
        return len(sizes)
    return min(logits.shape) if getattr(logits, "ndim", 0) == 2 else None

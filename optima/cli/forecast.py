"""``optima forecast``: what a head will be before it is trained."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from optima.cli import options
from optima.cli.declared import file, integer, typed
from optima.cli.terminal import say
from optima.cli.terminal import width as screen_width


@dataclass(frozen=True, kw_only=True)
class Problem(options.AnyProblem):
    """The model, whose classes may be told by their samples."""

    classes: Annotated[Any, integer("Number of classes K; default as many as there are samples.", least=2)] = None
    samples: Annotated[
        Any,
        typed("INTEGERS", options.class_sizes, "Samples of each class, with commas, or one number with --classes."),
    ] = None


def forecast(
    problem: Problem,
    search: Annotated[
        bool | None,
        typer.Option("--search/--no-search", help="Search for better than named structures.", show_default=False),
    ] = None,
    effort: options.Effort = "normal",
    data: Annotated[Path | None, file("Inputs, a row a sample: add the linear network on them.", "--data")] = None,
    labels: Annotated[Path | None, file("The class of each row of --data.", "--labels")] = None,
    as_json: options.AsJson = False,
) -> None:
    """Singular values and losses of the last L weight matrices before training, for every structure.

    Features are free: it is what the head of a network ends as that can give every sample any feature.
    """
    from optima.forecasts.forecast import forecast_of
    from optima.report.forecast import forecast_text, linear_network_text

    network, sizes = None, problem.samples
    if (data is None) != (labels is None):
        raise ValueError("--data and --labels belong together; pass both, or neither")
    if data is not None and labels is not None:
        network, counted = _network(data, labels, problem.depth)
        sizes = counted if sizes is None else sizes
    if sizes is None:
        raise ValueError("the samples are not given; pass --samples, such as 100,100,10, or --data with --labels")
    count = len(sizes) if isinstance(sizes, tuple) else problem.classes
    if count is None or problem.classes not in (None, count):
        raise ValueError("classes and samples do not agree; pass --samples with one number for each class")
    found = forecast_of(replace(problem, classes=count, samples=sizes).model, search, effort)
    if as_json:
        more = {} if network is None else {"linear_network": network.as_dict()}
        print(json.dumps({**found.as_dict(), **more}, allow_nan=False))
        return
    print(forecast_text(found, screen_width()))
    if network is not None:
        say("")
        print(linear_network_text(network, screen_width()))


def _network(data: Path, labels: Path, depth: int) -> tuple[Any, tuple[int, ...]]:
    """The linear network on the data of a file, and the sizes of the classes."""
    import numpy as np

    from optima.forecasts.linear_network import linear_network
    from optima.network.layout import whole_numbers
    from optima.network.read import read_file, read_labels

    for path in (data, labels):
        if not path.exists():
            raise ValueError(f"{path} does not exist; pass a file that does")
    arrays, owner = read_file(data), whole_numbers(read_labels(labels))
    if len(arrays) != 1:
        raise ValueError(f"{data} has {len(arrays)} arrays; pass a file with the inputs alone")
    (inputs,) = arrays.values()
    return linear_network(inputs, owner, depth), tuple(int(n) for n in np.bincount(owner))

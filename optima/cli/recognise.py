"""``optima recognise``: the name of a network's logits."""

from __future__ import annotations

import json
from typing import Annotated

from optima.cli import options, parse
from optima.cli.compare import ArrayName, File, LabelFile, Transpose, network
from optima.cli.declared import typed


def recognise(
    file: File,
    labels: LabelFile = None,
    array: ArrayName = None,
    transpose: Transpose = None,
    tolerance: Annotated[
        float, typed("NUMBER", parse.real, "Relative distance up to which a structure gives its name.")
    ] = 0.02,
    loss: options.Loss = "ce",
    as_json: options.AsJson = False,
) -> None:
    """Name the class-mean logits in a file, up to relabelling and scale, with the nearest structures."""
    from optima.network.comparison import wrapped
    from optima.network.layout import laid_out
    from optima.structures.recognition import recognise as named

    data = network(file, labels, array)
    layout = laid_out(data["logits"], data.get("labels"), None, transpose)
    found = named(layout.means, tolerance, loss)
    if as_json:
        names = "name distance rank multiplicities distinct_margins symmetry_order tolerance"
        facts = {name: getattr(found, name) for name in names.split()}
        facts |= {"nearest": [near._asdict() for near in found.nearest], "notes": list(layout.notes)}
        print(json.dumps(facts, allow_nan=False))
        return
    first, *others = found.nearest
    lines = [f"         {near.name}, distance {near.distance:.3g}" for near in others]
    head = [*wrapped(found.description), f"nearest: {first.name}, distance {first.distance:.3g}"]
    print("\n".join([*head, *lines, *layout.notes]))

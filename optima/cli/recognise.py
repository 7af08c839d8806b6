"""``optima recognise``: the name of a network's logits."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

from optima.cli import options, parse
from optima.cli.compare import ArrayName, File, LabelFile, Transpose, network
from optima.cli.declared import typed
from optima.cli.terminal import say

if TYPE_CHECKING:
    from optima.structures.recognition.result import Recognition


def recognise(
    file: File,
    labels: LabelFile = None,
    array: ArrayName = None,
    transpose: Transpose = None,
    tolerance: Annotated[
        float, typed("NUMBER", parse.real, "Relative distance up to which a structure gives its name.")
    ] = 0.02,
    loss: options.Loss = "ce",
    activation: options.Activation = "linear",
    as_json: options.AsJson = False,
) -> None:
    """Name the class-mean logits in a file, up to relabelling and scale, with the nearest structures.

    With --activation relu named networks; a file with all factors, W_1, ..., W_L and H, tells its hidden layers too.
    """
    data = network(file, labels, array)
    found, notes = _found(data, transpose, tolerance, loss, activation)
    if as_json:
        names = "name distance rank multiplicities distinct_margins symmetry_order tolerance"
        facts = {name: getattr(found, name) for name in names.split()}
        facts |= {"middle_rank": found.rank} if found.middle else {}
        facts |= {"nearest": [near._asdict() for near in found.nearest], "notes": list(notes)}
        print(json.dumps(facts, allow_nan=False))
        return
    from optima.structures.recognition.nearest import Near

    first, *others = found.nearest or [Near("none", 1.0)]
    lines = [f"         {near.name}, distance {near.distance:.3g}" for near in others]
    say(found.in_words)
    print("\n".join([f"nearest: {first.name}, distance {first.distance:.3g}", *lines]))
    for note in notes:
        say(note)


def _found(
    data: dict[str, Any], transpose: bool | None, tolerance: float, loss: str, activation: str
) -> tuple[Recognition, tuple[str, ...]]:
    """What the arrays of a file are, and sentences on what was taken for granted."""
    from optima.network.factors import class_factors
    from optima.network.layout import laid_out
    from optima.network.recognise import recognise_factors, recognise_relu_logits
    from optima.structures.recognition import recognise as named

    relu = activation == "relu"
    factors = class_factors(data["factors"], relu) if "factors" in data and (relu or "logits" not in data) else None
    if factors is not None:
        data, transpose = data | {"logits": factors.logits}, False
    layout = laid_out(data["logits"], data.get("labels"), None, transpose)
    if not relu:
        return named(layout.means, tolerance, loss), layout.notes
    if factors is not None:
        return recognise_factors(factors.sorted(layout.order, layout.sizes), loss, tolerance), layout.notes
    found = recognise_relu_logits(layout.means, loss, tolerance)
    alike = [near.name for near in found.nearest if near.distance <= found.nearest[0].distance + tolerance / 2]
    more = (f"Logits do not tell {', '.join(alike)} apart; all factors, W_1, ..., W_L and H, do.",)
    return found, (*layout.notes, *more) if len(alike) > 1 else layout.notes

"""``optima thresholds``: from how many classes on deep neural collapse loses in relu networks."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

from optima.cli import options
from optima.cli.declared import integers
from optima.cli.terminal import say, show
from optima.report.fit_width import columns_of

COLUMNS = columns_of("L K <network:2 <of_collapse's_price:1 published_K")
LOSSES = {"mse": "squared error", "ce": "cross-entropy"}


def thresholds(
    depths: Annotated[list[int], integers("Numbers of weight matrices L.", least=2)] = tuple(range(2, 13)),  # type: ignore[assignment]
    loss: options.Loss = "mse",
    as_json: options.AsJson = False,
) -> None:
    """The fewest classes K at which a named relu network costs less than deep neural collapse, as lambda -> 0."""
    from optima.structures.networks.threshold import MOST, collapse_threshold

    found = [collapse_threshold(depth, loss) for depth in depths]
    if as_json:
        print(json.dumps({"thresholds": [asdict(each) for each in found]}, allow_nan=False))
        return
    rows = [
        [
            str(each.depth),
            "-" if each.classes is None else str(each.classes),
            each.network or f"none up to K = {MOST}",
            "-" if each.ratio is None else f"{each.ratio:.10f}",
            "-" if each.published is None else str(each.published),
        ]
        for each in found
    ]
    show(COLUMNS, rows)
    say(f"{LOSSES[loss]}: the network there and its price over that of collapse, which decides as lambda -> 0")
    if loss == "mse":
        say("below one it is below collapse at every lambda at which collapse is not zero, and for every larger K")
    say("published_K: from which K on collapse was known to lose (sukenik2024; garrod2025 for cross-entropy)")

"""``optima max-margin``: the limit of vanishing regularisation."""

from __future__ import annotations

import json
import math
from typing import Annotated

import typer

from optima.cli import options, parse
from optima.cli.terminal import width as screen_width


def max_margin(
    classes: options.Classes,
    depth: Annotated[str, typer.Option(metavar=options.INTEGER, help="Number of weight matrices L, or inf.")],
    rank: Annotated[
        str | None, typer.Option(metavar=options.INTEGER, help="Only codes of this rank; default all.")
    ] = None,
    seed: options.Seed = "0",
    effort: options.EffortOption = options.Effort.normal,
    as_json: options.AsJson = False,
) -> None:
    """Code of margin one with the least Schatten quasi-norm: what the minimum becomes as lambda goes to zero."""
    from optima.report.margin import margin_text
    from optima.search.max_margin import max_margin as compute

    found = compute(
        parse.integer(classes, "classes", 2),
        math.inf if depth.strip() == "inf" else parse.integer(depth, "depth", 1),
        None if rank is None else parse.integer(rank, "rank", 1),
        parse.integer(seed, "seed", 0),
        effort.value,
    )
    print(json.dumps(found.as_dict(), allow_nan=False) if as_json else margin_text(found, screen_width()))

"""``optima max-margin``: the limit of vanishing regularisation."""

from __future__ import annotations

import json
import math
from typing import Annotated

import typer

from optima.cli import parse
from optima.cli.solve import Effort


def max_margin(
    classes: Annotated[str, typer.Option(help="Number of classes K.")],
    depth: Annotated[str, typer.Option(help="Number of weight matrices L, or inf.")],
    rank: Annotated[str | None, typer.Option(help="Only codes of this rank; default all.")] = None,
    seed: Annotated[str, typer.Option(help="Seed of the random starts.")] = "0",
    effort: Annotated[Effort, typer.Option(help="How hard to look.")] = Effort.normal,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Code of margin one with the least Schatten quasi-norm: what the minimum becomes as lambda goes to zero."""
    from optima.solve.margin import max_margin as compute

    found = compute(
        parse.integer(classes, "classes", 2),
        math.inf if depth.strip() == "inf" else parse.integer(depth, "depth", 1),
        None if rank is None else parse.integer(rank, "rank", 1),
        parse.integer(seed, "seed", 0),
        effort.value,
    )
    print(json.dumps(found.as_dict(), allow_nan=False) if as_json else found)

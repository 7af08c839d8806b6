"""``optima max-margin``: the limit of vanishing regularisation."""

from __future__ import annotations

import json
import math
from typing import Annotated

from optima.cli import options, parse
from optima.cli.declared import integer, typed
from optima.cli.terminal import width as screen_width


def _depth(text: str, name: str) -> float:
    return math.inf if text.strip() == "inf" else parse.integer(text, name, 1)


def max_margin(
    classes: options.Classes,
    depth: Annotated[float, typed("INTEGER", _depth, "Number of weight matrices L, or inf.")],
    rank: Annotated[int | None, integer("Only codes of this rank; default all.")] = None,
    seed: options.Seed = 0,
    effort: options.Effort = "normal",
    as_json: options.AsJson = False,
) -> None:
    """Code of margin one with the least Schatten quasi-norm: what the minimum becomes as lambda goes to zero."""
    from optima.report.margin import margin_text
    from optima.search.max_margin import max_margin as compute

    found = compute(classes, depth, rank, seed, effort)
    print(json.dumps(found.as_dict(), allow_nan=False) if as_json else margin_text(found, screen_width()))

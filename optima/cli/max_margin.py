"""``optima max-margin``: the limit of vanishing regularisation."""

from __future__ import annotations

import json
import math
from typing import Annotated

from optima.cli import options, parse
from optima.cli.declared import choice, integer, typed
from optima.cli.terminal import width as screen_width


def _depth(text: str, name: str) -> float:
    return math.inf if text.strip() == "inf" else parse.integer(text, name, 1)


def max_margin(
    classes: options.Classes,
    depth: Annotated[
        float | None, typed("INTEGER", _depth, "Number of weight matrices L, or inf; not with --norms unit.")
    ] = None,
    rank: Annotated[int | None, integer("Only codes of this rank; default all.")] = None,
    norms: Annotated[
        str, choice("Free, or unit: the largest margin of vectors and features of length one.", "free", "unit")
    ] = "free",
    seed: options.Seed = 0,
    effort: options.Effort = "normal",
    as_json: options.AsJson = False,
) -> None:
    """Code of margin one with the least Schatten quasi-norm: what the minimum becomes as lambda goes to zero."""
    from optima.report.margin import margin_text, softmax_text
    from optima.search.max_margin import max_margin as compute
    from optima.search.softmax_code import softmax_code

    if depth is None and norms != "unit":
        raise ValueError("pass --depth, or --norms unit and --rank for codes of unit norms")
    if norms == "unit":
        if depth is not None:
            raise ValueError("codes of unit norms are the same at every depth; leave --depth out")
        if rank is None:
            raise ValueError("--norms unit needs --rank: more dimensions always make room for a larger margin")
        code = softmax_code(classes, rank, seed, effort)
        print(json.dumps(code.as_dict(), allow_nan=False) if as_json else softmax_text(code, screen_width()))
        return
    assert depth is not None
    found = compute(classes, depth, rank, seed, effort)
    print(json.dumps(found.as_dict(), allow_nan=False) if as_json else margin_text(found, screen_width()))

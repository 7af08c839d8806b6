"""A forecast in words and tables."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from optima import html
from optima.report.fit_width import columns_of, hidden_words, labelled, layout, paragraph, table_text
from optima.report.words import per_cent, problem_words

if TYPE_CHECKING:
    from optima.forecasts.linear_network import LinearNetwork
    from optima.forecasts.result import Forecast, Prediction
    from optima.model import Array

COLUMNS = columns_of("<structure loss above_best:1 data_loss:4 rank:2 <singular_values_of_W_1:3 <known_by:5")
# Rows of the table; --json has them all.
LISTED = 20
# How a loss is known takes at most so many characters of the table; else it is said above or below it.
SHORT, ABOVE = 20, "as above"


def forecast_text(found: Forecast, limit: int | None = None) -> str:
    """What a forecast prints, in lines of at most ``limit`` characters where words allow it."""
    best = found.best
    what = best.name if best.structure == best.name else f"{best.name}: {best.structure}"
    rank = "" if "rank" in best.structure else f", rank {best.rank}"
    lines = [paragraph(f"forecast: {what}{rank}, loss {best.loss:.12g} ({best.known_by})", limit), ""]
    lines += labelled([("problem", problem_words(found.problem)), *_factors(best)], limit)
    listed = found.predictions[:LISTED]
    notes = _notes(found, listed)
    rows = [[*_row(found, each)[:-1], notes.get(each.known_by, each.known_by)] for each in listed]
    _, hidden = layout(COLUMNS, rows, limit)
    lines += ["", table_text(COLUMNS, rows, limit)]
    lines += [paragraph(hidden_words(hidden, "--json"), limit)] if hidden else []
    below = [(mark, words) for words, mark in notes.items() if mark != ABOVE and "known by" not in hidden]
    lines += [paragraph(f"{mark}: {words}", limit, 2) for mark, words in below]
    more = len(found.predictions) - LISTED
    lines += [f"... {more} more structures; pass --json for all of them"] if more > 0 else []
    return "\n".join(lines)


def _notes(found: Forecast, listed: Sequence[Prediction]) -> dict[str, str]:
    """What the table has in place of long sentences: that of the forecast is above it, the others are notes below."""
    long = dict.fromkeys(each.known_by for each in listed if len(each.known_by) > SHORT)
    others = [words for words in long if words != found.best.known_by]
    notes = {words: f"note {i}" for i, words in enumerate(others, start=1)}
    return notes if len(others) == len(long) else {found.best.known_by: ABOVE, **notes}


def linear_network_text(found: LinearNetwork, limit: int | None = None) -> str:
    """What is said of the linear network on data."""
    head = f"linear network on the data, lambda -> 0: every one of its {found.depth} weight matrices has the singular "
    words = f"{head}values {grouped(found.layer)}"
    left = f"relative distance of its outputs from the one-hot targets {found.residual:.3g}"
    return "\n".join(paragraph(line, limit, 2) for line in (words, left))


def grouped(values: Array, digits: int = 10) -> str:
    """``1.2 (3 times), 0.5``: values with how often each occurs."""
    texts = [f"{value:.{digits}g}" for value in np.asarray(values)]
    parts = [(text, len(list(same))) for text, same in groupby(texts)]
    return ", ".join(f"{text} ({times} times)" if times > 1 else text for text, times in parts) or "none"


def _factors(best: Prediction) -> list[tuple[str, str]]:
    *weights, features = best.factors
    facts = [(f"s(W_{index})", grouped(values)) for index, values in enumerate(weights, start=1)]
    same = all(values.shape == weights[0].shape and np.allclose(values, weights[0], rtol=1e-12) for values in weights)
    if same:
        facts = [("s(W_l)", f"{grouped(weights[0])}, for every l")]
    return [*facts, ("s(H)", grouped(features))]


def _row(found: Forecast, each: Prediction) -> list[str]:
    above = per_cent(each.loss / found.best.loss - 1) if each is not found.best else ""
    first = grouped(each.factors[0], 6)
    return [each.name, f"{each.loss:.12g}", above, f"{each.data_loss:.6g}", str(each.rank), first, each.known_by]


def forecast_html(found: Forecast) -> str:
    """What a notebook shows."""
    rows = [_row(found, each) for each in found.predictions[: html.ROWS]]
    facts = html.facts([("problem", problem_words(found.problem)), *_factors(found.best)])
    heading = f"forecast: {found.best.name}, loss {found.best.loss:.12g}"
    more = html.more(len(found.predictions) - html.ROWS, "structures", ".predictions")
    return html.section(heading, facts, html.table([column.head for column in COLUMNS], rows), more)

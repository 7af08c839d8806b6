"""The records of a run as a table and as a page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from optima import html
from optima.report.fit_width import columns_of, hidden_words, layout, paragraph, table_text
from optima.report.measures import document

COLUMNS = columns_of("step loss accuracy:1 NC1_trace NC1_pinv:3 NC2:2 NC3:2 NC4:4 TCV:5 rank_W:5 <nearest distance:1")
# Records that a screen shows: the last ones.
LISTED = 24


def run_text(records: Sequence[dict[str, Any]], limit: int | None = None) -> str:
    """The last records of a run, one a line, of the last layer."""
    if not records:
        return "no records yet"
    rows = [_row(record) for record in records[-LISTED:]]
    _, hidden = layout(COLUMNS, rows, limit)
    lines = [paragraph(_headline(records), limit), "", table_text(COLUMNS, rows, limit)]
    return "\n".join([*lines, *([paragraph(hidden_words(hidden, "--page FILE"), limit)] if hidden else [])])


def run_page(records: Sequence[dict[str, Any]], refresh: int | None = None) -> str:
    """All records as a page, which a browser loads again after ``refresh`` seconds."""
    heads = [column.head for column in COLUMNS]
    body = html.section(_headline(records), html.table(heads, [_row(record) for record in reversed(records)]))
    return document("Measures of a run", body, refresh)


def _headline(records: Sequence[dict[str, Any]]) -> str:
    if not records:
        return "no records yet"
    name = records[-1]["layers"][-1]["name"]
    return f"{len(records)} records, the last at step {records[-1]['step']}; features that enter {name}, and its matrix"


def _row(record: dict[str, Any]) -> list[str]:
    last = record["layers"][-1]
    near = (record["nearest"] or [{"name": "", "distance": None}])[0]
    numbers = [record["data_loss"], record["accuracy"], last.get("nc1_trace"), last.get("nc1_pinv"), last.get("nc2")]
    numbers += [last.get("nc3"), record["nc4"], last.get("tcv"), last.get("weight_effective_rank")]
    show = lambda value: "" if value is None else f"{value:.3g}"
    return [str(record["step"]), *map(show, numbers), near["name"], show(near["distance"])]

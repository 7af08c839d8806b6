"""Horizontal bars as HTML, in the colours of the page around them and with text of its size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

COLOURS = ("var(--first, #1f5fa8)", "var(--second, #b36b00)")
ROW = "display:grid;grid-template-columns:minmax(3em,9em) 1fr 5em;gap:.6em;align-items:center;font-size:.85em"


def bars(title: str, rows: Sequence[tuple[str, Sequence[float]]], legend: Sequence[str] = (), log: bool = False) -> str:
    """A figure with a group of bars for each row, one for each of its values (none negative), and their numbers.

    On a logarithmic scale bars begin at a third of the least value above zero.
    """
    floor = min((value for _, group in rows for value in group if value > 0), default=1.0) / 3
    length = lambda value: math.log(max(value, floor) / floor) if log else value
    longest = max((length(value) for _, group in rows for value in group), default=0.0) or 1.0
    drawn = []
    for label, group in rows:
        for number, (colour, value) in enumerate(zip(COLOURS, group, strict=False)):
            name = escape(label) if number == 0 else ""
            wide = f"{100 * length(value) / longest:.2f}%"
            bar = f'<i style="display:block;height:.9em;width:{wide};background:{colour}"></i>'
            cells = f'<span style="text-align:right">{name}</span><span>{bar}</span><span>{value:.3g}</span>'
            drawn.append(f'<div style="{ROW}">{cells}</div>')
    key = "".join(
        f' <span style="white-space:nowrap"><b style="color:{colour}">&#9632;</b> {escape(name)}</span>'
        for colour, name in zip(COLOURS, legend, strict=False)
    )
    caption = f"<figcaption>{escape(title)}{' (logarithmic)' if log else ''}{key}</figcaption>"
    return f"<figure>{caption}{''.join(drawn)}</figure>"

"""What stays in one line though browsers break behind hyphens: dates, numbers with an exponent, options."""

from __future__ import annotations

import re

WHOLE = re.compile(r"\b\d{4}-\d\d-\d\d\b|\b\d+(?:\.\d+)?e-\d+\b|(?<!\S)--?[A-Za-z][\w-]*")


def pieces(text: str) -> list[tuple[str, bool]]:
    """A text in pieces, and whether each stays in one line."""
    made, end = [], 0
    for match in WHOLE.finditer(text):
        made += [(text[end : match.start()], False), (match[0], True)]
        end = match.end()
    return [(piece, whole) for piece, whole in [*made, (text[end:], False)] if piece]

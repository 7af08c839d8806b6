"""Results as HTML for notebooks: a heading, facts, and a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

# Rows of a table that are shown, at most.
ROWS = 20


def section(heading: str, *parts: str) -> str:
    """A heading above parts that are HTML already."""
    return f"<div><p><b>{escape(heading)}</b></p>{''.join(parts)}</div>"


def title(words: str, level: int = 1) -> str:
    """A heading by itself."""
    return f"<h{level}>{escape(words)}</h{level}>"


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Names and what they are, as a table of two columns."""
    rows = (f"<tr>{_cell(name, 'th', 'left')}{_cell(value, 'td', 'left')}</tr>" for name, value in pairs)
    return f"<table><tbody>{''.join(rows)}</tbody></table>"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Rows of words and numbers below their heads."""
    head = "".join(_cell(name, "th", "left") for name in heads)
    body = "".join(f"<tr>{''.join(_cell(value, 'td', 'left') for value in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def note(sentence: str) -> str:
    """A sentence below."""
    return f"<p>{escape(sentence)}</p>" if sentence else ""


def more(count: int, what: str, way: str) -> str:
    """That rows were left out, how many, and how to see them; nothing where none were."""
    return note(f"... {count} more {what}; see {way}") if count > 0 else ""


def _cell(text: str, tag: str, side: str) -> str:
    return f'<{tag} style="text-align: {side}">{escape(text)}</{tag}>'

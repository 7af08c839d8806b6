"""Where lines may break: long names in headings and tables behind dots and underscores; dates and options nowhere."""

from __future__ import annotations

import re

from docutils import nodes
from sphinx.application import Sphinx
from unbroken import pieces

NAME = re.compile(r"\w+(?:[._]\w+)+")
# A heading of a narrow screen, and a cell of a table, holds as many letters.
SHORT = 14


def _resolved(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    for text in list(doctree.findall(nodes.Text)):
        if any(len(name) > SHORT for name in NAME.findall(text)) and _narrow(text):
            text.parent.replace(text, _broken(text))
    for text in list(doctree.findall(nodes.Text)):
        if "-" in text and not _verbatim(text):
            text.parent.replace(text, _kept(text))


def _narrow(text: nodes.Text) -> bool:
    """Whether a text is in a heading, or in a cell of a table but not written as it stands."""
    above, at = [], text.parent
    while at is not None:
        above.append(type(at))
        at = at.parent
    return nodes.title in above or (nodes.entry in above and nodes.literal not in above)


def _verbatim(text: nodes.Text) -> bool:
    """Whether a text is written as it stands, or is no text of the page."""
    return isinstance(text.parent, (nodes.literal_block, nodes.raw, nodes.math, nodes.comment))


def _kept(text: str) -> list[nodes.Node]:
    return [nodes.inline("", piece, classes=["kept"]) if whole else nodes.Text(piece) for piece, whole in pieces(text)]


def _broken(text: str) -> list[nodes.Node]:
    first, *others = re.split(r"(?<=[._])(?=\w)", text)
    made: list[nodes.Node] = [nodes.Text(first)]
    for part in others:
        made += [nodes.raw("", "<wbr>", format="html"), nodes.Text(part)]
    return made


def setup(app: Sphinx) -> dict[str, bool]:
    """Mark the places before a page is written."""
    app.connect("doctree-resolved", _resolved, priority=950)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

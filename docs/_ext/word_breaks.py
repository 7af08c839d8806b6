"""Long names in headings may break behind their dots and underscores, and are still copied as they are written."""

from __future__ import annotations

import re

from docutils import nodes
from sphinx.application import Sphinx

NAME = re.compile(r"\w+(?:[._]\w+)+")
# A heading of a narrow screen holds as many letters.
SHORT = 14


def _resolved(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    for title in doctree.findall(nodes.title):
        for text in list(title.findall(nodes.Text)):
            if any(len(name) > SHORT for name in NAME.findall(text)):
                text.parent.replace(text, _broken(text))


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

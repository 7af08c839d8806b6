"""Docstrings as this package writes them, for autodoc: sections are headings above definition lists."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

SECTIONS = ("Parameters", "Attributes", "Returns", "Raises", "Notes", "Examples")
NAMES = re.compile(r"\w+(?:, \w+)*")
# Text between double backquotes, roles, and what is left.
LITERAL = re.compile(r"(``.+?``|:[\w:]+:`[^`]+`)")


def prepared(lines: list[str]) -> list[str]:
    """The lines of a docstring as reStructuredText."""
    made: list[str] = []
    inside = code = ""
    for number, line in enumerate(lines):
        following = lines[number + 1] if number + 1 < len(lines) else ""
        if line in SECTIONS and set(following) == {"-"}:
            made += [f".. rubric:: {line}"]
            inside = line
        elif line and set(line) == {"-"} and made and made[-1].startswith(".. rubric"):
            made.append("")
        elif inside and NAMES.fullmatch(line) and following.startswith("    "):
            made.append(", ".join(f"``{name}``" for name in line.split(", ")))
        elif inside == "Examples":
            made.append(line)
        else:
            code = _code(code, line, made)
            made.append(line if code else _plain(line))
    return made


def _code(code: str, line: str, before: list[str]) -> str:
    """The indentation of the directive or literal block that a line belongs to, followed by a mark; else nothing."""
    if code and (not line.strip() or len(line) - len(line.lstrip()) > len(code) - 1):
        return code
    starts = re.match(r"( *)\.\. \w+::", line) or re.match(r"( *).*::$", line)
    return f"{starts[1]}>" if starts else ""


def _plain(line: str) -> str:
    """Bars are norms here, not markup."""
    parts = LITERAL.split(line)
    return "".join(part if LITERAL.fullmatch(part) else part.replace("|", r"\|") for part in parts)


def _process(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    lines[:] = prepared(lines)


def setup(app: Sphinx) -> dict[str, bool]:
    """Prepare every docstring."""
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("autodoc-process-docstring", _process)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""The sidebar opens only at the page that is shown.

A theme that draws the whole tree on each of some hundred pages takes minutes to build and makes every page heavy.
"""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx


def _collapsed(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    if whole := context.get("toctree"):
        context["toctree"] = lambda **options: whole(**{**options, "collapse": True})


def setup(app: Sphinx) -> dict[str, bool]:
    """Change the tree before the theme asks for it."""
    app.connect("html-page-context", _collapsed, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

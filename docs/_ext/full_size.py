"""Pictures lead to themselves at full size; wide ones keep a readable width on narrow screens and scroll there."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image
from sphinx.application import Sphinx

PICTURE = re.compile(r'(<a [^>]*>\s*)?(<img [^>]*?src="([^"]*_images/([^"]+\.(?:png|jpg)))"[^>]*>)')
# Pixels from which on words in a picture are too small on a screen of 400.
WIDE = 700


def _linked(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    files = {name: app.srcdir / path for path, name in app.builder.images.items()}

    def link(match: re.Match[str]) -> str:
        before, picture, address, name = match.groups()
        if before:
            return match[0]
        # Pictures of the gallery are written already.
        wide = _width(files.get(name, app.outdir / "_images" / name)) > WIDE
        return f'<a class="picture{" wide" if wide else ""}" href="{address}">{picture}</a>'

    if "body" in context:
        context["body"] = PICTURE.sub(link, context["body"])


@cache
def _width(path: Path) -> int:
    with Image.open(path) as picture:
        return picture.width


def setup(app: Sphinx) -> dict[str, bool]:
    """Link the pictures of a page before it is written."""
    app.connect("html-page-context", _linked)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""Links from listings of source back to the pages of names.

Sphinx takes all names of one module to be documented under the same package; ours are under several.
"""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx

LINK = re.compile(r'(generated/api/((?:\w+\.)+)(\w+)\.html)#(?:\w+\.)*(\3(?:\.\w+)*)"')


def _mended(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    if pagename.startswith("_modules/") and "body" in context:
        context["body"] = LINK.sub(r'\1#\2\4"', context["body"])


def setup(app: Sphinx) -> dict[str, bool]:
    """Mend the links of a listing before its page is written."""
    app.connect("html-page-context", _mended)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

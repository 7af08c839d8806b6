"""Links to a name by another name of the same thing.

Docstrings say where a thing is defined, or what it is called where they stand; its page is that of the public name.
"""

from __future__ import annotations

from typing import Any

from api_pages import home
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.nodes import make_refnode


def _missing(app: Sphinx, env: Any, node: Any, inside: nodes.Element) -> nodes.reference | None:
    if node.get("refdomain") != "py":
        return None
    domain = env.domains["py"]
    known = {place: name for name in domain.objects if (place := home(name))}
    target = node["reftarget"]
    ends = [name for name in domain.objects if name.endswith(f".{target}")]
    candidates = [target, f"{node.get('py:module')}.{target}", f"optima.{target}"]
    for candidate in [*candidates, *ends] if len(ends) == 1 else candidates:
        if name := known.get(home(candidate)):
            entry = domain.objects[name]
            return make_refnode(app.builder, node["refdoc"], entry.docname, entry.node_id, inside, name)
    return None


def setup(app: Sphinx) -> dict[str, bool]:
    """Look again for names that were not found."""
    app.connect("missing-reference", _missing)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

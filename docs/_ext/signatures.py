"""Signatures as a reader needs them: defaults by their value, not by the name of a constant or a maker of values."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

CONSTANT = re.compile(r"=([A-Z][A-Z0-9_]*)(?=[,)])")
MADE = re.compile(r"(\w+)=<factory>")
# Longer values say less than a name does.
LONGEST = 16


def shown(signature: str, thing: Any) -> str:
    """The signature of a function or class with its defaults as values."""
    names = getattr(inspect.unwrap(thing), "__globals__", {})
    makers = {each.name: each.default_factory for each in _fields(thing)}
    signature = MADE.sub(lambda match: f"{match[1]}={_made(makers.get(match[1]))}", signature)
    return CONSTANT.sub(lambda match: f"={_value(names, match[1])}", signature)


def _fields(thing: Any) -> tuple[dataclasses.Field[Any], ...]:
    return dataclasses.fields(thing) if isinstance(thing, type) and dataclasses.is_dataclass(thing) else ()


def _made(maker: Any) -> str:
    return repr(maker()) if maker in (dict, list, set, tuple) else "..."


def _value(names: Mapping[str, Any], name: str) -> str:
    value = names.get(name)
    words = repr(dict(value) if isinstance(value, Mapping) else value)
    return words if name in names and len(words) <= LONGEST else name


def _process(app: Sphinx, what: str, name: str, thing: Any, options: Any, signature: str, returns: str) -> Any:
    return (shown(signature, thing), returns) if signature else None


def setup(app: Sphinx) -> dict[str, bool]:
    """Change signatures before they are written."""
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("autodoc-process-signature", _process)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

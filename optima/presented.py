"""Words, HTML and pictures of results: a result names the function that shows it, and is loaded without it."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any


def shown_by(place: str, thing: Any, *arguments: Any) -> Any:
    """What the function at ``room.module:name`` of a presentation room makes of a thing."""
    module, name = place.split(":")
    return getattr(import_module(f"optima.{module}"), name)(thing, *arguments)


def drawn_by(place: str, thing: Any, path: str | Path | None, *arguments: Any) -> Any:
    """The matplotlib figure that a function makes of a thing, written to a file too where there is a path."""
    figure = shown_by(place, thing, *arguments)
    if path is not None:
        shown_by("plot.picture:write_figure", figure, path)
    return figure

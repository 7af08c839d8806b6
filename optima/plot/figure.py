"""Figures that look the same, and can be drawn, whatever matplotlib was told to do elsewhere."""

from __future__ import annotations

import io
from typing import Any

import matplotlib.figure
from matplotlib.style import context

# Context and decorator: matplotlib's own defaults, not those of a user (who may ask for LaTeX where there is none).
defaults = context("default")


class Figure(matplotlib.figure.Figure):
    """A figure that is drawn with the defaults too: labels of ticks are made no sooner."""

    def draw(self, renderer: Any) -> None:
        """See matplotlib."""
        with context("default"):
            super().draw(renderer)

    def savefig(self, *arguments: Any, **named: Any) -> None:
        """See matplotlib."""
        with context("default"):
            super().savefig(*arguments, **named)

    def _repr_png_(self) -> bytes:
        """What a notebook shows, without any magic."""
        content = io.BytesIO()
        self.savefig(content, format="png", dpi=100, bbox_inches="tight")
        return content.getvalue()

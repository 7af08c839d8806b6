"""Texts at the root of the repository, as pages."""

from __future__ import annotations

from pathlib import Path

from links import rewritten

NAMES = ("CHANGELOG", "ARCHITECTURE", "CONTRIBUTING")


def pages(root: Path) -> dict[str, str]:
    """A page for each text."""
    texts = {name: (root / f"{name}.md").read_text(encoding="utf-8") for name in NAMES}
    return {f"{name.lower()}.md": rewritten(text, ".") for name, text in texts.items()}

"""Texts at the root of the repository, as pages."""

from __future__ import annotations

import re
from pathlib import Path

from links import rewritten

NAMES = ("CHANGELOG", "ARCHITECTURE", "CONTRIBUTING")


def pages(root: Path) -> dict[str, str]:
    """A page for each text."""
    texts = {name: (root / f"{name}.md").read_text(encoding="utf-8") for name in NAMES}
    # What a group of changes is about stands in a line of its own.
    texts["CHANGELOG"] = re.sub(r"^([A-Z][\w ,-]*)\n(?=\* )", r"### \1\n\n", texts["CHANGELOG"], flags=re.MULTILINE)
    return {f"{name.lower()}.md": rewritten(text, ".") for name, text in texts.items()}

"""Pages that the repository itself writes: derivations, measurements, claims, commands, all public names.

They are made anew in ``docs/generated`` before Sphinx looks for its sources.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import api_pages
import claim_pages
import command_pages
import derivation_pages
import measurement_pages
import repository_pages
from sphinx.application import Sphinx
from sphinx.config import Config

DOCS = Path(__file__).resolve().parents[1]
ROOT = DOCS.parent


def pages() -> dict[str, str]:
    """The text of every generated page by its name under ``docs/generated``."""
    return {
        **derivation_pages.pages(ROOT),
        **measurement_pages.pages(ROOT),
        **claim_pages.pages(ROOT),
        **command_pages.pages(ROOT),
        **repository_pages.pages(ROOT),
        **api_pages.pages(),
    }


def write(app: Sphinx, config: Config) -> None:
    """Write what has changed, so that Sphinx reads only that again, and remove what is no page any more."""
    folder = DOCS / "generated"
    texts = {folder / name: text for name, text in pages().items()}
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    # Pages of single names are autosummary's.
    for path in folder.rglob("*.md"):
        if path not in texts:
            path.unlink()
    config.autosummary_generate = ["generated/api.md", "generated/api-packages.md"]


def clean() -> None:
    """Remove all that a build has written."""
    for name in ("generated", "auto_gallery", "build"):
        shutil.rmtree(DOCS / name, ignore_errors=True)


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the pages once the configuration is known."""
    app.connect("config-inited", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

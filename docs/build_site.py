"""Build the book into docs/build/html with warnings as errors, and check what was built.

    python docs/build_site.py [--no-gallery]

Needs the extra ``docs``, and Chromium for the widths of pages on a narrow screen. Without the gallery its scripts are
shown, not run.
"""

from __future__ import annotations

import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS / "_ext"))


def main(arguments: list[str]) -> int:
    """The exit code: 0 where the site is built and nothing is wrong with it."""
    from built_site import faults
    from narrow import browser, wide
    from sphinx.cmd.build import build_main

    site = DOCS / "build/html"
    options = ["-D", "plot_gallery=0"] if "--no-gallery" in arguments else []
    code = build_main(["-W", "--keep-going", "-q", "-b", "html", *options, str(DOCS), str(site)])
    found = list(faults(site))
    if program := browser():
        found += wide(site, program)
    else:
        print("No Chromium here: whether pages fit a narrow screen was not checked.", file=sys.stderr)
    for fault in found:
        print(fault, file=sys.stderr)
    return int(bool(code or found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

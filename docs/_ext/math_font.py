"""The font of formulas: STIX Two Math (SIL Open Font License), with the characters that the site uses.

Without it formulas are drawn in whatever the reader's machine has, with scripts that are too high or too low.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path

import ziamath
from fontTools import subset
from sphinx.application import Sphinx

FONT = Path(ziamath.__file__).parent / "fonts/STIXTwoMath-Regular.ttf"
# Browsers draw single letters of formulas in italics, which have code points of their own, and roots and bars unasked.
ALWAYS = [
    0x221A,
    0xAF,
    0x203E,
    0x23DE,
    0x23DF,
    *range(0x20, 0x7F),
    *range(0x391, 0x3CA),
    *range(0x1D434, 0x1D468),
    0x210E,
    *range(0x1D6E2, 0x1D71C),
]


def _finished(app: Sphinx, error: Exception | None) -> None:
    if error is not None or app.builder.format != "html":
        return
    logging.getLogger("fontTools").setLevel(logging.WARNING)
    used = set(ALWAYS)
    for path in Path(app.outdir).rglob("*.html"):
        for formula in re.findall(r"<math .*?</math>", path.read_text(encoding="utf-8"), re.DOTALL):
            used.update(int(code, 16) for code in re.findall(r"&#x([0-9A-Fa-f]+);", formula))
            used.update(map(ord, re.sub(r"<[^>]*>|&#?\w+;", "", formula)))
    options = subset.Options(
        flavor="woff", layout_features=["ssty", "dtls", "flac", "mark", "mkmk"], notdef_outline=True
    )
    font = subset.load_font(str(FONT), options)
    chosen = subset.Subsetter(options)
    chosen.populate(unicodes=used)
    chosen.subset(font)
    subset.save_font(font, str(Path(app.outdir) / "_static/math.woff"), options)


def setup(app: Sphinx) -> dict[str, bool]:
    """Make the font once all formulas are known."""
    app.connect("build-finished", _finished)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

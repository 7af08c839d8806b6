"""Names of structures that fit into a picture."""

from __future__ import annotations

import re
from collections import Counter

from optima.structures.recognition.result import UNNAMED

# Words, and what they are cut to; an underscore is a space.
CUT = (
    "antiprism-stack-=stack_ augmented=augm. biaugmented=biaugm. bipyramid=bipyr. complement=compl. "
    "dodecahedron=dodecah. elongated=elong. gyroelongated=gyroel. hexagonal=hex. icosidodecahedron=icosidod. "
    "pentagonal=pent. square-=sq.- srg-= tetracapped=tetracap. tetrahedron=tetrah. triangular-=tri.- "
    "triaugmented=triaugm. truncated=trunc."
)
ABBREVIATIONS = {word: cut.replace("_", " ") for word, cut in (each.split("=") for each in CUT.split())}
WORD = re.compile("|".join(sorted(map(re.escape, ABBREVIATIONS), key=len, reverse=True)))


def short(name: str) -> str:
    """The name with its longest words cut, equal summands counted; one without such words stays as it is."""
    if unnamed := re.fullmatch(rf"{UNNAMED} \((middle )?rank (\d+)\)", name):
        return f"middle-rank-{unnamed[2]} network" if unnamed[1] else f"rank-{unnamed[2]} code"
    parts = Counter(re.findall(r"[^+(]+\([^)]*\)", name))
    if "+".join(parts.elements()) == name:
        name = "+".join(f"{count} {part}" if count > 1 else part for part, count in parts.items())
    return WORD.sub(lambda match: ABBREVIATIONS[match[0]], name).replace(".-", ". ")

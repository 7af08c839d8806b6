"""Other words for the structures: those of papers, and the second names of codes."""

from __future__ import annotations

# The name of a structure, and under which words one can ask for it too.
WORDS: dict[str, tuple[str, ...]] = {
    "simplex": ("dnc", "etf", "nc", "neural-collapse", "deep-neural-collapse", "collapse", "simplex-etf"),
    "frame": ("orthogonal-frame",),
    "pairs": ("antipodal-pairs", "cross-polytope", "orthoplex"),
    "polygon": ("regular-polygon",),
    "srg": ("strongly-regular",),
    "zero": ("zero-logits",),
    "hinged-pairs": ("lifted-pairs",),
    "cuboctahedron": ("roots-A3",),
    "24-cell": ("roots-D4",),
    "icosidodecahedron": ("roots-H3",),
    "600-cell": ("roots-H4",),
    "roots-E8": ("dual-E8",),
}
_NAMES = {word.lower(): name for name, words in WORDS.items() for word in words}


def canonical(name: str) -> str:
    """The name under which a structure is known here: ``simplex`` for ``ETF``, ``dnc`` or ``neural collapse``.

    Anything else stays as it is.
    """
    return _NAMES.get("-".join(name.lower().replace("_", " ").split()), name)

"""The spacing of MathML: a converter from TeX leaves it out at names of functions and at relations it does not know.

``log K`` has a thin space, as TeX has it, ``log(K)`` none; relations and colons are operators, and bars stand close.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

NAMESPACE = "http://www.w3.org/1998/Math/MathML"
THIN = ".17em"
NAME = re.compile(r"[A-Za-z]{2,}")
# Operators that a browser spaces by itself, and that hold what they range over below them.
LARGE = frozenset({"min", "max", "lim", "sup", "inf"})
# Signs that the converter takes for names: relations, "plus or minus".
OPERATORS = frozenset("\u27fa\u21d4\u2ab0\u2aaf\u223c~\u00b1\u2213:")
# Bars of norms and absolute values; "such that" and "divides" are other signs.
BARS = frozenset("|\u2016")
BRACES = {r"\{": "{", r"\}": "}"}
SCRIPTS = ("msup", "msub", "msubsup", "munder", "mover", "munderover")

ET.register_namespace("", NAMESPACE)


def spaced(markup: str) -> str:
    """The markup of a formula with the spaces of TeX."""
    root = ET.fromstring(markup)
    for element in root.iter():
        _mend_sign(element)
    for element in list(root.iter()):
        # Children of fractions and scripts have places, not neighbours.
        if _kind(element) in ("math", "mrow", "mtd", "mstyle"):
            _space(element)
    return ET.tostring(root, encoding="unicode")


def _kind(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _mend_sign(element: ET.Element) -> None:
    words = element.text or ""
    if words in BRACES:
        element.text = BRACES[words]
    elif _kind(element) == "mi" and words in OPERATORS:
        element.tag = f"{{{NAMESPACE}}}mo"
        if words == ":":
            element.attrib.update(lspace="0", rspace=".28em")
    elif _kind(element) == "mo" and words in BARS:
        element.attrib.update(lspace="0", rspace="0")
    elif _kind(element) == "mo" and NAME.fullmatch(words) and words not in LARGE:
        element.tag = f"{{{NAMESPACE}}}mi"


def _space(parent: ET.Element) -> None:
    children = list(parent)
    made: list[ET.Element] = []
    for before, child, after in zip([None, *children], children, [*children[1:], None], strict=False):
        core = _core(child)
        name = core.text or ""
        if name in LARGE and _opens(after):
            core.set("rspace", "0")
        function = _kind(core) == "mi" and NAME.fullmatch(name)
        if function and before is not None and _is_term(before):
            made.append(_thin())
        made.append(child)
        if function and after is not None and _is_term(after) and not _is_function(after):
            made.append(_thin())
    parent[:] = made


def _core(element: ET.Element) -> ET.Element:
    """What exponents and indices stand at."""
    while _kind(element) in SCRIPTS and len(element):
        element = element[0]
    return element


def _opens(element: ET.Element | None) -> bool:
    return element is not None and _kind(element) == "mo" and element.text in ("(", "{", "[")


def _is_term(element: ET.Element) -> bool:
    """Whether no operator, and no space, keeps it apart."""
    core = _core(element)
    return _kind(core) not in ("mo", "mspace", "mtext") or (core.text or "") in LARGE


def _is_function(element: ET.Element) -> bool:
    """Whether it has its thin space before it already."""
    core = _core(element)
    return _kind(core) == "mi" and bool(NAME.fullmatch(core.text or ""))


def _thin() -> ET.Element:
    return ET.Element(f"{{{NAMESPACE}}}mspace", width=THIN)

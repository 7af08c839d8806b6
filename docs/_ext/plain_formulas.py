"""Formulas that texts and docstrings write in plain signs, such as K >= 4, s_i^p or n^(1/(L+1)), as they are printed.

Exponents and indices are raised and lowered, signs of comparison are one sign, and an equation like K = 4 stays on one
line. Code, signatures and formulas of TeX are left as they are.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.application import Sphinx

GROUP = r"\{[^{}]*\}|\((?:[^()]|\([^()]*\))*\)"
# An exponent stands behind a letter, a digit, or what closes; an index behind one letter, or a word of this list.
RAISED = rf"(?<=[\w)\]}}|>'])\^(?P<up>{GROUP}|-?\d+(?:\.\d+)?[a-z]?|-?[A-Za-z]+'?|[+*](?!\w))"
GREEK = "alpha|beta|gamma|delta|zeta|eta|theta|kappa|lambda|lam|mu|nu|xi|pi|rho|sigma|tau|phi|psi|chi|omega"
WORDS = f"{GREEK}|Gamma|Delta|Phi|Lambda|Sigma|sum|min|max|inf|sup"
INDEX = r"\{[^{}]*\}|\d+|[A-Z]|[a-z]{1,2}\d?|class|cross|within|alpha|beta"
BASE = rf"(?<![\w\\])(?<!\w\.)(?:[A-Za-z]|{WORDS})"
LOWERED = rf"(?:(?P<base>{BASE})_(?P<down>{INDEX})|(?<=[|)])_(?P<norm>[F*\d]))(?![A-Za-z0-9_])"
FORMULA = re.compile(f"{LOWERED}|{RAISED}")
SIGNS = {">=": "\u2265", "<=": "\u2264", "!=": "\u2260", "->": "\u2192", "+-": "\u00b1"}
SIGN = re.compile(r"(?<=\s)(?:(?:>=|<=|!=|->)(?=\s)|\+-(?=[\w(]))")
# One name, one sign, one short value: no line ends between them.
SHORT = re.compile(r"(?<![\w\\])([A-Za-z]|lambda) ([=<>\u2265\u2264\u2260\u2192]) (?=[\w.\u2212-]{1,9}(?:[\s,.;:)]|$))")
UNBROKEN = "\u00a0"

Pieces = list[tuple[str, Any]]


def pieces(text: str) -> Pieces:
    """The parts of a text, ``("text", words)`` and ``("up" or "down", parts)``."""
    found: Pieces = []
    end = 0
    for match in FORMULA.finditer(text):
        groups = match.groupdict()
        found.append(("text", _signs(text[end : match.start()] + (groups["base"] or ""))))
        inside = groups["down"] or groups["norm"] or groups["up"]
        found.append(("up" if groups["up"] else "down", pieces(_bare(inside))))
        end = match.end()
    found.append(("text", _signs(text[end:])))
    return [piece for piece in found if piece[1]]


def _bare(group: str) -> str:
    """What stands between the outer brackets of an exponent or index."""
    return (group[1:-1] if group[0] in "{(" else group).replace("-", "\u2212")


def _signs(text: str) -> str:
    text = SIGN.sub(lambda match: SIGNS[match[0]], text).replace("||", "\u2016")
    return SHORT.sub(rf"\1{UNBROKEN}\2{UNBROKEN}", text)


def _nodes(found: Pieces) -> list[nodes.Node]:
    from docutils import nodes

    kinds = {"up": nodes.superscript, "down": nodes.subscript}
    return [nodes.Text(part) if kind == "text" else kinds[kind]("", "", *_nodes(part)) for kind, part in found]


def _resolved(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    from docutils import nodes
    from sphinx import addnodes

    # There 2^-10 is what one types.
    if docname.startswith("generated/commands/"):
        return
    code = (nodes.literal, nodes.literal_block, nodes.doctest_block, addnodes.desc_signature)
    closed = (*code, nodes.math, nodes.math_block, nodes.raw)
    for text in list(doctree.findall(nodes.Text)):
        found = pieces(text)
        if found != [("text", str(text))] and not _inside(text, closed):
            text.parent.replace(text, _nodes(found))


def _inside(node: nodes.Node, kinds: tuple[type, ...]) -> bool:
    while node.parent is not None:
        node = node.parent
        # The code of the gallery's scripts, in a node of sphinx-gallery's own.
        if isinstance(node, kinds) or node.tagname == "code_links_block":
            return True
    return False


def setup(app: Sphinx) -> dict[str, bool]:
    """Set the formulas when a page is written, after its links are found."""
    app.connect("doctree-resolved", _resolved, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""Formulas as MathML: every browser draws it, without a script, a font or a network."""

from __future__ import annotations

import re
from html import escape
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from math_spacing import spaced
from sphinx.application import Sphinx
from sphinx.util.logging import getLogger

LOGGER = getLogger(__name__)
# Characters of a formula in running text that a narrow screen may not hold.
LONG = 30
# What the converter leaves as it is, except braces of a given size, which are mended.
UNKNOWN = re.compile(r">(\\(?![{}]<)[^<]*|&)<")
# What a line must not begin or end with.
BEHIND, BEFORE = re.compile(r"^[.,;:!?)\]'\u2019]+"), re.compile(r"[(\[]+$")
LIMIT = re.compile(r"<msub>(?=<m[io]>(?:min|max|lim|sup|inf|argmin|argmax)</m[io]>)")


def _markup(node: nodes.Element, latex: str, display: str) -> str:
    """A formula, with its source for those who copy or search it."""
    try:
        latex = re.sub(r"\\\s*\n", r"\\ ", latex.strip())
        markup = convert(latex.replace("{aligned}", "{split}").replace("{gathered}", "{matrix}"), display=display)
        if display == "block":
            markup = _limits_below(markup).replace("<mtable>", '<mtable displaystyle="true">')
        if unknown := UNKNOWN.findall(markup):
            LOGGER.warning("a formula with unknown commands (%s): %s", ", ".join(unknown), latex, location=node)
            return escape(latex)
        markup = spaced(markup)
    except Exception as error:
        LOGGER.warning("a formula that cannot be set (%s): %s", type(error).__name__, latex, location=node)
        return escape(latex)
    return markup.replace("<math ", f'<math class="formula" alttext="{escape(" ".join(latex.split()))}" ', 1)


def _limits_below(markup: str) -> str:
    """The markup of a displayed formula, with what stands below ``min`` and its like below it, not behind it."""
    while match := LIMIT.search(markup):
        end, depth = match.end(), 1
        while depth:
            tag = re.compile(r"<(/?)msub>").search(markup, end)
            end, depth = tag.end(), depth + (-1 if tag[1] else 1)
        inside = markup[match.end() : end - len("</msub>")]
        markup = markup[: match.start()] + f"<munder>{inside}</munder>" + markup[end:]
    return markup


def _several_lines(latex: str) -> str:
    """Lines that are set apart by ``\\\\`` outside any environment, as docutils' directive allows."""
    if r"\\" not in latex or r"\begin" in latex:
        return latex
    kind = "aligned" if "&" in latex else "gathered"
    return rf"\begin{{{kind}}}{latex}\end{{{kind}}}"


def _inline(translator: Any, node: nodes.math) -> None:
    markup = _markup(node, node.astext(), "inline")
    translator.body.append(f'<span class="long-formula">{markup}</span>' if len(node.astext()) > LONG else markup)
    raise nodes.SkipNode


def _block(translator: Any, node: nodes.math_block) -> None:
    number = ""
    if node.get("number"):
        number = f'<span class="eqno">({node["number"]})</span>'
    translator.body.append(translator.starttag(node, "div", CLASS="math display"))
    translator.body.append(number + _markup(node, _several_lines(node.astext()), "block") + "</div>\n")
    raise nodes.SkipNode


def _keep_together(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Formulas in running text with the brackets before them, and the marks behind, in one piece of a line."""
    for formula in list(doctree.findall(nodes.math)):
        parent, place = formula.parent, formula.parent.index(formula)
        kept = nodes.inline("", "", classes=["kept"])
        last = parent[place - 1] if place else None
        after = parent[place + 1] if place + 1 < len(parent) else None
        if isinstance(last, nodes.Text) and (match := BEFORE.search(last)):
            # By its place: texts are equal where their letters are, and an equal one may stand before.
            parent[place - 1] = nodes.Text(last[: match.start()])
            kept += nodes.Text(match[0])
        parent.replace(formula, kept)
        kept += formula
        if isinstance(after, nodes.Text) and (match := BEHIND.search(after)):
            parent[place + 1] = nodes.Text(after[match.end() :])
            kept += nodes.Text(match[0])


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the renderer ``mathml``."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    app.connect("doctree-resolved", _keep_together)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

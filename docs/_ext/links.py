"""Links between the pages of the site, where texts of the repository name files and papers.

A link to ``../derivations/x.py`` leads to the page of that derivation, one to a table of measurements or a report of
claims to its page. In running text the name of a derivation, of such a table, and the key of a paper are links too.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

DOCS = Path(__file__).resolve().parents[1]
ROOT = DOCS.parent
# What a file of the repository is as a page of the site.
PAGES: tuple[tuple[str, str], ...] = (
    (r"derivations/(\w+)\.py", r"generated/derivations/\1"),
    (r"tests/benchmarks/(\w+)\.md", r"generated/measurements/\1"),
    (r"examples/(claims\w*)\.md", r"generated/report-\1"),
    (r"examples/([\w.]+)\.md", r"generated/measurements/\1"),
    (r"examples/(?:relu_)?atlas\.html", "atlases"),
    (r"docs/([\w/]+)\.md", r"\1"),
    (r"README\.md", "index"),
    (r"(CHANGELOG|ARCHITECTURE|CONTRIBUTING)\.md", lambda match: f"generated/{match[1].lower()}"),
)
DERIVATIONS = frozenset(path.stem for path in (ROOT / "derivations").glob("*.py"))
MEASUREMENTS = frozenset(path.stem for path in (ROOT / "tests/benchmarks").glob("*.md"))
KEYS = tuple(re.findall(r"^@\w+\{(\w+),", (DOCS / "papers.bib").read_text(encoding="utf-8"), re.MULTILINE))
NAMED = re.compile(
    r"(?:derivations/)?\b(?P<derivation>\w+)\.py|tests/benchmarks/(?P<measurement>\w+)\.md|\b(?P<key>"
    + "|".join(KEYS)
    + r")\b(?![.\w]*\w)"
)
# No links inside these.
CLOSED = (nodes.reference, nodes.literal_block, nodes.math, nodes.math_block, nodes.title, nodes.raw, nodes.image)


def page_of(file: str) -> str | None:
    """The page that a file of the repository, named from its root, has on the site."""
    for pattern, page in PAGES:
        if match := re.fullmatch(pattern, file):
            return page(match) if isinstance(page, Callable) else match.expand(page)
    return None


def rewritten(text: str, folder: str) -> str:
    """A Markdown text whose links, relative to ``folder`` of the repository, lead to pages where there are some."""

    def link(match: re.Match[str]) -> str:
        target, hash_, anchor = match[1].partition("#")
        path = (ROOT / folder / target).resolve()
        if not target or not path.is_relative_to(ROOT):
            return match[0]
        page = page_of(path.relative_to(ROOT).as_posix())
        if page is not None:
            return f"](/{page}.md{hash_}{anchor})"
        # Other files are downloads and pictures; the page may lie elsewhere than the text.
        return match[0] if folder.startswith("docs") else f"](../../{path.relative_to(ROOT).as_posix()})"

    return re.sub(r"\]\((?!\w+:|/)([^)\s]+)\)", link, text)


def _read(app: Sphinx, docname: str, source: list[str]) -> None:
    if app.env.doc2path(docname).suffix == ".md" and not docname.startswith("generated/"):
        source[0] = rewritten(source[0], (Path("docs") / docname).parent.as_posix())


def _resolved(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    for text in list(doctree.findall(nodes.Text)):
        if _inside(text, CLOSED) or not NAMED.search(text):
            continue
        literal = isinstance(text.parent, nodes.literal)
        if literal and not NAMED.fullmatch(text.removeprefix("python ").removesuffix(".")):
            continue
        _replace(text, lambda target: app.builder.get_relative_uri(docname, target), docname, literal)


def _inside(node: nodes.Node, kinds: tuple[type, ...]) -> bool:
    while node.parent is not None:
        node = node.parent
        if isinstance(node, kinds):
            return True
    return False


def _replace(text: nodes.Text, uri: Callable[[str], str], docname: str, literal: bool) -> None:
    """The text with links where it names pages; names in a literal become one link around it."""
    pieces: list[nodes.Node] = []
    end = 0
    for match in NAMED.finditer(text):
        target, anchor = _target(match)
        if target is None or target == docname:
            continue
        pieces += [nodes.Text(text[end : match.start()]), _link(uri(target) + anchor, match[0])]
        end = match.end()
    if not pieces:
        return
    if literal:
        old = text.parent
        link = nodes.reference("", "", internal=True, refuri=pieces[1]["refuri"])
        old.replace_self(link)
        link += old
        return
    pieces.append(nodes.Text(text[end:]))
    text.parent.replace(text, [piece for piece in pieces if piece.astext()])


def _target(match: re.Match[str]) -> tuple[str | None, str]:
    found: dict[str, Any] = match.groupdict()
    if found["key"]:
        return "bibliography", f"#{found['key']}"
    if found["measurement"]:
        name = found["measurement"]
        return (f"generated/measurements/{name}" if name in MEASUREMENTS else None), ""
    name = found["derivation"]
    return (f"generated/derivations/{name}" if name in DERIVATIONS else None), ""


def _link(uri: str, words: str) -> nodes.reference:
    return nodes.reference("", words, internal=True, refuri=uri)


def setup(app: Sphinx) -> dict[str, bool]:
    """Rewrite links when a page is read, and add those of its words when it is written."""
    app.connect("source-read", _read)
    app.connect("doctree-resolved", _resolved)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

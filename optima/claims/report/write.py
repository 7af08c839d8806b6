"""Writing a report to a file."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Sequence
from pathlib import Path

from markdown_it import MarkdownIt

from optima.claims.evidence import Table
from optima.claims.report.figure import png
from optima.claims.report.text import anchor, markdown
from optima.claims.run import Outcome
from optima.files import check_output as check_free
from optima.files import write

ENDINGS = (".md", ".html")
FORMULA = re.compile(r"^\$\$(.*)\$\$$", re.MULTILINE)
STYLE = (
    "body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}"
    "table{border-collapse:collapse;font-size:14px}td,th{border:1px solid #ccc;padding:.2em .5em;text-align:left}"
    "img{max-width:100%}.formula{background:#f4f4f4;padding:.5em;white-space:pre-wrap}"
)


def check_output(path: Path, force: bool = False) -> None:
    """Raise ValueError before any work when a report could not be written afterwards."""
    if path.suffix not in ENDINGS:
        raise ValueError(f"{path} has no ending that names a format of reports; pass a file ending in .md or .html")
    check_free(path, force)


def write_report(path: Path, outcomes: Sequence[Outcome], command: str) -> None:
    """Write a report: Markdown with its figures as files next to it, or one HTML file."""
    pictures = {
        (number, place): png(exhibit)
        for number, outcome in enumerate(outcomes)
        for place, exhibit in enumerate(outcome.finding.exhibits)
        if not isinstance(exhibit, Table)
    }
    if path.suffix == ".md":
        names = {key: f"{path.stem}-{outcomes[key[0]].claim.name}-{key[1]}.png" for key in pictures}
        for key, name in names.items():
            write(path.with_name(name), pictures[key])
        text = markdown(outcomes, command, names)
    else:
        inline = {key: f"data:image/png;base64,{base64.b64encode(data).decode()}" for key, data in pictures.items()}
        text = _page(markdown(outcomes, command, inline))
    write(path, text.encode())


def _page(text: str) -> str:
    renderer = MarkdownIt("commonmark").enable("table")
    # The pictures are part of the page; other addresses do not occur.
    renderer.validateLink = lambda url: True  # type: ignore[method-assign]
    body = re.sub(r"<h2>([\w.]+)</h2>", _heading, renderer.render(FORMULA.sub(_formula, text)))
    title = html.escape(text.split("\n", 1)[0].lstrip("# "))
    return f"<!doctype html><meta charset=utf-8><title>{title}</title><style>{STYLE}</style>\n{body}"


def _formula(match: re.Match[str]) -> str:
    """A displayed formula as it was written, safe from the rules of Markdown."""
    return f'<pre class="formula">{html.escape(match[1])}</pre>'


def _heading(match: re.Match[str]) -> str:
    """A heading that the summary can link to."""
    return f'<h2 id="{anchor(match[1])}">{match[1]}</h2>'

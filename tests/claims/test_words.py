"""The words of the claims: whole sentences; and all source in lines without stubs."""

import io
import re
import tokenize
from itertools import pairwise
from pathlib import Path

import pytest

import optima
from optima.claims import library

ROOT = Path(optima.__file__).parent
SOURCES = sorted(ROOT.rglob("*.py"))
# Lines of the source have room for this many characters.
LENGTH = 120


@pytest.mark.parametrize("name", library())
def test_a_statement_is_whole_sentences(name):
    claim = library()[name]
    assert re.match(r"[A-Z(]", claim.statement)
    assert claim.statement.endswith(".")
    for text in (claim.statement, claim.latex, claim.source, claim.how, claim.control.statement):
        assert text == text.strip()
        assert "\n" not in text
        assert "  " not in text


# The first word of a string, which a value in braces may be a part of.
WORD = re.compile(r"\w*[\"']((?:\{[^{}]*\}|[^\s{])*\s?)")


def stubs(source):
    """Numbers of the lines whose text goes on in the next line, though its first word had room in this one."""
    lines, found = [*source.splitlines(), ""], []
    tokens = [each for each in tokenize.generate_tokens(io.StringIO(source).readline) if each.type != tokenize.NL]
    for first, second in pairwise(tokens):
        row, before = first.end[0], lines[first.end[0] - 1]
        # Formulas are broken at their signs.
        text = first.type == second.type == tokenize.STRING and re.search(r" [\"']$", first.string)
        if text and not first.string.startswith("r") and row < second.start[0]:
            word = WORD.match(second.string)[1]
        elif first.type == second.type == tokenize.COMMENT and before.lstrip() == first.string and before[-1] != ".":
            word = " " + second.string.split()[1] if row + 1 == second.start[0] else " " * LENGTH
        else:
            continue
        if len(before) + len(word) <= LENGTH:
            found.append(row)
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_line_of_a_text_is_cut_short(path):
    assert stubs(path.read_text()) == []


def test_a_stub_is_found():
    whole = 'text = (\n    "one two "\n    "' + "x" * 110 + ' three"\n)\n'
    assert stubs(whole) == []
    assert stubs('text = (\n    "one two "\n    "three "\n    "four"\n)\n') == [2, 3]
    assert stubs("# One two\n# three.\n# Four.\n") == [1]
    assert stubs('text = (\n    "one two "\n    f"{max(1, 2)}' + "x" * 98 + '"\n)\n') == []

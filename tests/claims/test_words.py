"""The words of the claims: whole sentences, and in the source lines without stubs."""

import io
import re
import tokenize
from itertools import pairwise
from pathlib import Path

import pytest

import optima.claims
from optima.claims import library

SOURCES = sorted(Path(optima.claims.__file__).parent.rglob("*.py"))
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


def stubs(source):
    """Numbers of the lines whose text goes on in the next line, though its first word had room in this one."""
    lines, found = source.splitlines(), []
    tokens = [each for each in tokenize.generate_tokens(io.StringIO(source).readline) if each.type != tokenize.NL]
    for first, second in pairwise(tokens):
        text = first.type == second.type == tokenize.STRING and first.string.endswith(' "')
        # Formulas are broken at their signs.
        text = text and not first.string.startswith("r")
        if text and first.end[0] < second.start[0]:
            word = re.match(r"\w*\"(\S*\s?)", second.string)[1]
            if len(lines[first.end[0] - 1]) + len(word) <= LENGTH:
                found.append(first.end[0])
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_no_line_of_a_text_is_cut_short(path):
    assert stubs(path.read_text()) == []


def test_a_stub_is_found():
    whole = 'text = (\n    "one two "\n    "' + "x" * 110 + ' three"\n)\n'
    assert stubs(whole) == []
    assert stubs('text = (\n    "one two "\n    "three "\n    "four"\n)\n') == [2, 3]

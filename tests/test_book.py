"""The texts of the book: commands by the real parser, words that are explained, keys of papers."""

import importlib.util
import inspect
import re
import shlex
from pathlib import Path

import pytest
import typer

import optima
from optima.cli.main import app
from optima.report.solution import VERDICTS
from optima.solution.knowledge import Knowledge

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
WRITTEN_BY_A_BUILD = {"generated", "auto_gallery", "build", "gallery"}
PAGES = sorted(path for path in DOCS.rglob("*.md") if not WRITTEN_BY_A_BUILD & set(path.relative_to(DOCS).parts))
TEXTS = [*PAGES, ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
KEY = re.compile(r"\b(?:garrod|sukenik|zangrando)20\d\d[a-z]*\b")
each_text = pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.relative_to(ROOT).as_posix())


def library(name):
    """A module of docs/_ext that needs nothing but Python."""
    spec = importlib.util.spec_from_file_location(name, DOCS / "_ext" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def commands(text):
    """The commands of a text, and whether they are whole: indented lines are, code in a sentence may not be."""
    lines = re.findall(r"^ {4}(?:.*&& )?(?:\.venv/bin/)?(optima .*)$", text, re.MULTILINE)
    inline = re.findall(r"(?<!`)`(optima [^`]+)`(?!`)", text)
    found = [(line, True) for line in lines] + [(words, False) for words in inline]
    return [(" ".join(words.split()), whole) for words, whole in found if "..." not in words]


def check_command(command, whole=True):
    """Raise unless the parser takes a command of optima and can read its values; nothing runs."""
    found, name = typer.main.get_command(app), "optima"
    words = shlex.split(command, comments=True)[1:]
    while hasattr(found, "commands"):
        if not words or words[0] in ("COMMAND", "-h", "--version"):
            return
        name, *words = words
        assert name in found.commands, f"there is no command {name}"
        found = found.commands[name]
    try:
        with found.make_context(name, words) as context:
            given = {key: value for key, value in context.params.items() if value is not None}
    except Exception as error:
        # A sentence may leave out what a command cannot do without.
        if whole or type(error).__name__ not in ("MissingParameter", "BadOptionUsage"):
            raise
        return
    readers = readers_of(found.callback)
    for key in readers.keys() & given.keys():
        for text in given[key] if isinstance(given[key], list | tuple) else [given[key]]:
            readers[key](text, key)


def readers_of(callback):
    """How the texts of a command's options are read."""
    while "readers" not in callback.__code__.co_freevars:
        callback = callback.__wrapped__
    return inspect.getclosurevars(callback).nonlocals["readers"]


@each_text
def test_commands_parse(path):
    for command, whole in commands(path.read_text(encoding="utf-8")):
        check_command(command, whole)


SCRIPTS = sorted((DOCS / "gallery").glob("*/*.py"))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_commands_of_the_gallery_parse(path):
    for command in re.findall(r"``(optima [^`]+)``", path.read_text(encoding="utf-8")):
        check_command(" ".join(command.split()).replace("# ", ""))


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("optima solv", "no command solv"),
        ("optima atlas shwo", "no command shwo"),
        ("optima solve --classes 4 --dept 3", "No such option"),
        ("optima solve --classes 4 --depth 3 --reg x", "'x' is not a number"),
        ("optima solve --depth 3", "classes"),
    ],
)
def test_a_command_that_does_not_parse_is_seen(command, words):
    text = f"As in\n\n    {command}\n\nor `{command} -K 4`."
    assert commands(text) == [(command, True), (f"{command} -K 4", False)]
    with pytest.raises(Exception, match=words):
        check_command(command)


def test_every_public_name_has_its_place_in_the_reference():
    listed = library("api_pages").GROUPS
    names = " ".join(listed.values()).split()
    assert len(names) == len(set(names))
    assert set(names) == set(optima.__all__)


def glossary():
    return set(re.findall(r"^(\w.*)$", (DOCS / "glossary.md").read_text(encoding="utf-8"), re.MULTILINE))


def test_the_glossary_explains_words_of_readme_and_headlines():
    terms = glossary()
    for kind in Knowledge:
        assert str(kind) in terms
    printed = (
        "best minimum known, deep neural collapse, rank, fit, penalty, margin, bound, gap, ladder, chance, scale, "
    )
    printed += "simplex, icosahedron, NC1, NC2, NC3, NC4, TCV, CDNV, equinorm, equiangular, residual, alignment, lambda"
    printed += ", weight decay, features, logits, antipodal pairs, phase diagram, max-margin code, certificate, flow"
    printed += ", Hessian, stationary scale, start, exchange, kick, seed, forecast, samples, width, depth, basin"
    printed += ", outliers, bulk, separatrix, srg, transversal, triangle, kink, code, effort, structure, atlas, control"
    assert set(printed.split(", ")) <= terms


@pytest.mark.parametrize("depth", [1, 2])
def test_the_glossary_explains_what_solve_prints(depth):
    printed = str(optima.solve(4, depth, 1e-2, effort="quick"))
    labels = re.findall(r"^([a-z]+(?: by)?) +(?=\S)", printed.partition("\n\n")[2].partition("\n\n")[0], re.MULTILINE)
    header = re.search(r"^rank .*structure$", printed, re.MULTILINE)[0].replace("best loss", "loss").split()
    notes = re.findall(r"^(\w+)(?: \d)?: ", printed.rpartition("\n\n")[2], re.MULTILINE)
    assert {"problem", "structure", "known by", "bound"} <= set(labels)
    said = {*labels, *header, *notes, *VERDICTS} - {"time"}
    singular = {"minima": "minimum", "starts": "start"}
    assert {singular.get(word, word) for word in said} <= glossary()


def test_terms_that_pages_refer_to_are_in_the_glossary():
    terms = {term.lower() for term in glossary()}
    for path in PAGES:
        for term in re.findall(r"\{term\}`(?:[^`<]*<)?([^`>]+)>?`", path.read_text(encoding="utf-8")):
            assert term.lower() in terms, f"{path.name}: {term}"


def test_papers_have_the_same_keys_and_numbers_everywhere():
    page = (DOCS / "bibliography.md").read_text(encoding="utf-8")
    entries = (DOCS / "papers.bib").read_text(encoding="utf-8")
    keys = re.findall(r"^@\w+\{(\w+),", entries, re.MULTILINE)
    assert keys == re.findall(r"^\((\w+)\)=$", page, re.MULTILINE)
    assert re.findall(r"eprint = \{([\d.]+)\}", entries) == re.findall(r"abs/([\d.]+)\)", page)
    used = {key for path in (ROOT / "optima").rglob("*.py") for key in KEY.findall(path.read_text(encoding="utf-8"))}
    assert used <= set(keys)


# What a new user asks, where it is answered, and words of the answer.
QUESTIONS = {
    "Which structure is optimal?": ("guides/optimal", "optima solve --classes 12 --depth 3 --lambda 1e-3"),
    "How sure is that?": ("guides/known", "a lower bound proves that no loss is less by more than 1 %"),
    "Where is my network?": ("guides/collapsed", "above deep neural collapse (simplex). Nearest structure"),
    "How do I cite it?": ("guides/cite", "CITATION.cff"),
    "How do I add my own?": ("guides/own", "## A structure"),
}


def linked(page):
    """The pages of the book, without ending, that a page links to in its text."""
    text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    found = re.findall(r"^:link: (\S+)$|\]\((?!\w+:)([^)#]+?)(?:\.md|\.rst)?(?:#[^)]*)?\)", text, re.MULTILINE)
    places = (((DOCS / page).parent / "".join(each)).resolve() for each in found)
    return {place.relative_to(DOCS).as_posix() for place in places if place.is_relative_to(DOCS)}


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_first_page_answers_a_question_within_two_clicks(question):
    page, words = QUESTIONS[question]
    assert dict(re.findall(r"grid-item-card\} (.+)\n:link: (\S+)", (DOCS / "index.md").read_text()))[question] == page
    near = linked("index")
    pages = near | {far for one in near if (DOCS / f"{one}.md").is_file() for far in linked(one)}
    assert page in pages
    assert words in (DOCS / f"{page}.md").read_text(encoding="utf-8")


def test_links_of_a_page_are_found():
    assert {"guides/optimal", "guides/known", "atlases", "auto_gallery/index"} <= linked("index")
    assert {"guides/known", "networks", "auto_gallery/minima/plot_ladder"} <= linked("guides/optimal")


def test_no_line_of_a_text_is_taken_for_a_comment():
    for path in TEXTS:
        assert not re.search(r"^%", path.read_text(encoding="utf-8"), re.MULTILINE), path.name


def test_addresses_are_those_of_papers_and_of_programs_named():
    allowed = re.compile(r"https://(?:arxiv\.org/abs/\d{4}\.\d{5}|www\.dask\.org)")
    for path in TEXTS:
        for address in re.findall(r"https?://[^\s)>\"']+", path.read_text(encoding="utf-8")):
            assert allowed.fullmatch(address), f"{path.name}: {address}"


def test_faults_of_a_site_are_seen(tmp_path):
    site = library("built_site")
    page = "<html><body id='top'><a href='#top'></a><a href='b.html#x'></a><img src='a.png'></body></html>"
    (tmp_path / "a.html").write_text(page, encoding="utf-8")
    (tmp_path / "b.html").write_text("<p id='x'></p>", encoding="utf-8")
    (tmp_path / "a.png").write_bytes(b"0" * 10)
    assert list(site.faults(tmp_path)) == []
    (tmp_path / "a.png").write_bytes(b"0" * 1_000_000)
    (tmp_path / "b.html").write_text(
        "<script src='https://example.org/a.js'></script><a href='c.html'></a>", encoding="utf-8"
    )
    words = "\n".join(site.faults(tmp_path))
    assert "b.html#x leads nowhere" in words
    assert "c.html leads nowhere" in words
    assert "loaded from the network" in words
    assert "bytes with what it loads" in words


@pytest.mark.needs("chromium")
@pytest.mark.slow
def test_a_page_that_a_narrow_screen_cuts_off_is_seen(tmp_path):
    narrow = library("narrow")
    start = "<!doctype html><meta name='viewport' content='width=device-width'><style>body { margin: 0 }</style>"
    (tmp_path / "fits.html").write_text(start + "<p>words</p>", encoding="utf-8")
    (tmp_path / "wide.html").write_text(start + "<p style='width: 500px'>words</p>", encoding="utf-8")
    assert narrow.widths(tmp_path, narrow.browser()) == {"fits.html": 400, "wide.html": 500}
    assert list(narrow.wide(tmp_path, narrow.browser())) == ["wide.html: is 500 pixels wide on a screen of 400"]


def test_docstrings_become_headings_and_definition_lists():
    docstrings = library("docstrings")
    lines = ["f(x) = |x|", "", "Parameters", "----------", "x, y", "    Numbers ``|x|``.", "", "Raises ValueError."]
    assert docstrings.prepared(lines) == [
        r"f(x) = \|x\|",
        "",
        ".. rubric:: Parameters",
        "",
        "``x``, ``y``",
        "    Numbers ``|x|``.",
        "",
        "Raises ValueError.",
    ]
    # What an example prints is no markup.
    assert docstrings.prepared(["Examples", "--------", ">>> a | b", "|c|"])[2:] == [">>> a | b", "|c|"]

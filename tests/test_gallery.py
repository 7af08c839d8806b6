"""The scripts of the gallery: their headers, the figures and commands that they name, and that they run."""

import ast
import io
import re
import runpy
import shlex
import tokenize
from pathlib import Path

import matplotlib.pyplot
import pytest
import typer

from optima.cli.main import app
from optima.reproduce import find

ROOT = Path(__file__).parents[1]
GALLERY = ROOT / "docs" / "gallery"
SCRIPTS = sorted(GALLERY.glob("*/plot_*.py"))
# Lines of code, blank ones and comments left out: a longer script wants a function of the package.
MOST_LINES = 40


def script(path):
    """A script as a parameter; one that measures modules of torch is skipped where torch is missing."""
    marks = [pytest.mark.needs("torch")] if "raise SystemExit" in path.read_text(encoding="utf-8") else []
    return pytest.param(path, id=f"{path.parent.name}-{path.stem}", marks=marks)


each_script = pytest.mark.parametrize("path", [script(path) for path in SCRIPTS])


def comments(source):
    """The text of the comments, with their indentation but without their marks."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return "\n".join(token.string[1:].removeprefix(" ") for token in tokens if token.type == tokenize.COMMENT)


def commands(text):
    """What the text tells the reader to type: in code blocks, with lines that go on, and between double backquotes."""
    blocks = re.findall(r"^ {3}((?:optima|python) (?:.*\\\n)*.*)", text, re.MULTILINE)
    inline = re.findall(r"``((?:optima|python) [^`]+)``", text)
    return [" ".join(found.replace("\\\n", " ").split()) for found in [*blocks, *inline]]


def check_command(command):
    """Raise unless the parser takes a command of optima, or the script that python would run exists."""
    program, *words = shlex.split(command)
    if program == "python":
        assert (ROOT / words[0]).is_file(), f"there is no {words[0]}"
        return
    parsed(typer.main.get_command(app), "optima", words)
    if words[0] == "reproduce":
        find(words[1])
    for word in words:
        assert not word.endswith(".py") or (ROOT / word).is_file(), f"there is no {word}"


def parsed(command, name, words):
    """Let the parser of the command that is named read the words; nothing runs."""
    while hasattr(command, "commands"):
        name, *words = words
        assert name in command.commands, f"there is no command {name}"
        command = command.commands[name]
    command.make_context(name, list(words)).close()


def check_figures(text, folder):
    """Raise unless every figure that is shown is kept in examples."""
    for name in re.findall(r"\.\. (?:image|figure):: (\S+)", text):
        figure = (folder / name).resolve()
        assert figure.is_relative_to(ROOT / "examples"), f"{name} is not in examples"
        assert figure.is_file(), f"there is no {name}"


@each_script
def test_a_script_has_a_header_figures_that_exist_and_commands_that_parse(path):
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    compile(tree, str(path), "exec")
    title, rule, *first = ast.get_docstring(tree).splitlines()
    assert rule == "=" * len(title)
    assert first[0] == ""
    assert len(" ".join(first).split()) >= 15, "the first paragraph says in words what it is about"
    assert source.count("\n# %%\n") >= 2
    lines = [line.strip() for line in source.split('"""', 2)[2].splitlines()]
    assert sum(bool(line) and not line.startswith("#") for line in lines) <= MOST_LINES
    text = comments(source)
    check_figures(text, path.parent)
    found = commands(text)
    assert found or "# At full size" not in source
    for command in found:
        check_command(command)


def test_there_is_a_section_for_each_question_and_a_place_for_each_script():
    order = (ROOT / "docs" / "_ext" / "pictures.py").read_text(encoding="utf-8")
    listed = re.search(r'ORDER = """(.*?)"""', order, re.DOTALL)[1].split()
    assert sorted(listed) == sorted(path.stem.removeprefix("plot_") for path in SCRIPTS)
    for folder in {path.parent for path in SCRIPTS}:
        assert (folder / "GALLERY_HEADER.rst").is_file()
        assert f'"{folder.name}"' in (ROOT / "docs" / "conf.py").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "command",
    ["optima solve --classes 4 --dept 2", "optima solv", "optima reproduce garrod2025.fig9", "python examples/none.py"],
)
def test_a_command_that_does_not_parse_is_seen(command):
    with pytest.raises(Exception, match=r"no option|No such|no figure|there is no"):
        check_command(command)


def test_a_figure_that_is_not_kept_is_seen():
    check_figures(".. image:: ../../../examples/codes.png", GALLERY / "minima")
    for name in ("../../../examples/none.png", "../../examples/codes.png"):
        with pytest.raises(AssertionError):
            check_figures(f".. image:: {name}", GALLERY / "minima")


def test_commands_are_found_in_blocks_and_in_sentences():
    text = "See ``optima solve -K 4`` or::\n\n   optima table --classes 4 \\\n       --depths 2\n"
    assert commands(text) == ["optima table --classes 4 --depths 2", "optima solve -K 4"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:FigureCanvasAgg is non-interactive")
@each_script
def test_a_script_runs(path, monkeypatch):
    monkeypatch.chdir(path.parent)
    with matplotlib.rc_context({"backend": "Agg"}):
        runpy.run_path(str(path), run_name="__main__")
        matplotlib.pyplot.close("all")

"""Code that readers may copy: every example of a docstring, and every Python block of README and of the book."""

import ast
import contextlib
import doctest
import io
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

import optima

ROOT = Path(__file__).parents[1]
ROOMS = ROOT / "optima"
WRITTEN_BY_A_BUILD = {"generated", "auto_gallery", "build", "gallery"}
# Their examples take longer than the others together.
LONG = {"certify", "forecast", "heading", "max_margin", "zero_threshold"}
LONG |= {"README.md", "docs/dynamics.md", "docs/measure.md", "docs/networks.md"}
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
NUMBER = re.compile(r"-?\d+\.\d+(?:e[+-]?\d+)?")


# What the blocks of a page need beside the package.
NEEDS = {"docs/measure.md": "torch"}


def case(name, *values):
    needs = [pytest.mark.needs(NEEDS[name])] if name in NEEDS else []
    return pytest.param(*values, id=name, marks=[pytest.mark.slow, *needs] if name in LONG else needs)


def examples():
    """The docstrings with an example, and the names of what they describe."""
    for path in sorted(ROOMS.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)) if ">>>" in text else ():
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ">>>" in (
                ast.get_docstring(node) or ""
            ):
                yield getattr(node, "name", path.stem), ast.get_docstring(node)


EXAMPLES = dict(examples())


@pytest.mark.parametrize("text", [case(name, text) for name, text in EXAMPLES.items()])
def test_an_example_of_a_docstring_prints_what_it_shows(text):
    said = io.StringIO()
    example = doctest.DocTestParser().get_doctest(text, {}, "example", None, 0)
    outcome = doctest.DocTestRunner(optionflags=FLAGS).run(example, out=said.write)
    assert outcome.attempted > 0
    assert outcome.failed == 0, said.getvalue()


def test_every_public_function_has_an_example():
    functions = {name for name in optima.__all__ if not isinstance(getattr(optima, name), type)}
    assert functions <= EXAMPLES.keys()


def pages():
    """Every text with Python blocks."""
    written = (path for path in (ROOT / "docs").rglob("*.md") if not WRITTEN_BY_A_BUILD & set(path.parts))
    for path in sorted([*written, ROOT / "README.md", ROOT / "CONTRIBUTING.md"]):
        text = path.read_text(encoding="utf-8")
        if "```python" in text:
            yield path.relative_to(ROOT).as_posix(), text


PAGES = dict(pages())
# What is shown below a block, perhaps after a line that ends with a colon, is what the block prints.
SHOWN = re.compile(r"^```\n(?:\n.*:\n)?\n((?: {4}.+\n)+)", re.MULTILINE)


def blocks(text):
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def run(block, names):
    """Run a block, statement by statement; what each printed, and the comment on its last line."""
    said = []
    for statement in ast.parse(block).body:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(ast.Module([statement], []), "block", "exec"), names)
        said.append((printed.getvalue(), block.splitlines()[statement.end_lineno - 1].partition("  # ")[2]))
    return said


def agree(shown, printed):
    """Whether a number in a comment is the one printed, to the digits that both have."""
    digits = min(len(text.partition(".")[2].partition("e")[0]) for text in (shown, printed))
    return abs(float(shown) - float(printed)) <= 1.01 * 10.0**-digits


def check(printed, comment):
    """A comment behind ``print(...)`` that has numbers or is one word says what is printed."""
    shown = NUMBER.findall(comment)
    if shown:
        found = NUMBER.findall(printed)
        assert len(found) == len(shown), f"{comment!r} beside {printed!r}"
        assert all(map(agree, shown, found)), f"{comment!r} beside {printed!r}"
    elif comment and " " not in comment:
        assert printed.strip() == comment


def given(name):
    """What the blocks of a page take for granted."""
    if name not in NEEDS:
        return {}
    import torch

    torch.manual_seed(0)
    data = torch.utils.data.TensorDataset(torch.randn(24, 5), torch.arange(24) % 3)
    loader = torch.utils.data.DataLoader(data, batch_size=8)
    model = torch.nn.Sequential(torch.nn.Linear(5, 3))
    return {"model": model, "loader": loader, "batches": loader, "train_on": lambda x, y: None}


@pytest.mark.parametrize(("name", "text"), [case(name, name, text) for name, text in PAGES.items()])
def test_blocks_of_a_page_run_and_print_what_their_comments_say(name, text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = given(name)
    said = [line for block in blocks(text) for line in run(block, names)]
    for printed, comment in said:
        if printed:
            check(printed, comment)
    everything = "".join(printed for printed, _ in said)
    for shown in SHOWN.findall(text):
        assert "\n".join(line[4:] for line in shown.splitlines()) in everything
    # Methods of callbacks, which the libraries that call them would call so.
    if "on_train_batch_start" in names:
        trainer = SimpleNamespace(global_step=3, is_global_zero=True)
        names["on_train_batch_start"](None, trainer, None, None, 3)
        state = SimpleNamespace(global_step=4, is_world_process_zero=True)
        names["on_step_begin"](None, None, state, None)


def test_a_comment_that_is_wrong_is_seen():
    (printed, comment), *_ = run("print(1 / 3)  # 0.33335...", {})
    check("0.33333333", "0.3333...")
    check("[0.1234 0.5]", "0.1234, 0.5")
    check("anything", "a sentence about it")
    for said, shown in ((printed, comment), ("0.5", "0.5, 0.5"), ("convex", "certified")):
        with pytest.raises(AssertionError):
            check(said, shown)


def test_an_example_that_is_wrong_is_seen():
    with pytest.raises(AssertionError, match="Expected"):
        test_an_example_of_a_docstring_prints_what_it_shows(">>> 1 + 1\n3\n")

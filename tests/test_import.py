"""What importing costs, and that the public names are what they say whatever was imported before."""

import ast
import importlib.util
import inspect
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import optima

HEAVY = ("sympy", "cvxpy", "igraph", "pyarrow", "matplotlib", "pandas", "numba", "torch", "scipy", "xarray")
# Without the command line's own libraries.
LIBRARIES = ("numpy", "rich", "typer", *HEAVY)


def in_a_new_process(code):
    """What a new interpreter prints."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def loaded(code, modules):
    """Those of the modules that a new interpreter has imported after running some code."""
    shown = in_a_new_process(f"{code}\nimport sys\nprint(*(set({modules!r}) & set(sys.modules)))")
    return set(shown.split("\n")[-2].split())


@pytest.mark.parametrize(
    ("code", "modules"),
    [
        ("import optima", LIBRARIES),
        ("import optima.cli as cli; cli.main(['--version'])", HEAVY),
        ("import optima.cli as cli; cli.main(['--help'])", HEAVY),
        ("import optima; optima.DeepUFM(4, 2, 1e-3)", HEAVY),
        ("import optima; optima.best_scales", ("sympy", "pyarrow", "scipy.optimize", "matplotlib")),
        ("import optima; optima.solve; optima.certify; optima.train; optima.recognise", HEAVY[:-2]),
    ],
)
def test_libraries_are_imported_when_they_are_first_needed(code, modules):
    assert loaded(code, modules) == set()


@pytest.mark.parametrize(
    "first", ["search.ladder", "scales", "certification", "training.run", "cli.main", "tables.table"]
)
def test_public_names_are_no_packages_whatever_was_imported_before(first):
    code = f"""
import optima.{first}, types
import optima
from optima import certify, solve, train
for name in optima.__all__:
    value = getattr(optima, name)
    assert callable(value) and not isinstance(value, types.ModuleType), name
    assert value.__name__ == name, name
import optima.search.lbfgs, optima.training.rule, optima.proofs.tree
assert (optima.solve, optima.certify, optima.train) == (solve, certify, train)
print("fine")
"""
    assert in_a_new_process(code) == "fine\n"


@pytest.mark.parametrize("name", optima.__all__)
def test_no_public_name_is_a_package_or_module(name):
    assert importlib.util.find_spec(f"optima.{name}") is None


PACKAGES = sorted(path.parent.name for path in Path(optima.__file__).parent.glob("*/__init__.py"))


@pytest.mark.parametrize("order", [PACKAGES, PACKAGES[::-1]], ids=["a to z", "z to a"])
def test_every_package_is_imported_and_reached_by_its_name(order):
    names = ", ".join(f"optima.{name}" for name in order)
    code = f"import {names}; print(all(each.__name__.startswith('optima.') for each in ({names})))"
    assert in_a_new_process(code) == "True\n"


CITED = re.compile(r":(?:func|class|mod|meth|attr|data):`~?(optima[\w.]+)`")


def cited():
    """Names that docstrings and comments of the package cite, with the files that do."""
    for file in sorted(Path(optima.__file__).parent.rglob("*.py")):
        for name in sorted(set(CITED.findall(file.read_text()))):
            yield pytest.param(name, id=f"{file.stem}: {name}")


@pytest.mark.parametrize("name", list(cited()))
def test_what_docstrings_cite_can_be_reached(name):
    assert pkgutil.resolve_name(name) is not None


def test_a_name_that_is_not_there_would_be_noticed():
    with pytest.raises((ImportError, AttributeError)):
        pkgutil.resolve_name("optima.search.ladder.solve")


def test_architecture_names_every_room():
    text = (Path(__file__).parents[1] / "ARCHITECTURE.md").read_text()
    rooms = {path.stem for path in Path(optima.__file__).parent.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert [room for room in sorted(rooms) if not room.startswith("__") and f"`{room}`" not in text] == []


def test_subpackages_can_be_had_without_being_imported():
    assert in_a_new_process("import optima; print(optima.spectra.__name__, optima.plot.__name__)").split() == [
        "optima.spectra",
        "optima.plot",
    ]


def test_what_completion_offers_is_for_users():
    offered = {name for name in dir(optima) if not name.startswith("_")}
    assert offered == {*optima.__all__, *optima.ROOMS}
    assert set(optima.ROOMS) <= set(PACKAGES)


def test_a_public_name_can_be_replaced(monkeypatch):
    monkeypatch.setattr(optima, "solve", max)
    assert optima.solve is max


def test_unknown_names_are_refused():
    with pytest.raises(AttributeError, match="has no attribute 'sovle'"):
        optima.sovle  # noqa: B018
    with pytest.raises(ImportError):
        from optima import nothing_of_this_name  # noqa: F401


def test_every_public_name_is_listed_once_for_readers_and_once_for_type_checkers():
    tree = ast.parse(Path(optima.__file__).read_text())
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    homes = {alias.name: node.module.removeprefix("optima.") for node in block.body for alias in node.names}
    assert homes == optima._HOMES
    assert sorted(homes) == optima.__all__
    assert set(optima.__all__) <= set(dir(optima))


@pytest.mark.parametrize("name", optima.__all__)
def test_public_names_are_documented(name):
    value = getattr(optima, name)
    text = inspect.getdoc(value)
    assert text
    assert not text.startswith(f"{name}(")
    parameters = [p for p in inspect.signature(value).parameters if p not in ("args", "kwargs")]
    assert [p for p in parameters if p not in text] == []
    if inspect.isclass(value):
        members = {key: member for key, member in vars(value).items() if not key.startswith("_")}
        methods = {key: m for key, m in members.items() if callable(m) or isinstance(m, (property, classmethod))}
        assert [key for key, member in methods.items() if not inspect.getdoc(member)] == []


def test_the_package_says_that_it_is_typed():
    assert (Path(optima.__file__).parent / "py.typed").is_file()


def test_no_equation_has_lost_its_backslashes():
    sources = sorted(Path(optima.__file__).parent.rglob("*.py"))
    assert sources
    # An escape that was not kept leaves a control character.
    assert [path.name for path in sources if set(path.read_text()) & set("\t\b\f\v\r")] == []

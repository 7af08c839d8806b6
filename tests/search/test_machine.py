"""Machine code where it cannot be kept, or not be made."""

import importlib.util
import logging
import subprocess
import sys
import types

import pytest

from optima import DeepUFM, solve
from optima.search import descent
from optima.workers import machine

numba = pytest.importorskip("numba", reason="numba is not installed")
caching = pytest.importorskip("numba.core.caching", reason="numba is not installed")


@pytest.fixture
def said(caplog):
    """The sentences that are said, once each."""
    machine.say.cache_clear()
    caplog.set_level(logging.WARNING, "optima")
    yield lambda: [record.getMessage() for record in caplog.records]
    machine.say.cache_clear()


DOUBLE = "def double(x):\n    return 2 * x\n"


def double(x):
    return 2 * x


@pytest.mark.parametrize("fault", [RuntimeError("no locator"), OSError(28, "no space left"), EOFError("cut short")])
def test_functions_compile_without_a_place_on_disk(fault, said, monkeypatch):
    """numba refuses to compile where it finds no folder, and a full disk ends the call that compiles."""

    def fail(*arguments):
        raise fault

    if isinstance(fault, RuntimeError):
        monkeypatch.setattr(caching.FunctionCache, "__init__", fail)
    else:
        monkeypatch.setattr(caching.FunctionCache, "save_overload", fail)
        monkeypatch.setattr(caching.FunctionCache, "load_overload", fail)
    decorated = [machine.machine()(double), machine.machine()(double)]
    assert [function(2.0) for function in decorated] == [4.0, 4.0]
    assert f"optima: {machine.ANEW}" in said()
    assert len(said()) == len(set(said()))


def test_copies_of_the_same_sources_share_their_machine_code(tmp_path, said, monkeypatch):
    """As those of two environments, or of an installation and its successor."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "kept"))
    machine._digest.cache_clear()
    counts = []
    for place, source in (("one", DOUBLE), ("two", DOUBLE), ("three", DOUBLE.replace("2", "3"))):
        file = tmp_path / place / "doubling.py"
        file.parent.mkdir()
        file.write_text(source)
        spec = importlib.util.spec_from_file_location("doubling", file)
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, "doubling", module)
        spec.loader.exec_module(module)
        decorated = machine.machine()(module.double)
        assert decorated(2.0) == (4.0 if place != "three" else 6.0)
        counts.append(sum(decorated.stats.cache_hits.values()))
    assert counts == [0, 1, 0]
    # The compiler is not left to work without a word.
    assert said() == [f"optima: {machine.MAKING}"]


USES = "from optima import DeepUFM, solve; import sys; print(solve({}).structure); sys.exit('numba' in sys.modules)"


@pytest.mark.parametrize(
    ("call", "uses"),
    [
        ("DeepUFM(4, 2, 1e-3)", False),
        ("DeepUFM(4, 3, 1.0)", False),
        ("DeepUFM(3, 2, 1e-3, (1, 2, 3)), effort='quick'", True),
        ("DeepUFM(4, 2, 1e-3), many=True", True),
    ],
)
def test_one_small_problem_does_not_wait_for_a_compiler(call, uses):
    """Whatever lies in the cache: equal problems and seeds give equal results. Unequal classes are more work."""
    done = subprocess.run([sys.executable, "-c", USES.format(call)], capture_output=True, text=True)
    assert done.returncode == uses, done.stderr
    assert done.stdout


def test_both_ways_end_at_the_same_minimum():
    for problem in (DeepUFM(5, 2, 1e-3), DeepUFM(4, 3, 1e-3, (1, 2, 3, 4)), DeepUFM(4, 1, 1e-2, (1, 2, 3, 4))):
        one, many = solve(problem, effort="quick"), solve(problem, effort="quick", many=True)
        assert one.loss == pytest.approx(many.loss, rel=1e-12)


def test_without_a_compiler_that_runs_numpy_does_the_work(said, monkeypatch):
    monkeypatch.delattr(sys.modules["optima.search"], "compiled", raising=False)
    monkeypatch.delitem(sys.modules, "optima.search.compiled", raising=False)
    # As numba is for a numpy that it does not know: there, and not to be imported.
    monkeypatch.setitem(sys.modules, "numba", types.ModuleType("numba"))
    assert descent.machine_code.__wrapped__() is None
    assert len(said()) == 1
    assert "numba does not work here" in said()[0]
    monkeypatch.setitem(sys.modules, "numba", None)
    assert descent.machine_code.__wrapped__() is None
    assert len(said()) == 1

"""Machine code where it cannot be kept, or not be made."""

import logging
import sys
import types

import pytest

from optima.solve import machine

caching = pytest.importorskip("numba.core.caching", reason="numba is not installed")


@pytest.fixture
def said(caplog):
    """The sentences that are said, once each."""
    machine.say.cache_clear()
    caplog.set_level(logging.WARNING, "optima")
    yield lambda: [record.getMessage() for record in caplog.records]
    machine.say.cache_clear()


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
    assert said() == [f"optima: {machine.ANEW}"]


def test_without_a_compiler_that_runs_numpy_does_the_work(said, monkeypatch):
    monkeypatch.delattr(sys.modules["optima.solve"], "compiled", raising=False)
    monkeypatch.delitem(sys.modules, "optima.solve.compiled", raising=False)
    # As numba is for a numpy that it does not know: there, and not to be imported.
    monkeypatch.setitem(sys.modules, "numba", types.ModuleType("numba"))
    assert machine.machine_code.__wrapped__() is None
    assert len(said()) == 1
    assert "numba does not work here" in said()[0]
    monkeypatch.setitem(sys.modules, "numba", None)
    assert machine.machine_code.__wrapped__() is None
    assert len(said()) == 1

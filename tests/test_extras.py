"""Where a library of an extra is missing, the command that installs it is said."""

import sys
import tomllib
from pathlib import Path

import pytest

from optima import DeepUFM, LossTable, certify, train
from optima.atlas.export import dataset
from optima.extras import needed
from optima.workers.executors import dask

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]

USES = {
    "pandas": ("pandas", lambda: LossTable(4, 2, 1e-3).to_pandas()),
    "xarray": ("xarray", lambda: dataset([])),
    "distributed": ("dask", dask),
    "torch": ("torch", lambda: train(4, 2, 1e-2, width=6, steps=1, backend="torch")),
    "flint": ("rigorous", lambda: certify(2, 2, 1e-2, gap=0.5).certificate.verify(intervals=True)),
}


@pytest.mark.parametrize("library", USES)
def test_the_extra_and_the_command_are_said(library, monkeypatch):
    extra, use = USES[library]
    assert extra in PROJECT["optional-dependencies"]
    monkeypatch.setitem(sys.modules, library, None)
    command = rf"pip install '{PROJECT['name']}\[{extra}\]'"
    with pytest.raises(ValueError, match=rf"^{library} is missing; install it with {command}[^\n]*$"):
        use()


def test_libraries_without_an_extra_are_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(
        ValueError, match=r"^cupy is missing; install it with pip install cupy, or pass backend='numpy'$"
    ):
        train(DeepUFM(4, 2, 1e-2, width=6), steps=1, backend="cupy")


def test_what_is_there_is_imported():
    assert needed("json") is sys.modules["json"]

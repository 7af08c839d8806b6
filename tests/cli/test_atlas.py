"""``optima atlas`` as a user types it."""

import dataclasses
import json
import sqlite3

import numpy as np
import pandas as pd
import pytest

from optima import DeepUFM, Solution, solve
from optima.atlas import Record, Store
from optima.cli import main
from optima.search.ladder import search
from optima.structures.recognition.result import Recognition


@pytest.fixture(scope="module")
def atlas(tmp_path_factory):
    """Cells of three and four classes, one of them with a certificate."""
    path = tmp_path_factory.mktemp("atlas") / "atlas.sqlite"
    problems = [DeepUFM(K, L, reg) for K in (3, 4) for L in (2, 3) for reg in (1e-3, 1e-2)]
    records = [Record.of(search(problem, effort="quick"), certify=problem.reg == 1e-2) for problem in problems]
    with Store(path, write=True) as store:
        store.put(records)
    return path


@pytest.fixture
def call(capsys):
    """Exit code, standard output and standard error of ``optima atlas``."""

    def run(*arguments):
        code = main(["atlas", *(str(argument) for argument in arguments)])
        return code, *capsys.readouterr()

    return run


@pytest.mark.slow
def test_build_from_the_command_line(call, tmp_path):
    path = tmp_path / "new.sqlite"
    grid = ["--classes", "3:4", "--depths", "2", "--regs", "1e-3:1e-2:2", "--effort", "quick", "--workers", "1"]
    code, out, err = call("build", *grid, "--store", path)
    assert (code, out) == (0, f"4 cells solved or improved; {path} has 4\n")
    assert "4 of 4 cells" in err
    assert call("build", *grid, "--store", path)[1] == f"0 cells solved or improved; {path} has 4\n"
    assert call("verify", path)[0] == 0


def test_show(call, atlas):
    code, out, err = call("show", atlas, "--classes", "4")
    assert (code, err) == (0, "")
    assert "4 cells: " in out
    assert "pairs 4" in out or "simplex" in out


def test_show_by_structure_rank_and_lambda(call, atlas):
    cells = json.loads(call("show", atlas, "--json", "--rank", "2", "--regs", "1e-3:2e-3")[1])["cells"]
    assert cells
    assert all(cell["rank"] == 2 and cell["reg"] == 1e-3 for cell in cells)
    name = cells[0]["structure"].split(" (")[0]
    assert json.loads(call("show", atlas, "--json", "--structure", name)[1])["cells"]
    assert not json.loads(call("show", atlas, "--json", "--structure", "frame")[1])["cells"]


def test_show_cuts_its_table(call, atlas):
    assert "... 6 more cells" in call("show", atlas, "--rows", "2")[1]


def test_export_csv_and_parquet(call, atlas, tmp_path):
    for form, read in (("csv", pd.read_csv), ("parquet", pd.read_parquet)):
        path = tmp_path / f"out.{form}"
        assert call("export", atlas, "--format", form, "--out", path)[0] == 0
        table = read(path)
        with Store(atlas) as store:
            assert table.loss.tolist() == [record.loss for record in store.records()]
        assert table.lower_bound.notna().sum() == 4
        assert (table.lower_bound.dropna() <= table.loss[table.lower_bound.notna()]).all()


def test_export_latex(call, atlas):
    out = call("export", atlas, "--format", "latex", "--classes", "4", "--depths", "2")[1]
    assert out.startswith("\\begin{longtable}")
    assert out.count("\\\\") == 3


@pytest.mark.needs("xarray")
@pytest.mark.needs("netCDF4")
def test_export_netcdf(call, atlas, tmp_path):
    import xarray

    path = tmp_path / "out.nc"
    assert call("export", atlas, "--format", "netcdf", "--out", path)[0] == 0
    with xarray.open_dataset(path) as data, Store(atlas) as store:
        record = store.get(DeepUFM(4, 3, 1e-2))
        cell = data.sel(objective="ce", classes=4, depth=3, samples=1, width=0).sel(reg=1e-2, method="nearest")
        assert float(cell["loss"]) == record.loss
        assert str(cell["structure"].values) == record.structure
    assert call("export", atlas, "--format", "netcdf", "--out", path)[0] == 2


def test_verify_finds_a_wrong_loss(call, atlas, tmp_path):
    path = tmp_path / "copy.sqlite"
    path.write_bytes(atlas.read_bytes())
    assert call("verify", path)[:2] == (0, call("verify", path)[1])
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE cell SET loss = loss * 0.999 WHERE classes = 3 AND depth = 2 AND reg = 1e-3")
    connection.close()
    code, out, _ = call("verify", path)
    assert code == 1
    assert "DeepUFM(classes=3, depth=2, reg=0.001" in out
    assert "7 of 8 losses hold" in out


def test_add(call, atlas, tmp_path):
    path, find = tmp_path / "copy.sqlite", tmp_path / "find.npz"
    path.write_bytes(atlas.read_bytes())
    solution = solve(DeepUFM(5, 2, 1e-2), effort="quick")
    solution.save(find)
    assert "added" in call("add", path, find)[1]
    assert "not better" in call("add", path, find)[1]
    with Store(path) as store:
        assert np.isclose(store.get(solution.problem).loss, Solution.load(find).loss, rtol=1e-13)


def test_history(call, tmp_path):
    path = tmp_path / "atlas.sqlite"
    solution = solve(DeepUFM(3, 2, 1e-2), effort="quick")
    with Store(path, write=True) as store:
        store.put(
            [Record.of(dataclasses.replace(solution, means=1.1 * solution.means, recognition=Recognition.read("poor")))]
        )
        store.put([Record.of(solution)])
    assert "poor" in call("show", path, "--history")[1]
    (cell,) = json.loads(call("show", path, "--json", "--history")[1])["cells"]
    assert [past["structure"] for past in cell["history"]] == ["poor"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["show", "missing.sqlite"], "no atlas yet; pass a file written by optima atlas build"),
        (["show", "FOREIGN"], "is not an atlas"),
        (["show", "ATLAS", "--regs", "1:2:3"], "pass one number, or a range lo:hi"),
        (["show", "ATLAS", "--rows", "-1"], "pass an integer of at least 0"),
        (["export", "ATLAS", "--format", "netcdf"], "pass --out FILE"),
        (["add", "ATLAS", "missing.npz"], "pass a file written by optima solve --save"),
        (["add", "ATLAS", "FOREIGN"], "is not a solution file"),
        (
            ["build", "--classes", "4", "--depths", "0", "--regs", "1", "--store", "new.sqlite"],
            "pass an integer of at least 1",
        ),
        (
            ["build", "--classes", "4", "--depths", "2", "--regs", "1", "--store", "no/such/new.sqlite"],
            "pass a file in an existing one",
        ),
    ],
)
def test_mistakes(call, atlas, tmp_path, monkeypatch, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    foreign = tmp_path / "foreign.txt"
    foreign.write_text("not a database")
    names = {"ATLAS": atlas, "FOREIGN": foreign}
    code, out, err = call(*(names.get(argument, argument) for argument in arguments))
    assert (code, out) == (2, "")
    assert sentence in err
    assert err.count("\n") == 1
    assert not (tmp_path / "new.sqlite").exists()


def test_page(call, atlas, tmp_path):
    path = tmp_path / "atlas.html"
    code, out, err = call("page", atlas, "--out", path)
    assert (code, err) == (0, "")
    assert out.startswith(f"{path}: 0.0")
    assert path.read_text().startswith("<!doctype html>")
    assert call("page", atlas, "--out", path)[0] == 2
    assert "no such cells" in call("page", atlas, "--classes", "9", "--out", tmp_path / "other.html")[2]

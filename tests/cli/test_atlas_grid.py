"""``optima atlas build`` over class sizes, imbalance ratios and losses, and with training."""

import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pandas as pd
import pytest

from optima import DeepUFM, solve
from optima.atlas import Runs, Store


@pytest.fixture
def build(call, monkeypatch, tmp_path):
    """Build a small atlas in this process: its path, and what the command gave."""
    monkeypatch.setattr("optima.atlas.processes", lambda count: partial(ThreadPoolExecutor, 1))
    path = tmp_path / "atlas.sqlite"
    grid = ["--depths", "2", "--regs", "0.02", "--effort", "quick", "--store", path]
    return lambda *arguments: (path, *call("atlas", "build", *grid, *arguments))


def test_class_sizes_ratios_and_losses(build, call, tmp_path):
    path, code, out, _ = build("--classes", "3", "--samples", "9,3,1", "--samples", "2:4:2", "--loss", "mse")
    assert (code, out) == (0, f"3 cells solved or improved; {path} has 3\n")
    ratios = ["--classes", "3:4", "--samples", "8", "--imbalance", "1,4", "--loss", "ce", "--loss", "mse"]
    assert build(*ratios)[1:3] == (0, f"8 cells solved or improved; {path} has 11\n")
    build("--classes", "4", "--samples", "8", "--imbalance", "4", "--imbalance-type", "step")
    cells = json.loads(call("atlas", "show", path, "--json")[1])["cells"]
    found = {(cell["classes"], cell["samples"], cell["class_sizes"], cell["objective"]) for cell in cells}
    expected = {(3, None, "9,3,1", "mse"), (3, 2, None, "mse"), (3, 4, None, "mse"), (4, None, "8,8,2,2", "ce")}
    expected |= {(K, 8, None, loss) for K in (3, 4) for loss in ("ce", "mse")}
    expected |= {(K, None, sizes, loss) for K, sizes in ((3, "8,4,2"), (4, "8,5,3,2")) for loss in ("ce", "mse")}
    assert found == expected
    shown = call("atlas", "show", path)[1]
    assert "8,5,3,2" in shown
    assert call("atlas", "verify", path)[1].startswith("12 of 12 losses hold")
    assert call("atlas", "export", path, "--out", tmp_path / "cells.csv")[0] == 0
    assert set(pd.read_csv(tmp_path / "cells.csv").class_sizes.dropna()) == {"9,3,1", "8,4,2", "8,5,3,2", "8,8,2,2"}
    with Store(path) as store:
        assert store.get(DeepUFM(3, 2, 0.02, (8, 4, 2))).loss == pytest.approx(
            solve(DeepUFM(3, 2, 0.02, (2, 8, 4)), effort="quick").loss, rel=1e-9
        ), "the order of the classes does not matter"


def test_training_of_the_cells(build, call, tmp_path):
    training = ["--classes", "3", "--widths", "4,9", "--train", "--steps", "200", "--seeds", "2", "--lr", "0.4"]
    path, code, out, _ = build(*training)
    assert code == 0
    assert out.endswith(f"4 runs trained; {path} has 4\n")
    assert build(*training)[2].endswith(f"0 runs trained; {path} has 4\n")
    (first, second) = json.loads(call("atlas", "show", path, "--trained", "--json")[1])["trained"]
    assert (first["problem"]["width"], second["problem"]["width"]) == (4, 9)
    assert first["hyperparameters"]["lr"] == 0.4
    assert sum(share["count"] for share in first["polished_structures"].values()) == 2
    code, out, _ = call("atlas", "show", path, "--trained", "--classes", "3", "--rows", "1")
    assert code == 0
    assert "... 1 more" in out
    assert "4 runs of 2 problems and settings" in out
    assert call("atlas", "verify", path)[1].startswith("5 of 5 losses hold")
    assert call("atlas", "export", path, "--trained", "--out", tmp_path / "runs.csv")[0] == 0
    table = pd.read_csv(tmp_path / "runs.csv")
    assert list(table.width) == [4, 4, 9, 9]
    assert (table.polished_loss <= table.loss * (1 + 1e-9)).all()


def test_verification_sees_a_wrong_run(build, call):
    path, *_ = build("--classes", "3", "--widths", "4", "--train", "--steps", "100", "--seeds", "2")
    with Store(path, write=True) as store:
        assert len(Runs(store)) == 2
        store._connection.execute("UPDATE run SET polished_loss = polished_loss * 0.999 WHERE seed = 1")
    code, out, _ = call("atlas", "verify", path)
    assert code == 1
    assert "2 of 3 losses hold" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--classes", "4", "--samples", "9,3,1"], "3 class sizes but there are 4 classes"),
        (["--classes", "3", "--samples", "9,3,1", "--imbalance", "2"], "pass one of the two"),
        (["--classes", "3", "--imbalance", "10"], "the largest class has 1 samples; pass a ratio from 1 to 1"),
        (["--classes", "3", "--imbalance-type", "step"], "--imbalance-type is given without a ratio; add --imbalance"),
        (["--classes", "3", "--seeds", "3"], "--seeds is given but nothing is trained; add --train"),
        (["--classes", "3", "--widths", "4", "--train", "--init", "pears"], "init is 'pears'; pass"),
        (["--classes", "3", "--train"], "pass --widths, such as 50,100,200"),
    ],
)
def test_bad_grids(build, arguments, message):
    path, code, out, err = build(*arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert not path.exists()


def test_what_runs_do_not_have(build, call):
    path, *_ = build("--classes", "3")
    for arguments in (["show", path, "--trained", "--rank", "2"], ["export", path, "--trained", "--format", "netcdf"]):
        code, _, err = call("atlas", *arguments)
        assert code == 2
        assert "pass --classes, --depths or --regs" in err
    assert call("atlas", "show", path, "--trained")[1].endswith("0 runs of 0 problems and settings\n")

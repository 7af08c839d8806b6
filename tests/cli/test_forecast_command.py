"""``optima forecast`` as a user types it."""

import json

import numpy as np
import pytest

import optima


def test_json_is_the_library(call):
    options = ["forecast", "--samples", "100,100,10", "--depth", "3", "--reg", "1e-3", "--loss", "mse"]
    code, out, err = call(*options, "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == optima.forecast((100, 100, 10), 3, 1e-3, loss="mse").as_dict()
    assert "global minimum" in call(*options)[1]


def test_one_number_of_samples_and_relu(call):
    options = ["--classes", "4", "--samples", "5", "--depth", "3", "--reg", "1e-3", "--activation", "relu"]
    data = json.loads(call("forecast", *options, "--json")[1])
    expected = optima.forecast(5, 3, 1e-3, classes=4, activation="relu")
    assert data["predictions"][0]["loss"] == expected.best.loss


def test_the_linear_network_on_a_file(call, tmp_path):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "x.npy", rng.standard_normal((5, 7)))
    np.save(tmp_path / "y.npy", np.array([0, 1, 1, 0, 1]))
    files = ["--data", str(tmp_path / "x.npy"), "--labels", str(tmp_path / "y.npy")]
    options = ["--depth", "2", "--reg", "1e-3", "--loss", "mse"]
    data = json.loads(call("forecast", *files, *options, "--json")[1])
    assert data["problem"]["samples"] == [2, 3]
    assert len(data["linear_network"]["layer"]) == 2
    assert "linear network on the data" in call("forecast", *files, *options)[1]
    code, _, err = call("forecast", *files[:2], *options)
    assert code == 2
    assert "pass both, or neither" in err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--depth", "2", "--reg", "1e-3"], "the samples are not given"),
        (["--samples", "3", "--depth", "2", "--reg", "1e-3"], "do not agree"),
        (["--samples", "3,4", "--classes", "3", "--depth", "2", "--reg", "1e-3"], "do not agree"),
    ],
)
def test_what_is_missing_is_said(call, options, words):
    code, _, err = call("forecast", *options)
    assert code == 2
    assert words in err


def test_how_a_loss_is_known_is_short_in_the_table_and_whole_beside_it(call, monkeypatch):
    monkeypatch.setenv("COLUMNS", "140")
    out = call("forecast", "--classes", "4", "--samples", "2", "--depth", "3", "--reg", "1e-3", "--effort", "quick")[1]
    best = next(line for line in out.splitlines() if line.startswith("best minimum known"))
    assert best.endswith("as above")
    assert max(map(len, out.split("structure  ")[1].splitlines())) < 110
    out = call("forecast", "--samples", "2,3,3,1", "--depth", "3", "--reg", "1e-3", "--effort", "quick")[1]
    simplex = next(line for line in out.splitlines() if line.startswith("simplex"))
    assert simplex.endswith("note 1")
    assert "note 1: descent in two scales for each size of classes" in out

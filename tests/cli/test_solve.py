"""``optima solve`` and ``optima max-margin`` as a user types them."""

import json

import numpy as np
import pytest

from optima import Solution

SOLVE = ["solve", "--classes", "4", "--depth", "2", "--reg", "2^-10", "--effort", "quick"]
KEYS = {
    "problem",
    "loss",
    "fit",
    "penalty",
    "rank",
    "singular_values",
    "structure",
    "description",
    "margin",
    "ladder",
    "candidates",
    "kind",
    "known_by",
    "lower_bound",
    "gap",
    "certificate",
    "seed",
    "effort",
    "seconds",
}


def test_json(call):
    code, out, err = call(*SOLVE, "--json")
    data = json.loads(out)
    assert (code, err) == (0, "")
    assert set(data) == KEYS
    assert data["problem"]["reg"] == 2**-10
    assert data["loss"] == data["fit"] + data["penalty"]
    assert data["rank"] == len(data["singular_values"])
    assert data["loss"] <= min(data["candidates"].values()) * (1 + 1e-13)


def test_json_with_logits(call):
    data = json.loads(call(*SOLVE, "--json", "--logits")[1])
    assert set(data) == KEYS | {"logits"}
    assert np.shape(data["logits"]) == (4, 4)


def test_print(call):
    code, out, err = call(*SOLVE)
    assert (code, err) == (0, "")
    assert out.startswith("best minimum known: ")
    assert "known by" in out


def test_imbalance_and_regularisation_of_each_factor(call):
    options = ["--classes", "3", "--depth", "1", "--reg-per-factor", "1e-3,2^-8", "--samples", "1,2,3"]
    data = json.loads(call("solve", *options, "--json")[1])
    assert data["problem"]["samples"] == [1, 2, 3]
    assert data["problem"]["reg"] == [1e-3, 2**-8]
    assert data["candidates"] == {}


def test_squared_error_and_width(call):
    data = json.loads(call(*SOLVE, "--loss", "mse", "--width", "2", "--json")[1])
    assert data["rank"] == 2


def test_files(call, tmp_path):
    picture, stored = tmp_path / "code.svg", tmp_path / "code.npz"
    code, out, err = call(*SOLVE, "--plot", picture, "--save", stored, "--json")
    assert (code, err) == (0, "")
    assert "<svg" in picture.read_text()
    assert Solution.load(stored).loss == json.loads(out)["loss"]


@pytest.mark.parametrize("option", ["--plot", "--save"])
def test_files_are_overwritten_only_by_force(call, option, tmp_path):
    path = tmp_path / ("code.png" if option == "--plot" else "code.npz")
    path.write_text("precious")
    assert_refused(call(*SOLVE, option, path), "--force")
    assert path.read_text() == "precious"
    assert call(*SOLVE, option, path, "--force")[0] == 0
    assert path.stat().st_size > 100


@pytest.mark.parametrize("option", ["--plot", "--save"])
def test_folders_that_do_not_exist(call, option, tmp_path):
    assert_refused(call(*SOLVE, option, tmp_path / "no" / "file.npz"), "folder")


def test_pictures_of_no_known_format(call, tmp_path):
    assert_refused(call(*SOLVE, "--plot", tmp_path / "code.nothing"), "nothing")


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--classes", "1"], "classes"),
        (["--classes", "four"], "classes"),
        (["--depth", "0"], "depth"),
        (["--reg", "-1"], "reg"),
        (["--reg", "nan"], "reg"),
        (["--reg-per-factor", "1,1,1"], "twice"),
        (["--samples", "1,2"], "samples"),
        (["--samples", "0"], "samples"),
        (["--width", "0"], "width"),
        (["--seed", "-1"], "seed"),
        (["--effort", "hard"], "hard"),
        (["--loss", "hinge"], "hinge"),
        (["--unknown"], "unknown"),
    ],
    ids=" ".join,
)
def test_mistakes(call, options, word):
    assert_refused(call(*SOLVE, *options), word)


def test_no_regularisation(call):
    assert_refused(call("solve", "--classes", "4", "--depth", "2"), "reg")


# The limit of vanishing regularisation.


def test_max_margin_json(call):
    code, out, err = call("max-margin", "--classes", "4", "--depth", "1", "--json")
    data = json.loads(out)
    assert (code, err) == (0, "")
    assert data["value"] == pytest.approx(3, rel=1e-12)
    assert {"classes", "depth", "rank", "structure", "ladder", "violation", "known_by", "logits"} <= set(data)


def test_max_margin_at_infinite_depth(call):
    data = json.loads(call("max-margin", "--classes", "5", "--depth", "inf", "--effort", "quick", "--json")[1])
    assert data["depth"] is None
    assert data["rank"] == 2


@pytest.mark.slow
def test_max_margin_of_ten_classes(call):
    code, out, err = call("max-margin", "--classes", "10", "--depth", "5")
    assert (code, err) == (0, "")
    assert "known by  best of starts; local solution, best of" in out


def test_max_margin_print(call):
    code, out, err = call("max-margin", "--classes", "4", "--depth", "2", "--rank", "2", "--effort", "quick")
    assert (code, err) == (0, "")
    assert "structure pairs" in out


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--classes", "1", "--depth", "2"], "classes"),
        (["--classes", "4", "--depth", "-inf"], "depth"),
        (["--classes", "4", "--depth", "2", "--rank", "9"], "rank"),
        (["--classes", "4", "--depth", "inf", "--rank", "3"], "rank"),
        (["--classes", "4"], "pass --depth"),
        (["--classes", "9", "--norms", "unit", "--rank", "3", "--depth", "2"], "leave --depth out"),
    ],
    ids=" ".join,
)
def test_max_margin_mistakes(call, options, word):
    assert_refused(call("max-margin", *options), word)


def assert_refused(result, word):
    code, out, err = result
    assert (code, out) == (2, "")
    assert err.startswith("optima: ")
    assert err.count("\n") == 1
    assert word in err.lower()


RELU = ["--classes", "3", "--depth", "4", "--reg", "1e-3", "--loss", "mse", "--activation", "relu", "--effort", "quick"]


def test_relu_networks(call, tmp_path):
    code, out, err = call("solve", *RELU, "--json", "--save", str(tmp_path / "net.npz"))
    data = json.loads(out)
    assert (code, err) == (0, "")
    assert set(data) == KEYS | {"middle_rank", "layers"}
    assert data["loss"] <= 0.0073324060
    assert data["middle_rank"] == 2
    assert [set(layer) for layer in data["layers"]] == [{"rank", "preactivations", "features"}] * 3
    assert Solution.load(tmp_path / "net.npz").loss == data["loss"]


def test_relu_networks_are_drawn_and_certified(call, tmp_path):
    code, out, err = call("solve", *RELU, "--plot", str(tmp_path / "net.png"))
    assert (code, err) == (0, "")
    assert out.startswith("best network known: triangle, middle rank 2, loss 0.00733240599351")
    assert (tmp_path / "net.png").read_bytes().startswith(b"\x89PNG")
    code, out, err = call("certify", *RELU, "--verify")
    assert (code, err) == (0, "")
    assert "proved again" in out
    unused = [["--check-with", "cvxpy"], ["--boxes", "100"], ["--gap", "1e-2"], ["--memory", "1"], ["--intervals"]]
    for option in unused:
        code, out, err = call("certify", *RELU, *option)
        assert (code, out) == (2, "")
        assert f"{option[0]} is not used with --activation relu" in err

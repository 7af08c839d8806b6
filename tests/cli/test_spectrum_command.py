"""``optima spectrum`` as a user types it."""

import json

import numpy as np
import pytest

from optima import DeepUFM, solve, spectrum

SMALL = ["spectrum", "--classes", "4", "--depth", "2", "--reg", "1e-3"]
PUBLIC = [
    "spectrum",
    "--classes",
    "3",
    "--depth",
    "5",
    "--reg",
    "0.01",
    "--samples",
    "40",
    "--loss",
    "mse",
    "--width",
    "60",
]


def values_of(data):
    return np.repeat(
        [each["value"] for each in data["eigenvalues"]], [each["multiplicity"] for each in data["eigenvalues"]]
    )


def test_json_of_a_public_reproduction(call):
    code, out, err = call(*PUBLIC, "--layer", "3", "--json")
    data = json.loads(out)
    assert (code, err) == (0, "")
    top, rest = data["eigenvalues"]
    assert top["value"] == pytest.approx(0.1632425697805, abs=1e-12)
    assert (top["multiplicity"], top["known"], rest["value"]) == (9, "closed form", 0.0)
    assert data["rank"] == 9
    assert data["order"] == sum(each["multiplicity"] for each in data["eigenvalues"])


@pytest.mark.parametrize("layer", ["1", "2", "H", "all"])
@pytest.mark.parametrize("regularised", [False, True])
def test_json_is_the_library(call, layer, regularised):
    options = ["--layer", layer, *(["--regularised"] if regularised else [])]
    data = json.loads(call(*SMALL, *options, "--json")[1])
    place = int(layer) if layer.isdecimal() else layer
    found = spectrum(DeepUFM(4, 2, 1e-3), layer=place, regularised=regularised)
    assert np.array_equal(values_of(data), found.values)


@pytest.mark.parametrize("of", ["gauss-newton", "gradient", "gradient-covariance", "weights", "features"])
def test_other_matrices(call, of):
    data = json.loads(call(*SMALL, "--layer", "1", "--of", of, "--structure", "pairs", "--json")[1])
    found = spectrum(DeepUFM(4, 2, 1e-3), "pairs", layer=1, of=of)
    assert np.array_equal(values_of(data), found.values)
    assert data["structure"] == "pairs"


def test_the_best_minimum(call):
    data = json.loads(call(*SMALL, "--structure", "best", "--effort", "quick", "--layer", "1", "--json")[1])
    found = spectrum(solve(DeepUFM(4, 2, 1e-3), effort="quick"), layer=1)
    assert np.array_equal(values_of(data), found.values)


def test_print_and_plot(call, tmp_path):
    code, out, err = call(*SMALL, "--layer", "2", "--plot", tmp_path / "spectrum.png")
    assert (code, err) == (0, "")
    assert out.startswith("Hessian of the loss in W_2, without regularisation, at the structure simplex")
    assert "9 outliers" in out
    assert (tmp_path / "spectrum.png").stat().st_size > 10_000
    code, out, err = call(*SMALL, "--regularised", "--structure", "polygon", "--plot", tmp_path / "all.pdf")
    assert (code, err) == (0, "")
    assert "small blocks" in out


def test_kink_of_relu(call):
    options = ["--activation", "relu", "--layer", "1", "--json"]
    ranks = [json.loads(call(*SMALL, *options, "--kink", kink)[1])["rank"] for kink in ("0", "1")]
    assert ranks == [4, 12]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--layer", "3"], "layer is 3 at depth 2"),
        (["--layer", "last"], "pass one of 1 to L, H for the features, or all"),
        (["--layer", "two"], "layer"),
        (["--of", "weights"], "of one layer"),
        (["--kink", "2"], "kink is 2"),
        (["--structure", "pears"], "pairs"),
        (["--loss", "mse", "--structure", "polygon", "--samples", "1,2,3,4"], "equal size"),
    ],
)
def test_mistakes(call, options, words):
    code, out, err = call(*SMALL, *options)
    assert (code, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1

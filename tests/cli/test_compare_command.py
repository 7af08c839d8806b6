"""``optima compare`` and ``optima recognise`` as a user types them."""

import json
import re

import numpy as np
import pytest

import optima

PROBLEM = ("--depth", "2", "--reg", "2^-10")
MEANS = 7.0 * optima.named("pairs", 10).shape().astype(float)


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((10, 10))
    for per_cent in (2, 4, 10):
        means = MEANS + per_cent / 100 * np.linalg.norm(MEANS) / np.linalg.norm(noise) * noise
        np.save(tmp_path / f"pairs{per_cent}.npy", means)
    labels = rng.permutation(np.repeat(np.arange(10), 3))
    logits = MEANS[:, labels].T + 0.05 * rng.standard_normal((30, 10))
    np.savetxt(tmp_path / "logits.csv", logits, delimiter=",")
    np.savetxt(tmp_path / "labels.txt", labels, fmt="%d")
    np.savez(tmp_path / "both.npz", logits=logits.astype(np.float32), labels=labels)
    features, weights = np.linalg.qr(rng.standard_normal((30, 10)))[0] @ np.diag(np.arange(1, 11)), np.eye(10)
    np.savez(tmp_path / "layer.npz", features=features, weights=weights, labels=labels)
    np.save(tmp_path / "nan.npy", np.where(np.eye(10) > 0, np.nan, MEANS))
    return tmp_path


def test_json_has_the_promised_keys(call, folder):
    code, out, err = call("compare", folder / "pairs4.npy", *PROBLEM, "--samples", "5", "--json")
    assert (code, err) == (0, "")
    facts = json.loads(out)
    assert facts["nearest"][0]["name"] == "pairs"
    assert 0.03 < facts["nearest"][0]["distance"] < 0.04
    assert facts["problem"]["samples"] == 5
    best, simplex = facts["predicted"]["best known"], facts["predicted"]["simplex"]
    assert facts["above_best"] == pytest.approx(facts["loss"] / best - 1)
    assert facts["below_collapse"] == pytest.approx(1 - facts["loss"] / simplex)
    assert isinstance(facts["rank"], int)


def test_labels_beside_and_inside_give_the_same(call, folder):
    beside = call("compare", folder / "logits.csv", *PROBLEM, "--labels", folder / "labels.txt", "--json")
    inside = call("compare", folder / "both.npz", *PROBLEM, "--samples", "3", "--json")
    assert beside[0] == inside[0] == 0
    one, other = json.loads(beside[1]), json.loads(inside[1])
    assert one["loss"] == pytest.approx(other["loss"], rel=1e-6)
    assert one["problem"] == other["problem"]


def test_the_headline_comes_first(call, folder):
    code, out, _ = call("compare", folder / "both.npz", *PROBLEM)
    assert code == 0
    assert re.match(
        r"Your network sits [\d.]+ % above the best minimum known \(pairs\) and [\d.]+ % below\n"
        r"deep neural collapse \(simplex\)\. Nearest structure: pairs, distance 0\.\d+\.\n",
        out,
    )


def test_logits_of_features_and_weights(call, folder):
    code, out, _ = call("compare", folder / "layer.npz", *PROBLEM, "--json")
    assert code == 0
    assert json.loads(out)["nc3"] is not None


@pytest.mark.parametrize("per_cent", [2, 4, 10])
def test_recognise_says_what_is_nearest(call, folder, per_cent):
    code, out, _ = call("recognise", folder / f"pairs{per_cent}.npy")
    assert code == 0
    assert re.search(rf"^nearest: pairs, distance 0\.0[{per_cent % 10}{(per_cent - 1) % 10}]", out, re.MULTILINE)
    facts = json.loads(call("recognise", folder / f"pairs{per_cent}.npy", "--json")[1])
    assert facts["nearest"][0]["name"] == "pairs"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("nan.npy",), "logits contain 10 missing or infinite numbers; pass finite ones"),
        (("none.npy",), "does not exist; pass a file that does"),
        (("logits.csv",), "more samples than classes; pass --labels"),
        (("both.npz", "--samples", "4"), "labels have 3 samples per class and the problem 4"),
        (("pairs4.npy", "--classes", "8"), "logits are of 10 classes, not 8; leave --classes out"),
        (("pairs4.npy", "--samples", "1,2,3"), "samples has 3 class sizes but there are 10 classes"),
        (("pairs4.npy", "--labels", "labels.txt"), "there are 30 labels for logits of shape (10, 10)"),
        (("both.npz", "--array", "nothing"), "no array 'nothing'; pass one of 'logits', 'labels'"),
        (("pairs4.npy", "--reg", "-1"), "reg is -1; pass a positive finite number"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(call, folder, monkeypatch, arguments, sentence):
    monkeypatch.chdir(folder)
    given = [*arguments, *(("--depth", "2") if "--reg" in arguments else PROBLEM)]
    code, out, err = call("compare", *given)
    assert (code, out) == (2, "")
    assert re.fullmatch(r"optima: [^\n]+\n", err)
    assert sentence in err

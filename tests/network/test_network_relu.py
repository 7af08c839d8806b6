"""ReLU networks of others among the named ones: from all factors, and from logits alone."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

import optima
from optima.cli import main
from optima.network.factors import class_factors, factors_of
from optima.network.recognise import recognise_factors, recognise_relu_logits
from optima.relu.nearest import rivals_of

CE = optima.DeepUFM(10, 3, 1e-3, 2, activation="relu")
MSE = optima.DeepUFM(6, 4, 1e-3, 3, loss="mse", activation="relu")
UNEQUAL = optima.DeepUFM(5, 3, 1e-3, (4, 4, 4, 4, 1), loss="mse", activation="relu")


def network_of(problem, name):
    return next(rival.network for rival in rivals_of(problem) if rival.name == name)


def shuffled(network, seed=0):
    """The same network with its classes in another order."""
    order = np.random.default_rng(seed).permutation(network.problem.classes)
    *weights, last, head = network.factors
    return replace(network, factors=(*weights, last[order], head[:, order]))


def noisy(arrays, size, seed=0):
    rng = np.random.default_rng(seed)
    return [a + size * np.abs(a).max() * rng.standard_normal(a.shape) for a in arrays]


@pytest.mark.parametrize(("problem", "name"), [(CE, "lifted(pairs)"), (MSE, "hinged-pairs"), (MSE, "srg")])
def test_the_logits_of_a_named_network_cost_what_it_does(problem, name):
    network = shuffled(network_of(problem, name))
    found = optima.compare(network.logits, problem)
    if name == "srg":
        # Of six classes the layers of lifted pairs make the same logits, those of collapse, at less cost.
        assert found.loss < network.loss * (1 - 1e-3)
        assert found.cheapest == "hinged-pairs"
        assert {"collapse", "srg"} <= set(found.alike)
    else:
        assert found.loss == pytest.approx(network.loss, rel=1e-9)
        assert found.recognition.nearest[0].name == name
    assert found.recognition.nearest[0].distance < 1e-9
    assert found.at_least < found.loss
    best = min(entry.loss for entry in optima.structure_losses(problem).values())
    assert found.above_best == pytest.approx(found.loss / best - 1, abs=1e-9)
    collapse = optima.structure_losses(problem, ["collapse"])["collapse"].loss
    assert found.below_collapse == pytest.approx(1 - found.loss / collapse, abs=1e-9)


def test_all_factors_cost_their_objective_and_are_known_by_their_layers():
    factors = noisy(network_of(MSE, "hinged-pairs").repeated(12), 0.01)
    found = optima.compare(factors, MSE)
    assert found.loss == pytest.approx(MSE.objective(factors), rel=1e-12)
    assert found.recognition.nearest[0].name == "hinged-pairs"
    data = found.as_dict()
    assert data["middle_rank"] == 4
    assert data["layer_ranks"] == [4, 4, 4]
    assert data["nc3"] is not None
    assert json.dumps(data, allow_nan=False)
    # One sample of each class, the cheapest, costs no more than all of them.
    assert found.network.loss <= found.loss
    # Logits alone of squared error are all nearly the identity.
    blind = optima.compare(MSE.logits(factors), MSE)
    assert len(blind.alike) > 1
    assert "too alike to be told apart" in " ".join(str(blind).split())
    assert blind.loss < found.loss


def test_samples_in_any_order_with_labels_give_the_same():
    factors = noisy(network_of(MSE, "collapse").repeated(8), 0.02)
    plain = optima.compare(factors, MSE)
    order = np.random.default_rng(3).permutation(MSE.size)
    moved = [*factors[:-1], factors[-1][:, order].T]
    labels = MSE.labels[order]
    other = optima.compare(moved, replace(MSE, samples=1), labels)
    assert other.problem == MSE
    assert other.loss == pytest.approx(plain.loss, rel=1e-12)
    assert other.recognition.nearest[0].name == "collapse"


def test_a_search_is_made_where_it_is_asked_for():
    problem = optima.DeepUFM(3, 4, 1e-3, loss="mse", activation="relu")
    network = network_of(problem, "collapse")
    named, searched = (optima.compare(network.logits, problem, effort=effort) for effort in (None, "quick"))
    assert named.solution is None
    assert searched.solution is not None
    assert searched.predicted["best known"] <= named.predicted["best known"] * (1 + 1e-12)
    assert "best named network" in str(named)
    assert "best network known" in str(searched)


def test_classes_of_different_sizes():
    network = network_of(UNEQUAL, "collapse")
    found = optima.compare(network.logits, UNEQUAL)
    assert found.loss <= network.loss * (1 + 1e-12)
    assert found.predicted["collapse"] == pytest.approx(network.loss, rel=1e-12)
    features = np.repeat(network.factors[-1], UNEQUAL.class_sizes, axis=1)
    layers = optima.compare([*network.factors[:-1], features], UNEQUAL)
    assert layers.loss == pytest.approx(network.loss, rel=1e-12)
    assert layers.recognition.name == "collapse"


def test_recognition_by_layers_and_by_logits():
    network = shuffled(network_of(CE, "srg"))
    by_layers = recognise_factors(class_factors(noisy(network.factors, 1e-3), True), "ce", 0.02)
    assert (by_layers.name, by_layers.middle, by_layers.rank) == ("srg", True, 5)
    random = [np.random.default_rng(i).standard_normal((10, 10)) for i in range(4)]
    other = recognise_factors(class_factors(random, True), "ce", 0.02)
    assert re.fullmatch(r"unnamed \(middle rank \d+\)", other.label)
    assert other.nearest
    means = shuffled(network_of(CE, "lifted(srg-petersen-complement)")).logits
    assert recognise_relu_logits(means, "ce", 0.02).name == "lifted(srg-petersen-complement)"
    far = recognise_relu_logits(*[noisy([means], 0.1)[0], "ce", 0.02])
    assert far.in_words.startswith("noisy lifted(srg-petersen-complement), or near to it: ")


@pytest.mark.parametrize("names", [["W1", "W2", "W3", "H"], ["W_1", "W_2", "W_3", "features"]])
def test_files_of_factors(tmp_path, capsys, names):
    factors = network_of(CE, "srg").factors
    np.savez(tmp_path / "net.npz", **dict(zip(names, factors, strict=True)))
    assert main(["recognise", str(tmp_path / "net.npz"), "--activation", "relu"]) == 0
    assert capsys.readouterr().out.startswith("srg (middle rank 5, distance ")
    options = ["--activation", "relu", "--depth", "3", "--reg", "1e-3", "--samples", "2", "--json"]
    assert main(["compare", str(tmp_path / "net.npz"), *options]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["loss"] == pytest.approx(network_of(CE, "srg").loss, rel=1e-9)
    assert {"nearest", "rank", "loss", "predicted", "above_best", "below_collapse"} <= set(data)


@pytest.mark.parametrize("width", ["80", "100", "200"])
def test_no_line_is_too_long(tmp_path, capsys, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", width)
    np.savez(tmp_path / "net.npz", **{f"factor_{i}": f for i, f in enumerate(network_of(CE, "srg").factors)})
    for command in (
        ["compare", str(tmp_path / "net.npz"), "--activation", "relu", "--depth", "3", "--reg", "1e-3"],
        ["recognise", str(tmp_path / "net.npz"), "--activation", "relu"],
    ):
        assert main(command) == 0
        assert max(map(len, capsys.readouterr().out.splitlines())) <= int(width)


def test_names_of_factors_in_files():
    arrays = {"0.weight": np.eye(3), "2.weight": np.eye(3), "0.bias": np.zeros(3), "H": np.eye(3)}
    assert len(factors_of(arrays)) == 3
    assert factors_of({"W": np.eye(3), "H": np.eye(3)}) is None
    assert factors_of({"logits": np.eye(3)}) is None


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ([np.eye(6)] * 3, "there are 3 factors, and depth 4 has 5; pass W_1"),
        ([np.eye(6)] * 3 + [np.ones((6, 5)), np.eye(6)], "do not chain; pass W_1"),
        ([np.eye(6)] * 4 + [np.ones((4, 5))], "do not chain; pass H of shape"),
    ],
)
def test_factors_that_do_not_fit(given, sentence):
    with pytest.raises(ValueError, match=sentence):
        optima.compare(given, MSE)

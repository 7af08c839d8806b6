"""A network among the minima: its loss against the definition, and what is said of it."""

import json

import numpy as np
import pytest

import optima
from optima.reduction import center
from optima.training.measures import measure

PROBLEM = optima.DeepUFM(6, 2, 2**-10, 5)
PAIRS = optima.named("pairs", 6).shape(optima.best_scales(optima.named("pairs", 6), 2, 2**-10, 5).scales)


def noisy(means, size, seed=0):
    noise = np.random.default_rng(seed).standard_normal(means.shape)
    return means + size * np.linalg.norm(means) / np.linalg.norm(noise) * noise


def test_the_minimum_itself_is_at_the_minimum():
    found = optima.compare(optima.solve(PROBLEM).means, PROBLEM)
    assert abs(found.above_best) < 1e-9
    assert found.loss == pytest.approx(found.predicted["best known"], rel=1e-12)
    assert str(found).startswith("Your network sits at the best minimum known (")
    assert found.recognition.named


@pytest.mark.parametrize("noise", [0.02, 0.04, 0.1])
def test_numbers_are_those_of_the_definitions(noise):
    means = noisy(PAIRS, noise)[::-1, ::-1]
    found = optima.compare(means, PROBLEM)
    assert found.loss == pytest.approx(optima.Reduction(PROBLEM).value(center(means)), rel=1e-12)
    assert found.above_best == pytest.approx(found.loss / optima.solve(PROBLEM).loss - 1, abs=1e-12)
    collapse = optima.structure_losses(PROBLEM, ["simplex"])["simplex"].loss
    assert found.below_collapse == pytest.approx(1 - found.loss / collapse, abs=1e-12)
    assert found.recognition.nearest[0].name == "pairs"
    assert (found.numerical_rank, found.rank <= 5) == (5, True)


@pytest.mark.parametrize("noise", [0.02, 0.1])
def test_what_noise_costs_is_the_best_truncation(noise):
    means = center(noisy(PAIRS, noise))
    rank, loss = optima.compare(means, PROBLEM).cut
    left, s, right = np.linalg.svd(means)
    cuts = [optima.Reduction(PROBLEM).value((left[:, :r] * s[:r]) @ right[:r]) for r in range(6)]
    assert loss == pytest.approx(min(cuts), rel=1e-10)
    assert rank == int(np.argmin(cuts)) == 3


def test_samples_give_the_problem_its_class_sizes():
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat(np.arange(6), 5))
    logits = PAIRS[:, labels].T + 0.1 * rng.standard_normal((30, 6))
    given = optima.compare(logits, PROBLEM, labels)
    found = optima.compare(logits, optima.DeepUFM(6, 2, 2**-10), labels)
    assert (found.problem, found.loss) == (PROBLEM, given.loss)
    order = np.argsort(labels, kind="stable")
    assert found.data_loss == pytest.approx(PROBLEM.data_loss(logits[order].T), rel=1e-12)
    assert found.accuracy == 1
    with pytest.raises(ValueError, match="5 samples per class and the problem 6; leave the samples out"):
        optima.compare(logits, optima.DeepUFM(6, 2, 2**-10, 6), labels)


def test_the_order_of_the_classes_does_not_matter():
    means, order = noisy(PAIRS, 0.03), np.array([3, 0, 5, 1, 4, 2])
    one, other = optima.compare(means, PROBLEM), optima.compare(means[np.ix_(order, order)], PROBLEM)
    assert one.loss == pytest.approx(other.loss, rel=1e-12)
    assert [near.name for near in one.recognition.nearest] == [near.name for near in other.recognition.nearest]


def test_classes_of_different_sizes():
    sizes = np.array([1, 2, 3, 4, 5, 6])
    labels = np.repeat(np.arange(6), sizes)
    found = optima.compare(PAIRS[:, labels].T, optima.DeepUFM(6, 2, 2**-10), labels)
    assert found.problem.samples == tuple(sizes)
    assert found.above_best > 0
    # The best scale of the simplex: no other multiple is better.
    value = optima.Reduction(found.problem).value
    shape = optima.named("simplex", 6).shape().astype(float)
    assert found.predicted["simplex"] <= min(value(a * shape) for a in np.geomspace(0.01, 100, 400)) + 1e-9
    assert "n = 1 to 6" in str(found)


@pytest.mark.parametrize("turned", [False, True])
def test_collapse_measures_of_features_are_those_of_training(turned):
    problem = optima.DeepUFM(4, 1, 1e-3, 3, width=7)
    rng = np.random.default_rng(0)
    weights, features = rng.standard_normal((4, 7)), rng.standard_normal((7, 12))
    order = rng.permutation(12)
    arrays = [(weights @ features)[:, order], features[:, order], weights]
    logits, vectors, matrix = [a.T for a in arrays] if turned else arrays
    found = optima.compare(
        logits, optima.DeepUFM(4, 1, 1e-3), problem.labels[order], features=vectors, weights=matrix, effort="quick"
    )
    wanted = measure(problem, [weights, features])
    for name in ("nc1", "nc2", "nc3"):
        assert found.measures[name] == pytest.approx(wanted[f"d{name}"][0], rel=1e-12)
    assert "NC3" in str(found)


def test_what_cannot_be_measured_is_none_and_said():
    found = optima.compare(PAIRS, PROBLEM)
    assert (found.measures["nc1"], found.measures["nc3"]) == (None, None)
    assert found.measured == "of the logits; no features"
    simplex = optima.compare(optima.named("simplex", 6).shape(), PROBLEM)
    assert simplex.measures["nc2"] == pytest.approx(0, abs=1e-7)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"logits": np.eye(5)}, "logits are of 5 classes and the problem of 6"),
        ({"logits": PAIRS, "features": np.ones((3, 4))}, "pass one vector for each of the 6 class means"),
        ({"logits": PAIRS, "features": np.ones((6, 4)), "weights": np.ones((4, 4))}, "pass \\(6, 4\\)"),
    ],
)
def test_what_does_not_go_together_is_said_in_one_sentence(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        optima.compare(problem=PROBLEM, **arguments)


def test_what_is_no_problem_is_refused():
    with pytest.raises(TypeError, match="problem is 6; pass a DeepUFM"):
        optima.compare(PAIRS, 6)


@pytest.mark.needs("torch")
def test_tensors_are_taken_as_they_are():
    import torch

    logits = torch.tensor(PAIRS, dtype=torch.bfloat16, requires_grad=True)
    assert optima.compare(logits, PROBLEM).recognition.name == "pairs"


def test_a_width_below_the_rank_is_said():
    found = optima.compare(PAIRS, optima.DeepUFM(6, 2, 2**-10, 5, width=2))
    assert found.below_collapse is None
    assert "need a width of as much" in " ".join(str(found).split())


@pytest.mark.parametrize("loss", ["ce", "mse"])
@pytest.mark.parametrize("means", [PAIRS, 1e60 * PAIRS, 0 * PAIRS, np.arange(36.0).reshape(6, 6)])
def test_text_and_dictionary_of_anything(means, loss):
    found = optima.compare(means, optima.DeepUFM(6, 2, 2**-10, 5, loss=loss))
    text = str(found)
    assert max(map(len, text.splitlines())) <= 80
    assert "deep neural collapse" in text
    facts = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert facts["nearest"][0].keys() == {"name", "distance"}
    assert facts["above_best"] == found.above_best
    assert "<pre>" in found._repr_html_()


def test_the_picture_has_both(tmp_path):
    figure = optima.compare(noisy(PAIRS, 0.05), PROBLEM).plot(tmp_path / "x.png")
    assert (tmp_path / "x.png").exists()
    titles = [axes.get_title() for axes in figure.axes]
    assert any("your network" in title for title in titles)
    assert any("best minimum known" in title for title in titles)

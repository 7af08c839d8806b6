"""The search over relu networks: what it finds, how it says so, and what it refuses."""

import json
import math

import numpy as np
import pytest

import optima
from optima.model import DeepUFM
from optima.relu.search import EFFORTS, look
from optima.scales import best_scales
from optima.structures import named

TRIANGLE = DeepUFM(3, 4, 1e-3, loss="mse", activation="relu")


@pytest.fixture(scope="module")
def triangle():
    return optima.solve(TRIANGLE, effort="quick")


def test_the_best_of_three_classes(triangle):
    assert triangle.loss <= 0.0073324060
    assert triangle.structure == "triangle"
    assert triangle.network.middle_rank == 2
    assert triangle.candidates["collapse"] == pytest.approx(
        float(best_scales(named("collapse", 3, activation="relu"), 4, 1e-3, loss="mse").loss), rel=1e-12
    )
    assert triangle.ladder[0].minima[0].verdict == "minimum"


def test_its_factors_are_a_network_of_the_model(triangle):
    assert TRIANGLE.objective(triangle.factors()) == pytest.approx(triangle.loss, rel=1e-13)
    assert TRIANGLE.objective(triangle.factors(width=9)) == pytest.approx(triangle.loss, rel=1e-13)
    assert TRIANGLE.logits(triangle.factors()) == pytest.approx(triangle.means, abs=1e-13)
    with pytest.raises(ValueError, match="pass a width of at least"):
        triangle.factors(width=1)


def test_equal_seeds_give_equal_results(triangle):
    assert optima.solve(TRIANGLE, effort="quick") == triangle


def test_json_tells_of_the_layers(triangle):
    told = json.loads(json.dumps(triangle.as_dict()))
    assert told["middle_rank"] == 2
    assert [layer["rank"] for layer in told["layers"]] == [2, 2, 2]
    for layer in told["layers"]:
        assert np.maximum(layer["preactivations"], 0) == pytest.approx(np.array(layer["features"]))
    assert told["problem"]["activation"] == "relu"
    assert told["lower_bound"] < told["loss"]


def test_a_file_holds_the_network(triangle, tmp_path):
    triangle.save(tmp_path / "net.npz")
    assert optima.Solution.load(tmp_path / "net.npz") == triangle


def test_words_say_what_was_found(triangle):
    text = str(triangle)
    assert text.startswith("best network known: triangle, middle rank 2, loss 0.00733240599351")
    assert "2.18 % below deep neural collapse" in text
    assert "not proved" in text


def test_samples_and_regs_are_reduced_exactly():
    # n = 3 and one lambda for each factor: the problem of n = 1 at lam_eff = mean * 3^(1/4).
    regs = (1e-3, 2e-3, 5e-4, 3e-3)
    mean = math.prod(regs) ** 0.25
    many = optima.solve(DeepUFM(3, 3, regs, 3, loss="mse", activation="relu"), effort="quick")
    one = optima.solve(DeepUFM(3, 3, mean * 3**0.25, loss="mse", activation="relu"), effort="quick")
    assert many.loss == pytest.approx(one.loss, rel=1e-10)
    assert many.problem.objective(many.factors()) == pytest.approx(many.loss, rel=1e-13)
    penalties = many.network.penalties
    assert np.ptp(penalties) < 1e-9 * max(penalties)


def test_zero_is_found_where_it_is_best():
    solution = optima.solve(DeepUFM(3, 3, 10.0, loss="mse", activation="relu"), effort="quick")
    assert (solution.structure, solution.loss) == ("zero", 0.5)
    assert solution.gap < 1e-9


def test_one_weight_matrix_is_the_linear_model():
    relu = optima.solve(DeepUFM(3, 1, 1e-2, activation="relu"))
    assert relu.loss == optima.solve(DeepUFM(3, 1, 1e-2)).loss


def test_the_width_of_the_model_is_kept():
    problem = DeepUFM(4, 3, 1e-3, width=3, loss="mse", activation="relu")
    solution = optima.solve(problem, effort="quick")
    assert all(factor.shape == shape for factor, shape in zip(solution.factors(), problem.factor_shapes(), strict=True))
    assert problem.objective(solution.factors()) == pytest.approx(solution.loss, rel=1e-13)


def test_classes_of_different_sizes():
    problem = DeepUFM(3, 3, 1e-3, (4, 2, 1), activation="relu")
    solution = optima.solve(problem, effort="quick")
    assert problem.objective(solution.factors()) == pytest.approx(solution.loss, rel=1e-13)
    assert solution.loss < float(np.log(3))


@pytest.mark.parametrize(
    ("problem", "options", "message"),
    [
        (TRIANGLE, {"ranks": [2]}, "starts and ranks are for linear models"),
        (TRIANGLE, {"starts": [np.eye(3)]}, "starts and ranks are for linear models"),
        (TRIANGLE, {"effort": "hard"}, "effort"),
        (DeepUFM(200, 3, 1e-3, activation="relu"), {}, "pass fewer classes"),
        (DeepUFM(3, 3, 1e-20, activation="relu"), {}, "beyond the range"),
        (DeepUFM(3, 3, 0.0, activation="relu"), {}, "max_margin"),
    ],
)
def test_refusals_are_one_sentence(problem, options, message):
    with pytest.raises(ValueError, match=message):
        optima.solve(problem, **options)


def test_a_named_network_of_its_best_shape_is_never_lost():
    # The square of four classes is narrow: hardly any descent finds it, and its closed form does.
    solution = optima.solve(DeepUFM(4, 4, 1e-3, loss="mse", activation="relu"), effort="quick")
    assert solution.loss <= 0.0097216161
    assert solution.structure == "hinged-pairs"


def test_a_search_finds_it_without_being_told():
    # Random starts alone: no named networks.
    looked = look(TRIANGLE, 0, EFFORTS["quick"])
    assert looked.pool.best < 0.00734


def test_certify_gives_the_same_bound(triangle):
    certified = optima.certify(triangle)
    assert certified.lower_bound == pytest.approx(triangle.lower_bound)
    assert certified.certificate.verify().valid


@pytest.mark.parametrize(
    ("classes", "depth", "reg"), [(3, 8, 1e-3), (2, 10, 1e-3), (3, 9, 1e-5), (3, 4, 1e-7), (4, 4, 1e-9)]
)
def test_deep_networks_and_weak_regularisation(classes, depth, reg):
    # Stretched starts have features whose rounding is larger than the regularisation.
    problem = DeepUFM(classes, depth, reg, loss="mse", activation="relu")
    solution = optima.solve(problem, effort="quick")
    assert problem.objective(solution.factors()) == pytest.approx(solution.loss, rel=1e-10)
    assert solution.lower_bound <= solution.loss <= min(solution.candidates.values()) * (1 + 1e-12)
    assert solution.certificate.verify().valid


def test_a_file_whose_parts_contradict_each_other_is_refused(triangle, tmp_path):
    triangle.save(tmp_path / "net.npz")
    with np.load(tmp_path / "net.npz") as stored:
        arrays = dict(stored)
    for name in ("factor_0", "means"):
        moved = arrays[name].copy()
        moved[..., 0, 0] += 0.3
        np.savez(tmp_path / "altered.npz", **{**arrays, name: moved})
        with pytest.raises(ValueError, match="network"):
            optima.Solution.load(tmp_path / "altered.npz")


def test_what_is_no_network_is_refused():
    from optima.model.class_network import ClassNetwork
    from optima.relu import search_networks

    with pytest.raises(ValueError, match="pass 5"):
        ClassNetwork(TRIANGLE, ())
    with pytest.raises(ValueError, match="there is no relu"):
        search_networks(DeepUFM(3, 2, 1e-3))
    with pytest.raises(ValueError, match="there is no relu"):
        search_networks(DeepUFM(3, 1, 1e-3, activation="relu"))
    with pytest.raises(ValueError, match="starts are networks of the problem"):
        search_networks(TRIANGLE, starts=[3])

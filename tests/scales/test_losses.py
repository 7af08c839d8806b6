"""One problem in full: every structure, best first, with all stationary scales."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optima import DeepUFM, Reduction, best_scales, catalogue
from optima.scales.losses import structure_losses
from optima.tables.table import LossTable

steady = settings(derandomize=True, deadline=None, max_examples=25)

PROBLEMS = [
    DeepUFM(10, 2, 2**-10, samples=5),
    DeepUFM(7, 3, 1e-4, samples=2),
    DeepUFM(4, 1, 1e-3),
    DeepUFM(5, 1, 2.0),
    DeepUFM(4, 3, 0.08),
    DeepUFM(5, 4, 0.5),
    DeepUFM(8, 2, 1e-3, width=4),
    DeepUFM(9, 3, 1e-4, samples=3, loss="mse"),
    DeepUFM(6, 2, (1e-2, 1e-4, 1e-3), samples=2),
]


@pytest.fixture(params=PROBLEMS, ids=lambda problem: f"K{problem.classes}-L{problem.depth}-{problem.loss}")
def problem(request):
    return request.param


@pytest.fixture
def found(problem):
    return structure_losses(problem)


def value_at(problem, entry, scales):
    """Reduced loss of the logits of a structure, from their singular value decomposition."""
    return Reduction(problem).value(entry.structure.shape(scales))


# Order and names


def test_every_structure_of_the_catalogue_is_there_under_its_name(problem, found):
    expected = {s.name for s in catalogue(problem.classes, None, problem.loss, problem.max_rank)}
    assert found.keys() == expected
    assert all(entry.structure.name == name for name, entry in found.items())


def test_the_best_structure_comes_first(found):
    losses = [entry.loss for entry in found.values()]
    assert losses == sorted(losses)


def test_only_the_named_ones_are_there():
    found = structure_losses(DeepUFM(10, 2, 2**-10), ["simplex", "srg", "simplex(8)+pairs(1)"])
    assert set(found) == {"simplex", "simplex(8)+pairs(1)", "srg-petersen", "srg-petersen-complement"}


@pytest.mark.parametrize(("loss", "there"), [("ce", False), ("mse", True)])
def test_the_frame_belongs_to_squared_error(loss, there):
    assert ("frame" in structure_losses(DeepUFM(4, 2, 1e-3, loss=loss))) == there


def test_the_width_leaves_out_larger_ranks_and_cuts_the_frame():
    found = structure_losses(DeepUFM(6, 2, 1e-3, width=3, loss="mse"))
    assert max(entry.rank for entry in found.values()) == 3
    assert found["frame(3)"].rank == 3
    assert "simplex" not in found


# Values


def test_reference_values_of_garrod2025():
    two = structure_losses(DeepUFM(10, 2, 2**-10, samples=5))
    assert two["simplex"].loss == pytest.approx(0.0906621832128544109209, rel=1e-14)
    assert two["simplex"].best.scales == pytest.approx((7.03753849442636294105,), rel=1e-14)
    assert two["pairs"].loss == pytest.approx(0.0800126592452475275200, rel=1e-14)
    assert two["pairs"].best.scales == pytest.approx((7.04704868833874057139,), rel=1e-14)
    three = structure_losses(DeepUFM(10, 3, 2**-9, samples=5))
    assert three["simplex"].loss == pytest.approx(0.147060765694726951461, rel=1e-14)
    assert three["pairs"].loss == pytest.approx(0.116525256479039123878, rel=1e-14)


def test_losses_are_those_of_the_best_scales(problem, found):
    reg = Reduction(problem).reg
    for entry in found.values():
        best = best_scales(entry.structure, problem.depth, reg, problem.samples, problem.loss)
        assert entry.loss == pytest.approx(float(best.loss), rel=1e-13)
        assert entry.best.scales == pytest.approx(best.scales, rel=1e-9)


def test_losses_are_those_of_the_table(problem, found):
    table = LossTable(
        [problem.classes],
        [problem.depth],
        [Reduction(problem).reg],
        [problem.samples],
        problem.loss,
        width=problem.width,
    )
    (cell,) = table.to_arrow().to_pylist()
    first = next(iter(found.values()))
    assert cell["loss"] == pytest.approx(first.loss, rel=1e-13)
    assert found[cell["winner"]].loss == pytest.approx(first.loss, rel=1e-13)
    assert cell["rank"] == found[cell["winner"]].rank


def test_losses_are_those_of_the_logits(problem, found):
    for entry in found.values():
        scales = entry.best.scales or None
        assert entry.loss == pytest.approx(value_at(problem, entry, scales), rel=1e-10)
        assert entry.best.fit + entry.best.penalty == pytest.approx(entry.loss, rel=1e-14)


def test_rank_and_singular_values_are_those_of_the_logits(problem, found):
    for entry in found.values():
        Z = Reduction(problem).replicate(entry.structure.shape(entry.best.scales or None))
        s = np.linalg.svd(Z, compute_uv=False)
        listed = [value for value, count in entry.singular_values for _ in range(count)]
        assert entry.rank == len(listed) == np.sum(s > 1e-9 * max(s[0], 1e-300))
        np.testing.assert_allclose(listed, s[: entry.rank], rtol=1e-10)


def test_only_the_geometric_mean_of_the_regularisations_matters():
    one = structure_losses(DeepUFM(6, 2, 1e-3, samples=2))
    each = structure_losses(DeepUFM(6, 2, (1e-2, 1e-4, 1e-3), samples=2))
    assert one.keys() == each.keys()
    for name, entry in one.items():
        assert each[name].loss == pytest.approx(entry.loss, rel=1e-13)


# Stationary scales


def test_stationary_scales_are_in_ascending_order_of_loss(found):
    for entry in found.values():
        losses = [point.loss for point in entry.stationary]
        assert losses == sorted(losses)
        assert entry.stationary[0] is entry.best
        assert entry.best.kind == "minimum"


def test_the_loss_is_flat_where_it_is_stationary(problem, found):
    step = 1e-5
    for entry in found.values():
        for point in entry.stationary:
            if len(point.scales) == 1 and point.scales[0] > 1e-2:
                low, here, high = (value_at(problem, entry, [point.scales[0] * f]) for f in (1 - step, 1, 1 + step))
                assert (high - low) / (2 * step) == pytest.approx(0, abs=1e-8)
                if abs(low + high - 2 * here) > 1e-14:
                    assert point.kind == ("minimum" if low + high > 2 * here else "maximum")


def test_zero_is_stationary_from_two_matrices_on():
    deep, shallow = structure_losses(DeepUFM(5, 2, 1e-3)), structure_losses(DeepUFM(5, 1, 1e-3))
    kinds = {point.scales: point.kind for point in deep["simplex"].stationary}
    assert kinds[(0.0,)] == "minimum"
    assert sorted(kinds.values()) == ["maximum", "minimum", "minimum"]
    assert [point.kind for point in shallow["simplex"].stationary] == ["minimum"]


def test_strong_regularisation_leaves_only_zero():
    found = structure_losses(DeepUFM(5, 3, 10.0))
    for entry in found.values():
        assert not any(entry.best.scales)
        assert (entry.rank, entry.singular_values, len(entry.stationary)) == (0, (), 1)
        assert entry.loss == pytest.approx(np.log(5), rel=1e-15)


# For JSON


def test_the_dictionary_survives_json_and_holds_what_the_entry_does(found):
    for entry in found.values():
        data = json.loads(json.dumps(entry.as_dict(), allow_nan=False))
        assert list(data) == ["loss", "scale", "rank", "singular_values", "fit", "penalty", "stationary"]
        assert data["loss"] == entry.loss
        assert data["fit"] + data["penalty"] == pytest.approx(entry.loss, rel=1e-14)
        assert len(data["singular_values"]) == data["rank"] == entry.rank
        assert data["singular_values"] == sorted(data["singular_values"], reverse=True)
        assert [point["kind"] for point in data["stationary"]] == [point.kind for point in entry.stationary]
        assert data["stationary"][0]["scale"] == data["scale"]
        assert data["stationary"][0]["loss"] == data["loss"]


def test_scales_are_one_number_or_one_for_each_block():
    found = structure_losses(DeepUFM(7, 2, 1e-4))
    assert isinstance(found["simplex"].as_dict()["scale"], float)
    assert found["pairs-free"].as_dict()["scale"] == list(found["pairs-free"].best.scales)
    assert len(found["pairs-free"].as_dict()["scale"]) == 2
    assert found["zero"].as_dict()["scale"] == 0.0


def test_many_singular_values_are_given_with_multiplicities():
    entry = structure_losses(DeepUFM(1200, 2, 1e-6), ["simplex"])["simplex"]
    ((value, count),) = entry.singular_values
    assert count == entry.rank == 1199
    assert entry.as_dict()["singular_values"] == [{"value": value, "multiplicity": 1199}]
    assert entry.as_dict(listed=1199)["singular_values"] == [value] * 1199
    assert entry.as_dict(listed=1198)["singular_values"] == [{"value": value, "multiplicity": 1199}]


def test_both_singular_values_of_two_blocks_are_given_in_either_form():
    entry = structure_losses(DeepUFM(7, 2, 1e-4), ["pairs-free"])["pairs-free"]
    (first, three), (second, one) = entry.singular_values
    assert (three, one) == (3, 1)
    assert entry.as_dict()["singular_values"] == [first] * 3 + [second]
    assert entry.as_dict(listed=3)["singular_values"] == [
        {"value": first, "multiplicity": 3},
        {"value": second, "multiplicity": 1},
    ]


def test_scales_too_small_for_a_float_keep_their_logarithm():
    K, L, reg = 4, 2, 1e-150
    data = structure_losses(DeepUFM(K, L, reg), ["simplex"])["simplex"].as_dict()
    by_kind = {(point["kind"], "log_scale" in point): point for point in data["stationary"]}
    small = by_kind["maximum", True]
    assert small["scale"] == 0.0
    # For a near zero the simplex is stationary where a^((L-1)/(L+1)) = K lambda.
    assert small["log_scale"] == [pytest.approx((L + 1) / (L - 1) * np.log(K * reg), rel=1e-12)]
    assert by_kind.keys() == {("minimum", False), ("maximum", True)}


def test_a_scale_of_zero_in_one_block_has_no_logarithm():
    data = structure_losses(DeepUFM(5, 2, 1e-150), ["pairs-free"])["pairs-free"].as_dict()
    logs = [point["log_scale"] for point in data["stationary"] if "log_scale" in point]
    assert any(None in log for log in logs)
    assert all(any(isinstance(value, float) for value in log) for log in logs)
    json.dumps(data, allow_nan=False)


@steady
@given(
    classes=st.integers(2, 12),
    depth=st.integers(1, 40),
    log_reg=st.floats(-700, 5),
    samples=st.integers(1, 10**6),
    loss=st.sampled_from(["ce", "mse"]),
)
def test_any_problem_can_be_written_as_json(classes, depth, log_reg, samples, loss):
    problem = DeepUFM(classes, depth, float(np.exp(log_reg)), samples=samples, loss=loss)
    for entry in structure_losses(problem).values():
        data = json.loads(json.dumps(entry.as_dict(), allow_nan=False))
        assert 0 < data["loss"] <= (np.log(classes) if loss == "ce" else 0.5) * (1 + 1e-14)
        assert {point["kind"] for point in data["stationary"]} <= {"minimum", "maximum", "saddle"}


# What is refused


def test_classes_of_different_sizes_are_refused():
    with pytest.raises(ValueError, match="equal size; pass one number of samples"):
        structure_losses(DeepUFM(3, 2, 1e-3, samples=(1, 2, 3)))


def test_relu_models_have_their_own_structures():
    found = structure_losses(DeepUFM(3, 2, 1e-3, activation="relu"))
    assert set(found) == {"zero", "collapse"}
    assert set(structure_losses(DeepUFM(3, 3, 1e-3, loss="mse", activation="relu"))) == {
        "zero",
        "collapse",
        "triangle",
        "fan",
    }


@pytest.mark.parametrize("loss", ["ce", "mse"])
def test_the_largest_regularisation_raises_no_warning(loss):
    found = structure_losses(DeepUFM(4, 2, float(np.finfo(float).max), samples=1000, loss=loss))
    assert {entry.rank for entry in found.values()} == {0}

"""Forecasts against numbers worked out elsewhere, slow minimisation, and networks that were trained."""

import json

import numpy as np
import pytest

import optima
from optima.forecasts import linear_network
from optima.forecasts.forecast import _best_multiple
from optima.report.forecast import forecast_text
from optima.report.words import per_cent

SIZES = (1, 2, 4)


@pytest.mark.parametrize(
    ("depth", "values", "loss"),
    [
        (2, (1.2575790203, 1.1191426224, 0.9952890872), 0.011507919698),
        (3, (1.1877291286, 1.0882215385, 0.9964562688), 0.014382624856),
    ],
)
def test_squared_error_in_closed_form(depth, values, loss):
    found = optima.forecast(SIZES, depth, 2e-3, loss="mse").best
    assert found.loss == pytest.approx(loss, abs=1e-12)
    for factor in found.factors:
        assert factor == pytest.approx(values, abs=1e-10)
    N, s = sum(SIZES), found.logits[::-1]
    assert (np.sqrt(SIZES) - s) / N == pytest.approx(2e-3 * s ** (2 / (depth + 1) - 1), rel=1e-9)


def test_a_mode_that_costs_more_than_zero_is_left_out():
    found = optima.forecast((1, 50), 2, 0.02, loss="mse").best
    assert found.rank == 1
    assert optima.forecast((1, 50), 2, 1e-4, loss="mse").best.rank == 2


@pytest.mark.parametrize("loss", ["ce", "mse"])
@pytest.mark.parametrize("samples", [3, (5, 2, 1)])
def test_losses_are_those_of_factors(loss, samples):
    regs = (1e-3, 2e-3, 4e-3)
    found = optima.forecast(samples, 2, regs, classes=3, loss=loss, effort="quick")
    for each in found.predictions:
        # All penalties are equal at a minimum: their sum is that of the loss.
        penalties = [reg / 2 * np.sum(factor**2) for reg, factor in zip(regs, each.factors, strict=True)]
        assert sum(penalties) + each.data_loss == pytest.approx(each.loss, rel=1e-9)
        assert np.ptp(penalties) <= 1e-9 * max(penalties) if each.rank else sum(penalties) == 0
    problem = optima.DeepUFM(3, 2, regs, samples, loss=loss)
    assert found.best.loss == pytest.approx(optima.solve(problem, effort="quick").loss, rel=1e-9)


def test_unequal_classes_have_the_best_common_scale():
    problem = optima.DeepUFM(4, 2, 2e-3, (9, 4, 2, 1))
    reduction = optima.Reduction(problem)
    for name in ("simplex", "pairs"):
        shape = np.asarray(optima.named(name, 4).shape(), dtype=float)
        best = _best_multiple(reduction, shape)
        around = [reduction.value(best * factor * shape) for factor in (0.999, 1.001, 0.5, 2)]
        assert min(around) > reduction.value(best * shape)
    names = {each.name for each in optima.forecast((9, 4, 2, 1), 2, 2e-3, search=False).predictions}
    assert {"simplex", "pairs", "zero"} <= names


@pytest.mark.parametrize("loss", ["ce", "mse"])
@pytest.mark.parametrize("samples", [2, (3, 3, 1, 1)])
def test_relu_heads(loss, samples):
    found = optima.forecast(samples, 3, 1e-3, classes=4, loss=loss, activation="relu")
    problem = optima.DeepUFM(4, 3, 1e-3, samples, loss=loss, activation="relu")
    known = optima.structure_losses(problem)
    assert found.best.loss == min(each.loss for each in known.values())
    for each in found.predictions:
        total = each.data_loss + sum(5e-4 * np.sum(factor**2) for factor in each.factors)
        assert total == pytest.approx(each.loss, rel=1e-8)


def test_training_ends_at_the_forecast():
    found = optima.forecast(SIZES, 2, 2e-3, loss="mse")
    rng = np.random.default_rng(0)
    problem = found.problem
    factors = [0.5 * rng.standard_normal(shape) for shape in problem.factor_shapes(3)]
    for _ in range(6_000):
        factors = [factor - 0.3 * slope for factor, slope in zip(factors, problem.gradient(factors), strict=True)]
    assert problem.objective(factors) == pytest.approx(found.best.loss, rel=1e-6)
    assert found.distance(1, factors[0]) < 1e-3
    assert found.distance(2, factors[1]) < 1e-3
    assert optima.forecast(SIZES, 2, 8e-3, loss="mse").distance(1, factors[0]) > 5e-3
    with pytest.raises(ValueError, match="from 1 to 2"):
        found.distance(3, factors[0])


def test_the_linear_network_on_data():
    rng = np.random.default_rng(0)
    labels = np.array([0, 0, 1, 1, 1, 2])
    inputs = rng.standard_normal((6, 8))
    found = linear_network(inputs, labels, 3)
    product = np.eye(3)[:, labels] @ np.linalg.pinv(inputs.T)
    assert found.layer**3 == pytest.approx(np.linalg.svd(product, compute_uv=False))
    assert found.residual < 1e-12
    # Every other interpolation costs more.
    direction = rng.standard_normal((3, 8))
    other = direction - direction @ inputs.T @ np.linalg.pinv(inputs.T)
    costs = [np.sum(np.linalg.svd(product + t * other, compute_uv=False) ** (2 / 3)) for t in (0, 0.1, -0.1)]
    assert costs[0] < min(costs[1:])
    assert linear_network(inputs[:, :2], labels, 3).residual > 0.1
    with pytest.raises(ValueError, match="one row for each sample"):
        linear_network(inputs[:3], labels, 2)


def test_what_is_asked_wrongly_is_refused():
    with pytest.raises(ValueError, match="pass classes"):
        optima.forecast(3, 2, 1e-3)
    with pytest.raises(ValueError, match="pass one for each"):
        optima.forecast((3, 2), 2, 1e-3, classes=3)
    with pytest.raises(ValueError, match="reg is 0"):
        optima.forecast((3, 2), 2, 0)


@pytest.mark.parametrize("limit", [80, 100, 200])
def test_words(limit):
    found = optima.forecast((100, 100, 10), 3, 1e-3, loss="mse")
    text = forecast_text(found, limit)
    assert max(map(len, text.splitlines())) <= limit
    assert f"{found.best.loss:.12g}" in text
    assert len(repr(found)) < 200
    assert "<table>" in found._repr_html_()
    json.dumps(found.as_dict(), allow_nan=False)
    assert found["frame"].loss >= found.best.loss
    with pytest.raises(KeyError):
        found["nothing"]


def test_what_is_rounding_is_no_difference_and_large_ones_are_plain_numbers():
    words = [per_cent(share) for share in (-2e-16, 0.0, 0.0123456, 9.99, 34.2)]
    assert words == ["0 %", "0 %", "1.23 %", "999 %", "3420 %"]
    text = str(optima.forecast(5, 3, 1e-3, classes=6))
    assert "e-14" not in text
    assert "e+0" not in text

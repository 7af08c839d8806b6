"""Descents in machine code against those in numpy, their slow reference."""

import numpy as np
import pytest

from optima import DeepUFM
from optima.relu import descent
from optima.relu.descent import WIDTHS, descend, rescaled, sharpened, smooth
from optima.relu.objective import Objective
from optima.relu.search import widths
from optima.relu.starts import random_starts

compiled = pytest.importorskip("optima.relu.compiled", reason="numba is not installed", exc_type=ImportError)

SIZES = {2: (1, 3), 3: (1, (1, 2, 5)), 5: (2, (3, 1, 1, 2, 1))}


def objective_of(classes, depth, loss, samples=1, reg=1e-3):
    problem = DeepUFM(classes, depth, reg, samples, loss=loss, activation="relu")
    return Objective(problem, widths(problem))


def starts_of(objective, count):
    return rescaled(objective, random_starts(objective, count, np.random.default_rng(3)))


def smoothed_loss(objective, points):
    return objective.evaluate(points, smooth(objective, WIDTHS[-1]))[0]


@pytest.fixture
def in_numpy(monkeypatch):
    def run(*arguments, **options):
        with monkeypatch.context() as patch:
            patch.setattr(descent, "_compiled", lambda: None)
            return descend(*arguments, **options)

    return run


@pytest.mark.parametrize("loss", ["ce", "mse"])
@pytest.mark.parametrize("depth", [2, 3, 5])
@pytest.mark.parametrize(("classes", "samples"), [(K, samples) for K, each in SIZES.items() for samples in each])
def test_value_and_gradient(classes, depth, loss, samples):
    objective = objective_of(classes, depth, loss, samples, reg=1e-2)
    points = np.random.default_rng(5).standard_normal((5, objective.size)) / np.sqrt(classes)
    for width in (WIDTHS[0], WIDTHS[-1]):
        values, gradients = compiled.log_value(objective, points, width)
        expected, slopes = objective.log_value(points, smooth(objective, width))
        np.testing.assert_allclose(values, expected, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(gradients, slopes, atol=1e-12 * np.abs(slopes).max())


def test_widths_of_all_kinds():
    problem = DeepUFM(4, 4, 1e-2, loss="mse", activation="relu")
    objective = Objective(problem, (2, 7, 1, 9))
    points = np.random.default_rng(5).standard_normal((6, objective.size))
    values, gradients = compiled.log_value(objective, points, 0.1)
    expected, slopes = objective.log_value(points, smooth(objective, 0.1))
    np.testing.assert_allclose(values, expected, rtol=1e-12)
    np.testing.assert_allclose(gradients, slopes, atol=1e-12 * np.abs(slopes).max())


@pytest.mark.parametrize(("depth", "loss"), [(2, "mse"), (3, "ce"), (4, "mse")])
def test_descents_end_where_those_in_numpy_do(depth, loss, in_numpy):
    objective = objective_of(3, depth, loss)
    starts = starts_of(objective, 32)
    fast, slow = (smoothed_loss(objective, ends) for ends in (descend(objective, starts), in_numpy(objective, starts)))
    assert fast.min() == pytest.approx(slow.min(), rel=1e-6)
    # Rounding turns a path from afar: numpy against itself, perturbed by 1e-15, agrees on 70 to 90 % of such starts.
    assert np.mean(np.abs(fast / slow - 1) < 1e-6) >= 0.6
    near = in_numpy(objective, starts, WIDTHS[:4])
    fast, slow = (smoothed_loss(objective, run(objective, near, WIDTHS[4:])) for run in (descend, in_numpy))
    assert np.mean(np.abs(fast / slow - 1) < 1e-6) >= 0.9


def test_an_end_does_not_depend_on_the_starts_beside_it():
    objective = objective_of(3, 3, "mse")
    starts = starts_of(objective, 9)
    together = descend(objective, starts)
    np.testing.assert_array_equal(together, descend(objective, starts))
    for index in (0, 4, 8):
        np.testing.assert_array_equal(descend(objective, starts[index : index + 1])[0], together[index])


def test_starts_above_the_ceiling_are_left(in_numpy):
    objective = objective_of(3, 3, "mse")
    starts = starts_of(objective, 16)
    free = smoothed_loss(objective, descend(objective, starts))
    for run in (descend, in_numpy):
        held = smoothed_loss(objective, run(objective, starts, ceiling=free.min()))
        assert held.min() == pytest.approx(free.min(), rel=1e-6)
        # With such a ceiling only the first width of the kink is descended through.
        first = run(objective, starts, WIDTHS[:1])
        left = run(objective, starts, ceiling=free.min() / 2)
        np.testing.assert_array_equal(left, first)


def test_a_start_that_is_not_a_number_spoils_no_other():
    objective = objective_of(3, 3, "ce")
    starts = starts_of(objective, 6)
    expected = descend(objective, starts)
    starts[0] = np.nan
    ends = descend(objective, starts)
    assert not np.isfinite(ends[0]).any()
    np.testing.assert_array_equal(ends[1:], expected[1:])


def test_sharpened_minima_are_near_their_kinks():
    objective = objective_of(4, 3, "mse")
    ends = descend(objective, starts_of(objective, 16))
    best = ends[np.argmin(smoothed_loss(objective, ends))][None]
    before, after = objective.value(best)[0], objective.value(sharpened(objective, best))[0]
    # Collapse, whose features touch the kinks.
    assert after == pytest.approx(0.0079919839, abs=1e-10)
    assert before > after + 1e-8

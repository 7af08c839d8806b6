"""Newton's method at kinks: all digits where the pattern is right, and no such verdict where it is not."""

from dataclasses import replace

import numpy as np
import pytest

from optima.model import DeepUFM
from optima.relu import kinks
from optima.relu.finish import finish, finish_network, simplified
from optima.relu.kinks import Pattern, settle
from optima.relu.objective import Objective
from optima.relu.starts import chain_start
from optima.scales import best_scales
from optima.structures import named


def collapse_point(classes=3, depth=3, loss="mse"):
    """The point of collapse, where all entries off the diagonal are at their kink, and the objective."""
    problem = DeepUFM(classes, depth, 1e-3, loss=loss, activation="relu")
    objective = Objective(problem, [classes] * depth)
    start = chain_start(objective, [np.eye(classes)] * (depth - 1))
    lengths = objective.usual_length * np.geomspace(0.5, 2, 2001)
    values = objective.value(lengths[:, None] * start / np.linalg.norm(start))
    return objective, lengths[np.argmin(values)] * start / np.linalg.norm(start)


def pattern(classes, depth):
    on = np.eye(classes, dtype=bool)
    return Pattern((on,) * (depth - 1), (~on,) * (depth - 1))


@pytest.mark.parametrize(("depth", "loss"), [(2, "mse"), (3, "mse"), (2, "ce"), (3, "ce")])
def test_collapse_is_stationary_and_its_loss_the_closed_form(depth, loss):
    objective, point = collapse_point(depth=depth, loss=loss)
    rest = settle(objective, point, pattern(3, depth))
    assert rest.verdict == "minimum"
    assert rest.residual < 1e-12
    closed = named("collapse", 3, activation="relu")
    wanted = float(best_scales(closed, depth, 1e-3, loss=loss).loss)
    assert objective.value(rest.point[None])[0] == pytest.approx(wanted, rel=1e-12)


def test_a_pattern_that_is_contradicted_is_mended_and_never_believed(monkeypatch):
    # The triangle holds six pre-activations at zero; as if they were on, they become negative.
    network = finish_network(best_network(3, 4)).network
    hidden = network.layers[:-1]
    objective = Objective(network.problem, (len(network.factors[-1]), *(len(layer) for layer in hidden)))
    point = objective.joined([network.factors[-1], *network.factors[:3]])
    zero = [np.abs(layer) < 1e-12 for layer in hidden]
    right = Pattern(tuple(layer > 1e-12 for layer in hidden), tuple(zero))
    wrong = Pattern(tuple(layer > -1e-12 for layer in hidden), tuple(np.zeros_like(mask) for mask in zero))
    assert sum(mask.sum() for mask in zero) == 6
    assert settle(objective, point, right).verdict == "minimum"
    monkeypatch.setattr(kinks, "ROUNDS", 0)
    assert settle(objective, point, wrong).verdict == "not converged"


def test_far_from_any_stationary_point_nothing_is_claimed():
    objective, point = collapse_point()
    far = np.random.default_rng(0).standard_normal(point.shape)
    rest = settle(objective, far, pattern(3, 3))
    stationary = rest.residual <= 1e-9
    assert stationary or rest.verdict == "not converged"


def test_the_first_order_conditions_hold_from_both_sides_of_a_kink():
    # Where Newton's method ended, no small step lowers the loss of the true network to first order.
    network = finish_network(best_network(3, 4)).network
    problem = network.problem
    rng = np.random.default_rng(3)
    for size in (1e-4, 1e-5):
        for _ in range(50):
            moved = [factor + size * rng.standard_normal(factor.shape) for factor in network.factors]
            assert replace(network, factors=tuple(moved)).loss >= network.loss - 1e-3 * size * problem.regs[0]


def best_network(classes, depth):
    from optima.relu.solve import _named

    return next(iter(_named(DeepUFM(classes, depth, 1e-3, loss="mse", activation="relu")).values()))[1]


def test_the_triangle_has_its_known_loss():
    end = finish_network(best_network(3, 4))
    assert end.verdict == "minimum"
    assert end.network.loss == pytest.approx(0.0073324059935, rel=1e-10)
    assert end.network.ranks == (2, 2, 2, 3)


def test_a_network_is_told_with_as_few_neurons_as_it_has():
    network = finish_network(best_network(3, 4)).network
    double = [factor.copy() for factor in network.factors]
    # Every neuron of the second hidden layer twice, in two parts, and a dead one.
    double[1] = np.concatenate([0.6 * double[1], 0.8 * double[1], np.zeros((1, double[1].shape[1]))])
    double[2] = np.concatenate([0.6 * double[2], 0.8 * double[2], np.zeros((len(double[2]), 1))], axis=1)
    wide = replace(network, factors=tuple(double))
    assert wide.loss == pytest.approx(network.loss, rel=1e-12)
    again = simplified(wide)
    assert [layer.shape for layer in again.layers] == [layer.shape for layer in network.layers]
    assert again.logits == pytest.approx(network.logits, abs=1e-12)
    assert again.loss <= wide.loss * (1 + 1e-12)
    assert simplified(network).loss == pytest.approx(network.loss, rel=1e-13)


def test_neurons_that_are_not_proportional_stay():
    network = finish_network(best_network(3, 4)).network
    moved = [factor.copy() for factor in network.factors]
    moved[1] = np.concatenate([0.6 * moved[1], 0.8 * moved[1] * (1 + 1e-3)])
    moved[1][-1] += 0.01 * np.arange(1, 1 + moved[1].shape[1])
    moved[2] = np.concatenate([0.6 * moved[2], 0.8 * moved[2]], axis=1)
    wide = replace(network, factors=tuple(moved))
    assert len(simplified(wide).layers[1]) == len(network.layers[1]) + 1


def test_a_descent_that_ended_with_a_dead_layer_is_zero():
    objective, point = collapse_point()
    parts = objective.split(point.copy())
    parts[1][:] = -np.abs(parts[1])
    parts[0][:] = np.abs(parts[0])
    end = finish(objective, objective.joined(parts))
    assert (end.network.loss, end.verdict) == (0.5, "minimum")

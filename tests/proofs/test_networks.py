"""Bounds of relu networks: below every network, proved again by the checker, refused when altered."""

from dataclasses import replace

import numpy as np
import pytest

from optima.checker.arithmetic import Floats
from optima.checker.class_shares import class_shares
from optima.checker.scalar_bounds import nuclear_norm, two_directions
from optima.model import DeepUFM
from optima.model.class_network import ClassNetwork
from optima.proofs.class_shares import unequal_bound
from optima.proofs.one_direction import OneDirection
from optima.proofs.relu_bounds import network_certificate
from optima.scales import best_scales
from optima.scales.unequal import unequal_losses
from optima.structures.networks import at_scales, network_catalogue

PROBLEMS = [
    DeepUFM(3, 4, 1e-3, loss="mse", activation="relu"),
    DeepUFM(4, 2, 1e-2, 3, loss="mse", activation="relu"),
    DeepUFM(4, 3, (1e-3, 2e-3, 5e-4, 3e-3), (4, 3, 1, 1), loss="mse", activation="relu"),
    DeepUFM(4, 3, 1e-3, 2, activation="relu"),
    DeepUFM(6, 5, 1e-4, activation="relu"),
    DeepUFM(3, 2, 1e-3, (5, 2, 1), activation="relu"),
    DeepUFM(5, 3, (1e-3, 2e-3, 5e-4, 3e-3), (40, 9, 9, 1, 1), activation="relu"),
]


def random_network(problem, rng, width=5, scale=1.0):
    K, L = problem.classes, problem.depth
    shapes = [*[(width, width)] * (L - 1), (K, width), (width, K)]
    return ClassNetwork(problem, tuple(scale * rng.standard_normal(shape) / width**0.5 for shape in shapes))


def balanced(network):
    """The same logits at least cost up to what a rescaling of whole factors can do."""
    costs = np.array(network.penalties)
    roots = np.sqrt(np.exp(np.mean(np.log(costs))) / costs)
    return ClassNetwork(network.problem, tuple(r * f for r, f in zip(roots, network.factors, strict=True)))


@pytest.mark.parametrize("problem", PROBLEMS, ids=repr)
def test_no_network_is_below_the_bound(problem):
    rng = np.random.default_rng(0)
    bound = network_certificate(random_network(problem, rng)).lower
    assert bound >= 0
    for scale in np.geomspace(0.1, 3, 40):
        network = balanced(random_network(problem, rng, scale=scale))
        assert network.loss >= bound
        # What the bound rests on, network by network.
        c = (problem.depth + 1) / 2 * np.exp(np.mean(np.log(problem.regs)))
        assert network.penalty >= c * network.singular_values.sum() ** (2 / (problem.depth + 1)) * (1 - 1e-12)


@pytest.mark.parametrize("problem", [p for p in PROBLEMS if p.balanced], ids=repr)
def test_named_networks_are_above_the_bound(problem):
    reg = np.exp(np.mean(np.log(problem.regs)))
    for each in network_catalogue(problem.classes, problem.loss, problem.depth):
        best = best_scales(each, problem.depth, reg, problem.class_sizes[0], problem.loss)
        network = at_scales(problem, each, best.scales.ravel().tolist())
        assert network.loss == pytest.approx(float(best.loss), rel=1e-11)
        certificate = network_certificate(network)
        assert 0 < certificate.lower < network.loss
        assert certificate.verify().valid


@pytest.mark.parametrize("problem", PROBLEMS, ids=repr)
def test_altered_certificates_are_refused(problem):
    certificate = network_certificate(balanced(random_network(problem, np.random.default_rng(1))))
    assert certificate.verify().valid
    assert not replace(certificate, lower=certificate.lower * (1 + 1e-6) + 1e-9).verify().valid
    assert not replace(certificate, upper=certificate.upper * (1 - 1e-6)).verify().valid
    moved = dict(certificate.data) | {"factor_1": 100 * certificate.data["factor_1"]}
    assert not replace(certificate, data=moved).verify().valid
    missing = {name: array for name, array in certificate.data.items() if name != "factor_0"}
    assert "finite factors" in replace(certificate, data=missing).verify().reason
    chained = dict(certificate.data) | {"factor_0": np.ones((5, 4))}
    assert not replace(certificate, data=chained).verify().valid


@pytest.mark.parametrize("problem", [DeepUFM(4, 3, 1e-3, 2, activation="relu"), DeepUFM(9, 5, 1e-2, activation="relu")])
def test_classes_of_one_size_have_the_bound_by_one_direction(problem):
    bound, shares = unequal_bound(problem)
    exact = float(best_scales(OneDirection(problem.classes), problem.depth, problem.reg, problem.samples).loss)
    assert bound == pytest.approx(exact, rel=1e-11)
    assert class_shares(problem, {"shares": shares}, Floats()) == pytest.approx(bound, rel=1e-11)


@pytest.mark.parametrize("problem", [p for p in PROBLEMS if not p.balanced], ids=repr)
def test_networks_of_classes_of_different_sizes_are_above_their_bound(problem):
    for each in unequal_losses(problem):
        certificate = network_certificate(each.network)
        assert 0.3 * each.loss < certificate.lower < each.loss
        assert certificate.verify().valid


def test_shares_prove_only_what_they_say():
    certificate = network_certificate(unequal_losses(PROBLEMS[-1])[0].network)
    shares = certificate.data["shares"]
    changed = {"few": shares[:3], "beyond": shares + 1, "none": shares[:0], "others": np.ones((2, 3))}
    for data in changed.values():
        assert not replace(certificate, data=dict(certificate.data) | {"shares": data}).verify().valid
    moved = replace(certificate, problem=replace(certificate.problem, samples=(9, 9, 1, 1, 40)))
    assert not moved.verify().valid


def test_methods_of_linear_models_prove_nothing_of_networks():
    certificate = network_certificate(random_network(PROBLEMS[3], np.random.default_rng(2)))
    for method in ("depth one", "branch and bound", "squared error"):
        assert not replace(certificate, method=method).verify().valid


def test_the_linear_minimum_is_no_bound():
    # The strongly regular graph network of ten classes is below the linear minimum, K times the price of a frame.
    from optima.reduction import Reduction
    from optima.scales.squared_error import squared_error_minimum

    problem = DeepUFM(10, 4, 1e-3, loss="mse", activation="relu")
    linear = replace(problem, activation="linear")
    least = min(float(best_scales(each, 4, 1e-3, loss="mse").loss) for each in network_catalogue(10, "mse", 4))
    linear_least = Reduction(linear).value(squared_error_minimum(linear))
    assert least < linear_least
    network = random_network(problem, np.random.default_rng(3))
    assert network_certificate(network).lower < least


def test_two_directions_prove_more_than_the_nuclear_norm():
    for problem in PROBLEMS[:3]:
        certificate = network_certificate(random_network(problem, np.random.default_rng(3)))
        assert certificate.method == "two directions"
        assert nuclear_norm(problem, Floats()) < certificate.lower
        assert certificate.lower == pytest.approx(two_directions(problem, Floats()), rel=1e-9)
        assert not replace(certificate, method="nuclear norm").verify().valid
    strong = replace(PROBLEMS[0], reg=1.0)
    assert two_directions(strong, Floats()) == pytest.approx(0.5, rel=1e-12)


def test_the_bound_by_two_directions_is_a_scan_of_both_singular_values():
    problem = PROBLEMS[0]
    K, L, c = problem.classes, problem.depth, (problem.depth + 1) / 2 * problem.reg
    first, rest = np.meshgrid(np.linspace(0, 1.5, 601), np.linspace(0, 3, 1201), indexing="ij")
    h = np.where(first <= rest, first + rest, 2 * np.sqrt(first * rest))
    price = np.maximum((first + rest) ** 2, 2.0 ** (L - 1) * h**2) ** (1 / (L + 1))
    loss = ((first - 1) ** 2 + (rest - (K - 1)) ** 2 / (K - 1)) / (2 * K) + c * price
    assert two_directions(problem, Floats()) <= loss.min() <= 1.001 * two_directions(problem, Floats())


def test_two_directions_prove_nothing_of_other_models():
    linear = DeepUFM(4, 3, 1e-3, loss="mse")
    for problem in (linear, PROBLEMS[3]):
        certificate = network_certificate(random_network(PROBLEMS[1], np.random.default_rng(4)))
        assert not replace(certificate, problem=problem, method="two directions").verify().valid

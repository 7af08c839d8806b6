"""The bound of cross-entropy by two directions: a scan of singular values, networks, and the checker's own proof."""

from dataclasses import replace

import numpy as np
import pytest

from optima.checker.arithmetic import Balls, Floats
from optima.checker.entropy_directions import entropy_directions
from optima.checker.instance import Instance
from optima.checker.verification import Refuted
from optima.model import DeepUFM
from optima.proofs.entropy_directions import entropy_bound
from optima.proofs.one_direction import OneDirection
from optima.proofs.relu_bounds import network_certificate
from optima.scales import best_scales
from optima.structures.networks import at_scales, network_catalogue

PROBLEMS = [
    DeepUFM(3, 4, 1e-3, activation="relu"),
    DeepUFM(4, 2, 1e-2, 5, activation="relu"),
    DeepUFM(6, 3, 1e-5, activation="relu"),
    DeepUFM(10, 8, 1e-3, 2, activation="relu"),
    DeepUFM(5, 3, 10.0, activation="relu"),
]


def scanned(problem):
    """The least over a grid of both sums of singular values, each with the fit that it allows."""
    K, L = problem.classes, problem.depth
    p, c = 2 / (L + 1), (L + 1) / 2 * problem.reg * problem.samples ** (1 / (L + 1))
    end = 3 * K * (1 + abs(np.log(problem.reg)))
    S, share = np.meshgrid(np.linspace(0, end, 3001), np.linspace(0, 0.5, 401), indexing="ij")
    T = S * share
    fit = np.log1p((K - 1) * np.exp(-S / (K - 1)))
    # From 2 T = S on h is S, and the second bound of the fit says nothing.
    rest = np.where(share < 0.5, (K - 2) / K * np.log1p(np.exp(-np.sqrt(K - 1) / (K - 2) * T)), 0.0)
    price = np.maximum(S**p, 2 ** (1 - p) * (2 * np.sqrt(T * (S - T))) ** p)
    return float(np.min(np.maximum(fit, rest) + c * price))


@pytest.mark.parametrize("problem", PROBLEMS, ids=repr)
def test_the_bound_is_a_scan_of_both_sums(problem):
    bound = entropy_bound(problem)
    assert bound <= scanned(problem) <= bound * 1.01


@pytest.mark.parametrize("problem", PROBLEMS, ids=repr)
def test_it_is_between_one_direction_and_every_named_network(problem):
    K, L, bound = problem.classes, problem.depth, entropy_bound(problem)
    one = float(best_scales(OneDirection(K), L, problem.reg, problem.samples).loss)
    assert bound >= one * (1 - 1e-6)
    assert problem.reg > 1 or bound > 1.1 * one
    for each in network_catalogue(K, "ce", L):
        assert bound <= float(best_scales(each, L, problem.reg, problem.samples).loss)


@pytest.mark.parametrize("numbers", [Floats(), pytest.param(Balls, marks=pytest.mark.slow)])
@pytest.mark.parametrize("problem", PROBLEMS, ids=repr)
def test_the_checker_proves_it_and_no_more(problem, numbers):
    numbers = numbers() if isinstance(numbers, type) else numbers
    bound = entropy_bound(problem)
    with numbers.arithmetic():
        instance = Instance.of(problem, numbers)
        assert entropy_directions(instance, bound * (1 - 1e-9), numbers) == bound * (1 - 1e-9)
        assert entropy_directions(instance, bound * (1 + 1e-6), numbers) < bound * (1 + 1e-6)


def test_certificates():
    problem = PROBLEMS[2]
    collapse = network_catalogue(6, "ce", 3)[0]
    scales = best_scales(collapse, 3, problem.reg).scales.ravel().tolist()
    certificate = network_certificate(at_scales(problem, collapse, scales))
    assert certificate.method == "two directions"
    assert certificate.verify().valid
    assert not replace(certificate, lower=certificate.lower * (1 + 1e-6)).verify().valid
    assert not replace(certificate, method="one direction").verify().valid
    linear = replace(certificate, problem=replace(problem, activation="linear"), method="two directions")
    assert "relu networks" in linear.verify().reason
    unequal = replace(certificate, problem=replace(problem, samples=(2, 1, 1, 1, 1, 1)))
    assert not unequal.verify().valid
    with pytest.raises(Refuted, match="three classes"):
        entropy_directions(Instance.of(DeepUFM(2, 3, 1e-3, activation="relu"), Floats()), 0.1, Floats())


@pytest.mark.parametrize("numbers", [Floats(), pytest.param(Balls, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("depth", "reg"), [(4, 1e300), (30, 1.0), (60, 10.0)])
def test_no_more_than_the_loss_of_zero_is_proved(depth, reg, numbers):
    numbers = numbers() if isinstance(numbers, type) else numbers
    with numbers.arithmetic():
        instance = Instance.of(DeepUFM(5, depth, reg, activation="relu"), numbers)
        for wanted in (1.609, np.log(5) * (1 + 1e-12), 1.7, 100.0):
            assert entropy_directions(instance, wanted, numbers) <= min(wanted, np.log(5) * (1 + 1e-15))

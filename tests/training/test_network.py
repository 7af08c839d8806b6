"""Objective and gradient of a batch: against the model run by run, finite differences, autograd, other libraries."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from models import problems, random_factors

from optima import DeepUFM
from optima.model.arrays import Backend
from optima.model.batched_network import Network, penalty

steady = settings(derandomize=True, deadline=None, max_examples=60)
RUNS = 3
VARIANTS = [
    DeepUFM(4, 3, (0.1, 0.2, 0.3, 0.4), (1, 2, 3, 1), width=5, loss=loss, activation=activation)
    for loss in ("ce", "mse")
    for activation in ("linear", "relu")
]


def batch_of(runs, backend=None):
    backend = backend or Backend()
    return [backend.put(np.stack(column)) for column in zip(*runs, strict=True)]


def full_gradients(problem, runs, backend=None):
    """Gradients of F for each run: data part of the network, and the penalty."""
    backend = backend or Backend()
    network = Network(problem, backend)
    data = [backend.get(part) for part in network.data_gradients(batch_of(runs, backend))]
    return [
        [part[row] + reg * factor for part, reg, factor in zip(data, problem.regs, factors, strict=True)]
        for row, factors in enumerate(runs)
    ]


def objectives(problem, runs, backend=None):
    backend = backend or Backend()
    network, batch = Network(problem, backend), batch_of(runs, backend)
    regs = [backend.put(np.full((len(runs), 1, 1), reg)) for reg in problem.regs]
    loss = network.data_loss(network.logits(batch)) + penalty(network.xp, batch, regs)
    return backend.get(loss)


def plain_objective(problem, factors):
    """F, one sample after another."""
    *weights, features = factors
    fits = []
    for column, label in zip(features.T, problem.labels, strict=True):
        for number, weight in enumerate(weights, start=1):
            column = weight @ column
            if problem.activation == "relu" and number < problem.depth:
                column = np.where(column > 0, column, 0.0)
        miss = np.sum((column - np.eye(problem.classes)[label]) ** 2) / 2
        fits.append(np.logaddexp.reduce(column) - column[label] if problem.loss == "ce" else miss)
    return np.mean(fits) + sum(reg / 2 * np.sum(f**2) for reg, f in zip(problem.regs, factors, strict=True))


@steady
@given(problems(), st.integers(0, 2**32 - 1), st.sampled_from([0.3, 1.0]))
def test_the_batch_is_the_objective_written_out(problem, seed, scale):
    rng = np.random.default_rng(seed)
    runs = [random_factors(problem, rng, scale) for _ in range(RUNS)]
    assert objectives(problem, runs) == pytest.approx([plain_objective(problem, f) for f in runs], rel=1e-11)


@steady
@given(problems(), st.integers(0, 2**32 - 1), st.sampled_from([0.3, 1.0, 5.0]))
def test_the_batch_is_the_model_run_by_run(problem, seed, scale):
    rng = np.random.default_rng(seed)
    runs = [random_factors(problem, rng, scale) for _ in range(RUNS)]
    assert objectives(problem, runs) == pytest.approx([problem.objective(f) for f in runs], rel=1e-12)
    for factors, found in zip(runs, full_gradients(problem, runs), strict=True):
        for mine, model in zip(found, problem.gradient(factors), strict=True):
            assert mine == pytest.approx(model, rel=1e-9, abs=1e-12 * np.abs(model).max())


@pytest.mark.parametrize("problem", VARIANTS, ids=lambda p: f"{p.loss}-{p.activation}")
def test_gradient_by_central_differences(problem):
    rng = np.random.default_rng(5)
    factors = random_factors(problem, rng)
    (found,) = full_gradients(problem, [factors])
    for index, gradient in enumerate(found):
        direction = rng.normal(size=gradient.shape)
        step = [1e-6 * direction if i == index else 0.0 for i in range(len(factors))]
        ends = [[f + sign * s for f, s in zip(factors, step, strict=True)] for sign in (1, -1)]
        up, down = objectives(problem, ends)
        assert np.vdot(gradient, direction) == pytest.approx((up - down) / 2e-6, rel=1e-6)


@pytest.mark.needs("torch")
@pytest.mark.parametrize("problem", VARIANTS, ids=lambda p: f"{p.loss}-{p.activation}")
def test_gradient_by_autograd(problem):
    import torch

    rng = np.random.default_rng(6)
    factors = random_factors(problem, rng)
    leaves = [torch.tensor(factor, requires_grad=True) for factor in factors]
    layer = leaves[-1]
    for number, weight in enumerate(leaves[:-1], start=1):
        layer = weight @ layer
        if problem.activation == "relu" and number < problem.depth:
            layer = torch.relu(layer)
    labels = torch.tensor(problem.labels.copy())
    if problem.loss == "ce":
        fit = torch.nn.functional.cross_entropy(layer.T, labels)
    else:
        one_hot = torch.nn.functional.one_hot(labels, problem.classes).T
        fit = torch.sum((layer - one_hot) ** 2) / (2 * len(labels))
    (fit + sum(reg / 2 * torch.sum(leaf**2) for reg, leaf in zip(problem.regs, leaves, strict=True))).backward()
    for mine, leaf in zip(full_gradients(problem, [factors])[0], leaves, strict=True):
        assert mine == pytest.approx(leaf.grad.numpy(), rel=1e-9, abs=1e-13)


@pytest.mark.parametrize(
    "name",
    ["array_api_strict", *(pytest.param(name, marks=pytest.mark.needs(name)) for name in ("torch", "cupy", "jax"))],
)
@pytest.mark.parametrize("problem", VARIANTS, ids=lambda p: f"{p.loss}-{p.activation}")
def test_other_array_libraries(problem, name):
    rng = np.random.default_rng(7)
    runs = [random_factors(problem, rng) for _ in range(RUNS)]
    backend = Backend(name)
    assert objectives(problem, runs, backend) == pytest.approx(objectives(problem, runs), rel=1e-13)
    for theirs, ours in zip(full_gradients(problem, runs, backend), full_gradients(problem, runs), strict=True):
        for a, b in zip(theirs, ours, strict=True):
            assert a == pytest.approx(b, rel=1e-12, abs=1e-15)


def test_losses_of_confident_logits_keep_their_digits():
    problem = DeepUFM(3, 1, 1e-3, width=3)
    logits = 60.0 * np.eye(3)[None]
    network = Network(problem, Backend())
    assert network.data_loss(logits) == pytest.approx(problem.data_loss(logits[0]), rel=1e-13)
    assert network.fit.slope(logits)[0] == pytest.approx(problem.data_loss_gradient(logits[0]), rel=1e-13)
    assert 0 < network.data_loss(logits)[0] < 1e-25


def test_a_wrong_gradient_would_be_seen():
    """The battery above can fail: the gradient of another activation is not that of this one."""
    linear, relu = VARIANTS[0], VARIANTS[1]
    factors = random_factors(linear, np.random.default_rng(8))
    assert full_gradients(linear, [factors])[0][0] != pytest.approx(relu.gradient(factors)[0], rel=1e-3)


def test_unknown_libraries_and_devices():
    with pytest.raises(ValueError, match="pass one of 'numpy', 'torch'"):
        Backend("nympy")
    with pytest.raises(ValueError, match="numpy has no devices"):
        Backend("numpy", "cuda")

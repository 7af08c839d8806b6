"""Measures of torch modules: the same numbers as from arrays, and gradients as autograd has them."""

import numpy as np
import pytest

import optima
from optima.measures import Layer

pytestmark = pytest.mark.needs("torch")
K = 3


@pytest.fixture(scope="module")
def torch():
    import torch

    torch.set_num_threads(1)
    return torch


def network(torch, inplace=True):
    torch.manual_seed(0)
    relu = torch.nn.ReLU(inplace=inplace)
    layers = [torch.nn.Linear(4, 9), relu, torch.nn.Dropout(0.5), torch.nn.Linear(9, 7, bias=False), torch.nn.Tanh()]
    return torch.nn.Sequential(*layers, torch.nn.Linear(7, K)).double()


def data(torch):
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat(np.arange(K), (20, 5, 1)))
    return torch.tensor(rng.standard_normal((26, 4)) + labels[:, None]), torch.tensor(labels)


@pytest.mark.parametrize("loss", ["ce", "mse"])
def test_modules_are_their_arrays(torch, loss):
    net, (x, y) = network(torch), data(torch)
    net.train()
    found = optima.measure(net, [(x[:7], y[:7]), (x[7:], y[7:])], reg=0.1, loss=loss)
    assert net.training
    assert all(parameter.grad is None for parameter in net.parameters())
    net.eval()
    first = net[0](x)
    second = net[3](first.relu())
    logits = net[5](second.tanh())
    for each in (first, second, logits):
        each.retain_grad()
    # Once more, with what is kept.
    hidden = first.detach().requires_grad_()
    middle = net[3](hidden.relu())
    out = net[5](middle.tanh())
    middle.retain_grad()
    out.retain_grad()
    target = torch.nn.functional.one_hot(y, K)
    total = (
        torch.nn.functional.cross_entropy(out, y, reduction="sum")
        if loss == "ce"
        else (out - target).square().sum() / 2
    )
    total.backward()
    rows = lambda tensor: tensor.detach().numpy()
    weights = [rows(net[i].weight) for i in (0, 3, 5)]
    inputs = [rows(x), rows(first.relu()), rows(second.tanh())]
    layers = [
        Layer(a, w, rows(g)) for a, w, g in zip(inputs, weights, (hidden.grad, middle.grad, out.grad), strict=True)
    ]
    expected = optima.measure(layers, y.numpy(), logits=rows(logits), reg=0.1, loss=loss)
    for one, other in zip(found.layers, expected.layers, strict=True):
        for name, value in other.measures.items():
            assert one.measures[name] == pytest.approx(value, rel=1e-8)
        assert one.bound.chain == pytest.approx(other.bound.chain, rel=1e-8)
    assert [layer.name for layer in found.layers] == ["0", "3", "5"]
    assert (found.data_loss, found.nc4, found.accuracy) == pytest.approx(
        (expected.data_loss, expected.nc4, expected.accuracy)
    )
    assert found.mean_logits == pytest.approx(expected.mean_logits)


def test_the_gradient_is_that_of_autograd(torch):
    net, (x, y) = network(torch), data(torch)
    net.eval()
    found = optima.measure(net, (x, y))
    torch.nn.functional.cross_entropy(net(x), y).backward()
    for layer, part in zip(found.layers, (net[0], net[3], net[5]), strict=True):
        assert layer.implied_reg == pytest.approx(
            float((part.weight.grad.norm() / part.weight.norm()).detach()), rel=1e-8
        )
        cosine = torch.nn.functional.cosine_similarity(-part.weight.grad.ravel(), part.weight.ravel(), dim=0)
        assert layer.gradient_alignment == pytest.approx(float(cosine.detach()), abs=1e-8)


def test_frozen_parameters_and_tokens(torch):
    class Tokens(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.mix, self.head = torch.nn.Linear(2, 2), torch.nn.Linear(4, K)

        def forward(self, x):
            return self.head(self.mix(x.reshape(len(x), 2, 2)).reshape(len(x), 4))

    torch.manual_seed(1)
    net, (x, y) = Tokens().double(), data(torch)
    expected = optima.measure(net, (x, y), reg=1.0)
    for parameter in net.parameters():
        parameter.requires_grad_(False)
    found = optima.measure(net, (x, y), reg=1.0)
    assert found.layers[0].bound.chain == pytest.approx(expected.layers[0].bound.chain)
    for parameter in net.parameters():
        parameter.requires_grad_(True)
    torch.nn.functional.cross_entropy(net(x), y).backward()
    ratio = net.mix.weight.grad.norm() / net.mix.weight.norm()
    assert found.layers[0].implied_reg == pytest.approx(float(ratio.detach()), rel=1e-8)


def test_what_cannot_be_measured_is_refused(torch):
    net, (x, y) = network(torch), data(torch)
    with pytest.raises(ValueError, match="read only once"):
        optima.measure(net, (batch for batch in [(x, y)]))
    with pytest.raises(ValueError, match="no linear layer"):
        optima.measure(torch.nn.ReLU(), (x, y))
    with pytest.raises(ValueError, match="labels run from 0 to 5"):
        optima.measure(net, (x, y * 5 // 2))
    with pytest.raises(ValueError, match="no batch"):
        optima.measure(net, [])
    keep = y < 2
    with pytest.raises(ValueError, match="class 2 of 3 has no sample"):
        optima.measure(net, (x[keep], y[keep]))

"""Convolutions in groups, transposed ones, and attention: against dense matrices and autograd."""

import numpy as np
import pytest

import optima
from optima.measures.gradient import joined
from optima.measures.reading import blocks, products

pytestmark = pytest.mark.needs("torch")
K = 3


@pytest.fixture(scope="module")
def torch():
    import torch

    torch.set_num_threads(1)
    return torch


def samples(torch, sizes=(9, 4, 2), channels=4, side=5, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(K), sizes))
    x = rng.standard_normal((labels.size, channels, side, side)) + labels[:, None, None, None]
    return torch.tensor(x), torch.tensor(labels)


def network(torch, part, seed=0):
    torch.manual_seed(seed)
    nn = torch.nn
    return nn.Sequential(part, nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.LazyLinear(K)).double()


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize(
    ("axes", "options"),
    [
        (2, {}),
        (2, {"stride": (2, 1), "padding": (1, 0)}),
        (2, {"stride": 3, "output_padding": (2, 1), "dilation": (1, 2), "padding": 1}),
        (1, {"stride": 2, "output_padding": 1}),
        (3, {"padding": 1}),
        # More output than any kernel makes.
        (1, {"stride": 1, "dilation": 3, "output_padding": 2}),
    ],
)
def test_a_transposed_convolution_is_its_dense_matrix(torch, axes, options, groups):
    """Its Jacobian, column by column, is what W's entries make of an input: sum over places of unit patches."""
    torch.manual_seed(1)
    part = getattr(torch.nn, f"ConvTranspose{axes}d")(4, 8, 2, groups=groups, bias=False, **options).double()
    x = torch.randn(2, 4, *[3] * axes, dtype=torch.float64, requires_grad=True)
    out = part(x)
    pull = torch.randn_like(out)
    (gradient,) = torch.autograd.grad(out, part.weight, pull)
    ((rows, own, _),) = products(torch, part, x, pull, 2)
    cross = np.einsum("bpo,bpi->oi", own, rows)
    W = blocks(part)
    width, height = 4 // groups, 8 * 2**axes // groups
    for g in range(groups):
        block = cross[g * height : (g + 1) * height, g * width : (g + 1) * width]
        expected = gradient[g * width : (g + 1) * width].reshape(width, -1).T.numpy()
        assert block == pytest.approx(expected, abs=1e-10)
        assert W[g].shape == (height, width)
    # <pull, out> by the dense block-diagonal matrix.
    dense = np.zeros((groups * height, groups * width))
    for g in range(groups):
        dense[g * height : (g + 1) * height, g * width : (g + 1) * width] = W[g]
    assert float((pull * out).detach().sum()) == pytest.approx(float(np.sum(cross * dense)))


@pytest.mark.parametrize("groups", [2, 4])
def test_a_convolution_in_groups_is_block_diagonal(torch, groups):
    torch.manual_seed(0)
    part = torch.nn.Conv2d(4, 8, 3, padding=1, groups=groups, bias=False).double()
    x, _ = samples(torch)
    out = part(x)
    ((rows, _, _),) = products(torch, part, x, out, len(x))
    W = blocks(part)
    dense = np.zeros((8, 36))
    for g, block in enumerate(W):
        dense[g * len(block) : (g + 1) * len(block), g * 36 // groups : (g + 1) * 36 // groups] = block
    assert rows @ dense.T == pytest.approx(out.detach().flatten(2).transpose(1, 2).numpy(), abs=1e-12)
    found = optima.measure(network(torch, part), samples(torch), reg=0.1).layers[0]
    assert found.shape == dense.shape
    s = np.linalg.svd(dense, compute_uv=False)
    assert found.weight_singular_values[: s.size] == pytest.approx(s, abs=1e-12)


@pytest.mark.parametrize("kind", ["Conv2d", "ConvTranspose2d"])
@pytest.mark.parametrize("groups", [1, 2])
def test_bounds_are_those_of_one_layer_for_each_group(torch, kind, groups):
    """Groups as layers of their own, side by side: their bounds are those of plain convolutions."""

    class Apart(torch.nn.Module):
        def __init__(self, whole):
            super().__init__()
            make = getattr(torch.nn, kind)
            self.parts = torch.nn.ModuleList([make(6 // groups, 10 // groups, 3, 2).double() for _ in range(groups)])
            for part, weight, bias in zip(
                self.parts, whole.weight.detach().chunk(groups), whole.bias.detach().chunk(groups), strict=True
            ):
                part.weight.data, part.bias.data = weight, bias

        def forward(self, x):
            return torch.cat([part(one) for part, one in zip(self.parts, x.chunk(groups, dim=1), strict=True)], dim=1)

    part = getattr(torch.nn, kind)(6, 10, 3, 2, groups=groups).double()
    net, (x, y) = network(torch, part), samples(torch, channels=6)
    net(x)
    found = optima.measure(net, [(x[:4], y[:4]), (x[4:], y[4:])], reg=0.1).layers[0]
    apart = optima.measure(torch.nn.Sequential(Apart(part), *net[1:]), (x, y), reg=0.1).layers[:groups]
    expected = joined([layer.bound for layer in apart])
    assert found.bound.chain == pytest.approx(expected.chain, rel=1e-9)
    assert found.bound.rank == expected.rank == sum(layer.bound.rank for layer in apart)
    assert found.distance == pytest.approx(np.linalg.norm([layer.distance for layer in apart]), abs=1e-12)
    torch.nn.functional.cross_entropy(net(x), y).backward()
    ratio = part.weight.grad.norm() / part.weight.norm()
    assert found.implied_reg == pytest.approx(float(ratio.detach()), rel=1e-9)
    cosine = torch.nn.functional.cosine_similarity(-part.weight.grad.ravel(), part.weight.ravel(), dim=0)
    assert found.gradient_alignment == pytest.approx(float(cosine.detach()), abs=1e-9)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("kind", ["Conv2d", "ConvTranspose2d"])
def test_the_bounds_hold_wherever_weights_are(torch, kind, seed):
    """No stationarity is assumed, and ranks are above K in every group: the chain ascends, or something is wrong."""
    rng = np.random.default_rng(seed)
    groups = int(rng.choice([1, 2, 3]))
    torch.manual_seed(seed)
    part = getattr(torch.nn, kind)(6 * groups, 6 * groups, 2, groups=groups).double()
    part.weight.data *= float(10.0 ** rng.uniform(-3, 3))
    net = network(torch, part, seed)
    x, y = samples(torch, tuple(rng.integers(1, 6, 3)), 6 * groups, seed=seed)
    bound = optima.measure(net, (x, y), reg=float(10.0 ** rng.uniform(-4, 0))).layers[0].bound
    assert bound.distance > 0
    for low, high in zip(bound.chain, bound.chain[1:], strict=False):
        assert low <= high * (1 + 1e-9)


def test_joined_bounds_hold_for_each_block_and_together():
    from optima.measures.gradient import RankBound

    one, two = RankBound(3, 3.0, 2.0, 4.0, 5.0, 1.0, 0.5), RankBound(2, 4.0, 6.0, 6.0, 7.0, 0.0, 0.0)
    both = joined([one, two])
    assert (both.rank, both.distance, both.within) == (5, 5.0, pytest.approx(np.sqrt(40)))
    assert list(both.chain) == sorted(both.chain)
    assert joined([one]) == one


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("gradients", [True, False])
def test_of_attention_the_output_is_measured(torch, batch_first, gradients):
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.first = torch.nn.Linear(5, 8)
            self.attention = torch.nn.MultiheadAttention(8, 2, batch_first=batch_first)
            self.last = torch.nn.Linear(8, K)

        def forward(self, x):
            x = self.first(x[:, 0])
            x = x if batch_first else x.transpose(0, 1)
            # As keywords, so that nothing is seen to enter.
            x, _ = self.attention(query=x, key=x, value=x)
            return self.last(x.mean(dim=1 if batch_first else 0))

    torch.manual_seed(0)
    net, (x, y) = Net().double(), samples(torch)
    found = optima.measure(net, (x, y), reg=0.1, gradients=gradients)
    assert [layer.name for layer in found.layers] == ["first", "attention", "last"]
    layer = found.layers[1]
    assert layer.shape == (None, 8)
    assert layer.bound is None
    assert layer.distance is None
    assert layer.vectors == 5 * len(x)
    with torch.no_grad():
        z = net.first(x[:, 0])
        z = z if batch_first else z.transpose(0, 1)
        out = net.attention(z, z, z)[0]
        out = out if batch_first else out.transpose(0, 1)
    rows = out.reshape(-1, 8).numpy()
    expected = optima.measure([optima.measures.Layer(rows)], np.repeat(y.numpy(), 5)).last
    assert layer.measures["nc1_trace"] == pytest.approx(expected.measures["nc1_trace"])
    assert any(note.startswith("attention: of attention the output") for note in found.notes)
    assert "attention" in str(found)


@pytest.mark.parametrize("gradients", [True, False])
def test_layers_of_a_transformer_are_seen_with_and_without_gradients(torch, gradients):
    """Torch has a fast path without modules, which would hide the layers."""

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.words = torch.nn.Embedding(11, 8)
            layer = torch.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
            self.body = torch.nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
            self.last = torch.nn.Linear(8, K)

        def forward(self, x):
            return self.last(self.body(self.words(x)).mean(dim=1))

    torch.manual_seed(0)
    y = torch.arange(12) % K
    x = torch.randint(0, 11, (12, 4))
    found = optima.measure(Net(), (x, y), reg=0.1, gradients=gradients)
    names = [layer.name for layer in found.layers]
    assert names == ["body.layers.0.self_attn", "body.layers.0.linear1", "body.layers.0.linear2", "last"]
    assert any(note.startswith("words: not measured") for note in found.notes)


def test_layers_that_are_not_called_are_named(torch):
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = torch.nn.Linear(4, 4), torch.nn.Linear(4, K)

        def forward(self, x):
            return self.last(torch.nn.functional.linear(x, self.first.weight))

    y = torch.arange(12) % K
    found = optima.measure(Net(), (torch.randn(12, 4), y), reg=0.1)
    assert [layer.name for layer in found.layers] == ["last"]
    assert found.notes == ("first: not measured, being neither linear nor a convolution, or not called as a module.",)

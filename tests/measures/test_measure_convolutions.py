"""Convolutions, batch normalisation and skip connections: matrices, patches, gradients, and memory."""

import numpy as np
import pytest

import optima
from optima.measures.reading import blocks, patches

pytestmark = pytest.mark.needs("torch")
K = 3


@pytest.fixture(scope="module")
def torch():
    import torch

    torch.set_num_threads(1)
    return torch


def residual_network(torch, groups=1, seed=0):
    """Convolution, a block with a skip connection and relus in place, a strided one with a shortcut, mean, linear."""
    nn = torch.nn

    class Block(nn.Module):
        def __init__(self, a, b, stride):
            super().__init__()
            self.norm, self.relu = nn.BatchNorm2d(a), nn.ReLU(inplace=True)
            self.conv1 = nn.Conv2d(a, b, 3, stride, 1, bias=False, groups=groups)
            self.conv2 = nn.Conv2d(b, b, 3, 1, "same", padding_mode="circular")
            self.shortcut = nn.Conv2d(a, b, 1, stride) if (a, stride) != (b, 1) else nn.Identity()

        def forward(self, x):
            x = self.relu(self.norm(x))
            skip = self.shortcut(x)
            y = self.conv2(self.relu(self.conv1(x)))
            y += skip
            return y

    torch.manual_seed(seed)
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), Block(4, 4, 1), Block(4, 6, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(6, K),
    )  # fmt: skip
    for part in net.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.uniform_(-0.2, 0.2)
            part.running_var.uniform_(0.5, 1.5)
    return net.double()


def images(torch, sizes=(9, 4, 2), side=6):
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat(np.arange(K), sizes))
    return torch.tensor(rng.standard_normal((labels.size, 1, side, side)) + labels[:, None, None, None]), torch.tensor(
        labels
    )


@pytest.mark.parametrize("options", [{}, {"padding": (1, 0)}, {"stride": (2, 1), "padding": 2, "dilation": (1, 2)}])
@pytest.mark.parametrize("mode", ["zeros", "circular", "replicate"])
def test_the_matrix_times_patches_is_the_convolution(torch, options, mode):
    part = torch.nn.Conv2d(3, 5, (3, 2), bias=False, padding_mode=mode, **options).double()
    x = torch.randn(2, 3, 7, 8, dtype=torch.float64)
    found = patches(torch, part, x, part(x).shape[2:]).numpy() @ blocks(part)[0].T
    assert found == pytest.approx(part(x).detach().flatten(2).transpose(1, 2).numpy(), abs=1e-12)


@pytest.mark.parametrize(("kind", "shape"), [("Conv1d", (2, 3, 9)), ("Conv3d", (2, 3, 4, 5, 4))])
@pytest.mark.filterwarnings("ignore:Using padding")
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_other_dimensions(torch, kind, shape, padding):
    part = getattr(torch.nn, kind)(3, 4, 2, padding=padding, bias=False).double()
    x = torch.randn(*shape, dtype=torch.float64)
    found = patches(torch, part, x, part(x).shape[2:]).numpy() @ blocks(part)[0].T
    assert found == pytest.approx(part(x).detach().flatten(2).transpose(1, 2).numpy(), abs=1e-12)


def test_gradients_are_those_of_autograd(torch):
    net, (x, y) = residual_network(torch), images(torch)
    found = optima.measure(net, [(x[:4], y[:4]), (x[4:], y[4:])], reg=0.1)
    net.eval()
    torch.nn.functional.cross_entropy(net(x), y).backward()
    parts = {name: part for name, part in net.named_modules() if hasattr(part, "weight") and part.weight.ndim > 1}
    assert [layer.name for layer in found.layers] == [
        "0", "1.conv1", "1.conv2", "2.shortcut", "2.conv1", "2.conv2", "5",
    ]  # fmt: skip
    for layer in found.layers:
        W = parts[layer.name].weight
        assert layer.shape == (len(W), W[0].numel())
        G = W.grad.reshape(len(W), -1).numpy()
        (M,) = blocks(parts[layer.name])
        assert layer.implied_reg == pytest.approx(np.linalg.norm(G) / np.linalg.norm(M), rel=1e-8)
        assert layer.gradient_alignment == pytest.approx(
            -np.sum(G * M) / np.linalg.norm(G) / np.linalg.norm(M), abs=1e-8
        )
        assert layer.bound.residual == pytest.approx(np.linalg.norm(G + 0.1 * M) / 0.1, rel=1e-8)
        assert list(layer.bound.chain) == sorted(layer.bound.chain)
    assert "patches" in found.notes[0]


@pytest.mark.parametrize("maps", ["mean", "flat"])
def test_features_are_those_that_enter(torch, maps):
    net, (x, y) = residual_network(torch), images(torch)
    found = optima.measure(net, (x, y), maps=maps, gradients=False)
    net.eval()
    entering = net[1].norm(net[0](x)).relu()
    flat = entering.flatten(2).mean(dim=2) if maps == "mean" else entering.flatten(1)
    expected = optima.measure([optima.measures.Layer(flat.detach().numpy())], y.numpy()).last
    layer = next(each for each in found.layers if each.name == "1.conv1")
    for name in ("nc1_trace", "nc1_pinv", "cdnv", "tcv", "nc2"):
        assert layer.measures[name] == pytest.approx(expected.measures[name], rel=1e-9)


def test_what_is_changed_in_place_later_was_seen_before(torch):
    class InPlace(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = torch.nn.Linear(4, K), torch.nn.Linear(4, K)

        def forward(self, x):
            x = 1 * x
            return self.first(x) + self.last(x.relu_())

    x = torch.randn(12, 4, dtype=torch.float64)
    y = torch.arange(12) % K
    first, last = optima.measure(InPlace().double(), (x, y), gradients=False).layers
    assert first.feature_square == pytest.approx(float(x.square().sum()) / 12)
    assert last.feature_square == pytest.approx(float(x.relu().square().sum()) / 12)


def test_the_bound_is_that_of_a_loop_over_patches(torch):
    net, (x, y) = residual_network(torch), images(torch)
    layer = optima.measure(net, (x, y), reg=0.1).layers[1]
    net.eval()
    entering = net[1].norm(net[0](x)).relu().detach()
    part = net[1].conv1
    out = part(entering).detach().requires_grad_()
    z = net[1].conv2(out.relu()) + entering
    torch.nn.functional.cross_entropy(net[3:](net[2](z)), y, reduction="sum").backward()
    columns = torch.nn.functional.unfold(entering, 3, padding=1).numpy()
    pulls = out.grad.flatten(2).numpy()
    owner, N = y.numpy(), len(y)
    means = [columns[owner == c].mean(axis=(0, 2)) for c in range(K)]
    cross, spread = 0, 0.0
    for j in range(N):
        for t in range(columns.shape[2]):
            xi = columns[j, :, t] - means[owner[j]]
            cross = cross + np.outer(pulls[j, :, t], xi)
            spread += xi @ xi
    assert layer.bound.within == pytest.approx(np.linalg.norm(cross) / (0.1 * N), rel=1e-8)
    assert layer.bound.crude == pytest.approx(np.linalg.norm(pulls) * np.sqrt(spread) / (0.1 * N), rel=1e-8)
    # The features' own variation is another thing.
    assert layer.measures["tcv"] != pytest.approx(spread / N, rel=0.1)


def test_patches_of_few_samples_at_a_time_are_the_same(torch, monkeypatch):
    net, (x, y) = residual_network(torch), images(torch)
    whole = optima.measure(net, (x, y), reg=0.1)
    monkeypatch.setattr("optima.measures.reading.ROOM", 1)
    parts = optima.measure(net, [(x[:1], y[:1]), (x[1:8], y[1:8]), (x[8:], y[8:])], reg=0.1)
    for one, other in zip(whole.layers, parts.layers, strict=True):
        assert one.bound.chain == pytest.approx(other.bound.chain, rel=1e-9)


def held(thing, seen=None):
    """Bytes of all arrays that an object holds."""
    seen = set() if seen is None else seen
    if id(thing) in seen:
        return 0
    seen.add(id(thing))
    if isinstance(thing, np.ndarray):
        return thing.nbytes
    inside = thing.values() if isinstance(thing, dict) else thing if isinstance(thing, (list, tuple)) else ()
    inside = vars(thing).values() if hasattr(thing, "__dict__") else inside
    return sum(held(each, seen) for each in inside)


def test_memory_does_not_grow_with_the_batches(torch, monkeypatch):
    from optima.measures.stream import MeasureStream

    kept = []
    monkeypatch.setattr(MeasureStream, "agree", lambda self, *_: kept.append(held(self)))
    net, (x, y) = residual_network(torch), images(torch)
    for times in (1, 2, 12):
        optima.measure(net, [(x, y)] * times)
    assert kept[0] > 0
    assert len(set(kept)) == 1


def test_groups_have_bounds_and_a_note(torch):
    net, (x, y) = residual_network(torch, groups=2), images(torch)
    found = optima.measure(net, (x, y), reg=0.1)
    layer = next(layer for layer in found.layers if layer.name == "1.conv1")
    assert layer.shape == (4, 36)
    assert list(layer.bound.chain) == sorted(layer.bound.chain)
    assert any(note.startswith("1.conv1, 2.conv1: in groups") for note in found.notes)


def test_maps_of_several_sizes(torch):
    net, (x, y) = residual_network(torch), images(torch)
    batches = [(x, y), (torch.cat([x, x], dim=3), y)]
    assert optima.measure(net, batches).sizes == (18, 8, 4)
    with pytest.raises(ValueError, match="maps='mean'"):
        optima.measure(net, batches, maps="flat")
    with pytest.raises(ValueError, match="maps"):
        optima.measure(net, batches, maps="max")

"""What users' networks and data bring along: the right numbers, or one sentence on what to do."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import optima
from optima.measures import Layer

pytestmark = pytest.mark.needs("torch")
K = 3


@pytest.fixture(scope="module")
def torch():
    import torch

    torch.set_num_threads(1)
    return torch


def network(torch, width=5, seed=0):
    torch.manual_seed(seed)
    nn = torch.nn
    return nn.Sequential(
        nn.Linear(4, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(0.5), nn.Linear(width, K)
    ).eval()


def data(torch, sizes=(6, 3, 1), seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(K), sizes))
    x = rng.standard_normal((labels.size, 4)) + labels[:, None]
    return torch.tensor(x, dtype=torch.float32), torch.tensor(labels)


def same(one, other, rel=1e-6):
    """Whether two results agree in all of what is a number."""
    assert one.sizes == other.sizes
    assert one.data_loss == pytest.approx(other.data_loss, rel=rel)
    for a, b in zip(one.layers, other.layers, strict=True):
        for name, value in b.measures.items():
            assert a.measures[name] == (value if value is None else pytest.approx(value, rel=rel, abs=1e-9))


FORMS = {
    "one-hot": lambda torch, x, y: (x, torch.nn.functional.one_hot(y, K)),
    "one-hot floats": lambda torch, x, y: (x, torch.nn.functional.one_hot(y, K).float()),
    "int32": lambda torch, x, y: (x, y.int()),
    "uint8": lambda torch, x, y: (x, y.to(torch.uint8)),
    "float64 inputs": lambda torch, x, y: (x.double(), y),
    "numpy": lambda torch, x, y: (x.numpy(), y.numpy()),
    "numpy batches": lambda torch, x, y: [(x[:4], y[:4].numpy()), (x[4:], y[4:].numpy())],
    "an index too": lambda torch, x, y: [(x, y, torch.arange(len(y)))],
    "lists": lambda torch, x, y: [[x, y]],
    "empty batch": lambda torch, x, y: [(x, y), (x[:0], y[:0])],
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_data_that_say_the_same(torch, form):
    net, (x, y) = network(torch), data(torch)
    same(optima.measure(net, FORMS[form](torch, x, y), reg=0.1), optima.measure(net, [(x, y)], reg=0.1))


def test_mappings(torch):
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.net = network(torch)

        def forward(self, x, names=None):
            return self.net(x)

    net, (x, y) = Net(), data(torch)
    batches = [{"x": x, "labels": y, "names": ["a"] * len(y)}]
    same(optima.measure(net, batches), optima.measure(net.net, (x, y)))
    with pytest.raises(ValueError, match="the parts x, label; name the classes 'labels'"):
        optima.measure(net, [{"x": x, "label": y}])


def test_training_mode_is_no_matter(torch):
    net, (x, y) = network(torch), data(torch)
    expected = optima.measure(net, (x, y), reg=0.1)
    net.train()
    before = net[1].running_mean.clone()
    same(optima.measure(net, (x, y), reg=0.1), expected)
    assert net.training
    assert torch.equal(net[1].running_mean, before)


@pytest.mark.parametrize("kind", ["bfloat16", "float16"])
def test_low_precision(torch, kind):
    net, (x, y) = network(torch, 16), data(torch)
    expected = optima.measure(net, (x, y), reg=0.1)
    found = optima.measure(net.to(getattr(torch, kind)), (x, y), reg=0.1)
    assert found.data_loss == pytest.approx(expected.data_loss, rel=0.03)
    for one, other in zip(found.layers, expected.layers, strict=True):
        assert one.measures["nc1_trace"] == pytest.approx(other.measures["nc1_trace"], rel=0.1)
        assert list(one.bound.chain) == sorted(one.bound.chain)
    assert f"The network computes in {kind}: its numbers have two or three digits." in found.notes


def refused(torch, x, y):
    nan, dataset = x.clone(), torch.utils.data.TensorDataset(x, y)
    nan[3, 1] = float("nan")
    return {
        "the features of 0 are not all finite": (nan, y),
        "one sample at a time": dataset,
        "a batch is a Tensor, without labels": [x],
        "labels run from 1 to 3 for logits of 3": (x, y + 1),
        "labels run from -100 to 2": (x, torch.where(y == 1, -100, y)),
        "labels have shape .10, 1. and type int64; .*y.squeeze.1.": (x, y[:, None]),
        "labels have shape .10,. and type float32; .*y.long": (x, y.float()),
        "not one-hot": (x, torch.full((10, K), 1 / K)),
        "not one-hot; pass the class of each sample": (x, torch.ones(10, K, dtype=torch.int64)),
        "class 1 of 3 has no sample": (x[y != 1], y[y != 1]),
        "there are 10 inputs and 9 labels": (x, y[:9]),
        "a batch has 10 inputs and 9 labels": [(x, y[:9])],
        "no batch": [],
    }


def test_what_cannot_be_read_is_told_in_one_sentence(torch):
    net, (x, y) = network(torch), data(torch)
    for words, given_data in refused(torch, x, y).items():
        with pytest.raises(ValueError, match=words) as error:
            optima.measure(net, given_data)
        assert "\n" not in str(error.value)


def test_weights_and_logits_that_are_not_numbers(torch):
    (x, y), net = data(torch), network(torch)
    net[0].weight.data[0, 0] = float("inf")
    with pytest.raises(ValueError, match="the weights of 0 are not all finite"):
        optima.measure(net, (x, y))
    net = network(torch)
    net[4].bias.data[0] = float("nan")
    with pytest.raises(ValueError, match="the logits are not all finite"):
        optima.measure(net, (x, y))


def test_modules_that_return_something_else(torch):
    class Pair(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.last = torch.nn.Linear(4, K)

        def forward(self, x):
            return self.last(x), x

    with pytest.raises(ValueError, match="the module returns a tuple; pass one that returns logits"):
        optima.measure(Pair(), data(torch))
    with pytest.raises(ValueError, match=r"the module returns shape \(10, 1\)"):
        optima.measure(torch.nn.Linear(4, 1), data(torch))


def test_dropout_and_the_bias_of_unequal_classes_are_told(torch):
    net = network(torch)
    notes = optima.measure(net, data(torch)).notes
    assert any(note.startswith("The last layer has a bias") for note in notes)
    assert any(note.startswith("Dropout does not act here") for note in notes)
    net[3].p, net[4].bias = 0.0, None
    assert optima.measure(net, data(torch)).notes == ()
    equal = optima.measure(network(torch), data(torch, (4, 4, 4))).notes
    assert [note.split()[0] for note in equal] == ["Dropout"]


def test_losses_that_are_no_sum_are_refused(torch):
    net, (x, y) = network(torch), data(torch)
    whole = torch.nn.CrossEntropyLoss(reduction="sum")
    same(optima.measure(net, (x, y), loss=whole, reg=0.1), optima.measure(net, (x, y), reg=0.1), rel=1e-5)
    for kind in ("mean", "none"):
        with pytest.raises(ValueError, match="return the sum over samples"):
            optima.measure(net, (x, y), loss=torch.nn.CrossEntropyLoss(reduction=kind))


def test_probabilities_are_no_logits(torch):
    net = torch.nn.Sequential(*network(torch), torch.nn.Softmax(dim=1))
    with pytest.raises(ValueError, match="returns probabilities"):
        optima.measure(net, data(torch))
    assert optima.measure(net, data(torch), loss="mse").loss == "mse"
    # These are logits still.
    same(optima.measure(torch.nn.Sequential(*net[:-1], torch.nn.LogSoftmax(dim=1)), data(torch)),
         optima.measure(net[:-1], data(torch)), rel=1e-4)  # fmt: skip


def test_decay_of_what_is_not_there_is_refused(torch):
    with pytest.raises(ValueError, match=r"reg names 0\.weight, no part of the module; pass names such as 0, 4"):
        optima.measure(network(torch), data(torch), reg={"0.weight": 0.1})
    # Parts without a matrix may be named.
    assert optima.measure(network(torch), data(torch), reg={"4": 0.1, "1": 0.1}).regs == (None, 0.1)


@pytest.mark.parametrize("context", ["no_grad", "inference_mode"])
def test_the_callers_context_is_no_matter(torch, context):
    net = network(torch)
    expected = optima.measure(net, data(torch), reg=0.1)
    with getattr(torch, context)():
        found = optima.measure(net, data(torch), reg=0.1)
    same(found, expected)
    assert [layer.bound for layer in found.layers] == [layer.bound for layer in expected.layers]


def test_layers_that_act_for_some_batches_only(torch):
    class Some(torch.nn.Module):
        def __init__(self, first):
            super().__init__()
            self.often, self.rare = torch.nn.Linear(4, 4), torch.nn.Linear(4, 4)
            self.last, self.left = torch.nn.Linear(4, K), first

        def forward(self, x):
            self.left -= 1
            return self.last(self.rare(x) if self.left % 2 else self.often(x))

    x, y = data(torch)
    for first in (0, 1):
        with pytest.raises(ValueError, match="called for some batches only"):
            optima.measure(Some(first), [(x, y), (x, y)])


def test_weights_by_parametrization(torch):
    torch.manual_seed(0)
    part = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(4, K))
    found = optima.measure(part, data(torch, (3, 3, 3)))
    assert found.notes == ()
    assert found.layers[0].weight_singular_values == pytest.approx(
        np.linalg.svd(part.weight.detach(), compute_uv=False)
    )


def test_data_that_are_none(torch):
    with pytest.raises(ValueError, match="the data are a NoneType"):
        optima.measure(network(torch), None)


def test_lazy_layers_are_measured(torch):
    net = torch.nn.Sequential(torch.nn.LazyLinear(5), torch.nn.ReLU(), torch.nn.LazyLinear(K))
    assert [layer.shape for layer in optima.measure(net, data(torch)).layers] == [(5, 4), (K, 5)]


def test_labels_of_arrays_are_numbers():
    with pytest.raises(ValueError, match=r"labels have shape \(9, 3\); pass one number for each sample"):
        optima.measure([Layer(np.ones((9, 4)))], np.eye(K)[np.arange(9) % K])


@pytest.mark.slow
@settings(max_examples=25)
@given(
    sizes=st.lists(st.integers(1, 7), min_size=2, max_size=5),
    width=st.integers(1, 40),
    batch=st.integers(1, 9),
    seed=st.integers(0, 99),
    scale=st.sampled_from([0.0, 1e-12, 1.0, 1e6]),
    loss=st.sampled_from(["ce", "mse"]),
    kind=st.sampled_from(["float32", "float64", "bfloat16"]),
)
def test_any_classes_widths_and_batches(sizes, width, batch, seed, scale, loss, kind):
    """No number is wrong, none is nan, nothing warns, and the text is printed: also with dead features."""
    import torch

    torch.manual_seed(seed)
    count = len(sizes)
    net = torch.nn.Sequential(torch.nn.Linear(3, width), torch.nn.ReLU(), torch.nn.Linear(width, count))
    net[0].weight.data *= scale
    net = net.to(getattr(torch, kind))
    labels = torch.randperm(sum(sizes)) % count
    labels[torch.randperm(sum(sizes))[:count]] = torch.arange(count)
    x = torch.randn(sum(sizes), 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = optima.measure(
            net, [(x[i : i + batch], labels[i : i + batch]) for i in range(0, len(x), batch)], reg=0.1, loss=loss
        )
        text = str(found)
    assert "nan" not in text
    assert found.sizes == tuple(np.bincount(labels.numpy()))
    for layer in found.layers:
        low = [value for value in layer.measures.values() if value is not None]
        assert not np.isnan(low).any()
        for first, second in zip(layer.bound.chain, layer.bound.chain[1:], strict=False):
            assert first <= second * (1 + 1e-6) + 1e-9
    for depth in (1, 2):
        try:
            report = found.report(depth=depth, search=False)
        except ValueError as error:
            words = str(error)
        else:
            assert np.isfinite(report.loss)
            words = str(report)
            assert words.count("\n") > 20
        assert "nan" not in words

"""The examples with real networks, at sizes that take seconds."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

pytestmark = [pytest.mark.needs("torch"), pytest.mark.needs("sklearn"), pytest.mark.needs("mnist1d")]
EXAMPLES = Path(__file__).parent.parent / "examples"


def example(name, monkeypatch):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up.
    monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(sys, "argv", [name])
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def real_networks(monkeypatch):
    """The example with fewer samples and small heads."""
    monkeypatch.syspath_prepend(EXAMPLES)
    module = example("real_networks", monkeypatch)
    small = sys.modules["small_networks"]
    monkeypatch.setattr(small, "SAMPLES", 3)
    monkeypatch.setattr(small, "WIDTH", 12)
    small.samples.cache_clear()
    yield module
    small.samples.cache_clear()


@pytest.mark.slow
def test_real_networks_are_trained_measured_and_drawn(tmp_path, monkeypatch, real_networks, capsys):
    module = real_networks
    setups = (
        module.Setup("digits", "MLP", "UFM-style", 20, 2),
        module.Setup("digits", "ResNet", "standard", 5, 1),
        module.Setup("mnist1d", "ResNet", "UFM-style", 5, 1),
    )
    module.main(tmp_path, setups, (2,))
    assert "P 0." in capsys.readouterr().out
    tables = [tmp_path / f"real_networks{kind}.csv" for kind in ("", ".layers", ".logits")]
    runs, layers, logits = map(module.read, tables)
    assert [(row["data"], row["body"], row["head"], row["seed"]) for row in runs] == [
        ("digits", "MLP", "linear", 0), ("digits", "MLP", "linear", 1),
        ("digits", "MLP", "relu", 0), ("digits", "MLP", "relu", 1),
        ("digits", "ResNet", "linear", 0), ("digits", "ResNet", "relu", 0),
        ("mnist1d", "ResNet", "linear", 0), ("mnist1d", "ResNet", "relu", 0),
    ]  # fmt: skip
    for row in runs:
        assert row["loss"] >= row["predicted_loss"] * (1 - 1e-9)
        assert row["heads_for_loss"] <= row["loss"] * (1 + 1e-9)
    bounded = [row for row in layers if row["within"] is not None]
    assert len(bounded) >= 2 * len(runs)
    for row in bounded:
        assert row["distance_to_bounded_rank"] <= row["within"] + row["excess"] + 1e-6
    # Two matrices, with ten rows each, of the six heads of the first seed; they have what the rows say.
    assert len(logits) == 6 * 2 * 10
    for row in (row for row in runs if row["seed"] == 0):
        own = [each for each in logits if module.place(each) == module.place(row)]
        found, predicted = (
            np.array([[each[f"z_{k}"] for k in range(10)] for each in own if each["which"] == which])
            for which in ("found", "predicted")
        )
        s = np.linalg.svd(predicted, compute_uv=False)
        distance = np.linalg.norm(np.linalg.svd(found, compute_uv=False) - s) / np.linalg.norm(s)
        assert distance == pytest.approx(row["logits_distance"], rel=1e-3)
    for kind in ("", ".standard", ".logits"):
        assert (tmp_path / f"real_networks{kind}.png").stat().st_size > 10_000
    # What has a row is not trained again, and what has none is, with the same result.
    module.write(tables[0], runs[1:])
    trained, train = [], module.group
    monkeypatch.setattr(module, "group", lambda *each: trained.append(each[1:]) or train(*each))
    module.main(tmp_path, setups, (2,))
    assert trained == [("linear", 2, [0])]
    again = module.read(tables[0])
    assert [row["seed"] for row in again] == [row["seed"] for row in runs]
    assert again[0]["loss"] == pytest.approx(runs[0]["loss"], rel=1e-3)
    assert [len(module.read(path)) for path in tables] == [len(runs), len(layers), len(logits)]


@pytest.mark.slow
def test_the_docs_hold_the_tables_of_the_rows(monkeypatch):
    """And no network heads for a loss below the predicted one by more than what counts as the same."""
    monkeypatch.syspath_prepend(EXAMPLES)
    module, tables = example("real_overview", monkeypatch), example("real_tables", monkeypatch)
    runs, layers = (tables.read(EXAMPLES / f"real_networks{kind}.csv") for kind in ("", ".layers"))
    assert len(runs) == 8 * 9 * 10
    words = (EXAMPLES.parent / "docs" / "measure.md").read_text()
    lines = [line for line in module.overview(runs, layers).splitlines() if line.startswith("| ")]
    assert len(lines) == 2 * 10 + 5
    for line in lines:
        assert line in words, line
    assert min(row["heads_for_loss"] / row["predicted_loss"] for row in runs) > 1 - module.SAME


def test_seeds_side_by_side_are_those_alone(real_networks):
    """Losses are added and Adam acts by entry: only rounding tells whether a network had company."""
    import torch

    small = sys.modules["small_networks"]
    make = lambda seed: small.network("mnist1d", "ResNet", "linear", 2, seed)
    together, alone = [make(0), make(1)], make(1)
    small.train(together, "mnist1d", 2**-9, True, 4)
    small.train([alone], "mnist1d", 2**-9, True, 4)
    x, _ = small.samples("mnist1d")
    with torch.no_grad():
        assert together[1](x).numpy() == pytest.approx(alone(x).numpy(), rel=1e-3, abs=1e-4)
        assert together[0](x).numpy() != pytest.approx(alone(x).numpy(), rel=1e-1)


def test_the_small_networks_layers_are_those_of_torch(real_networks):
    """A convolution as one matrix, and batch normalisation with the statistics of its batch."""
    import torch

    small = sys.modules["small_networks"]
    for axes, stride in ((1, 4), (2, 2), (2, 1)):
        side = 8
        fast, norm = small.convolution(axes, 3, 5, 3, stride, side), small.norm(axes, 5)
        x = torch.randn(6, 3, *[side] * axes)
        plain = getattr(torch.nn.functional, f"conv{axes}d")(x, fast.weight, stride=stride, padding=1)
        assert fast(x).detach().numpy() == pytest.approx(plain.detach().numpy(), abs=1e-5)
        expected = torch.nn.functional.batch_norm(plain, None, None, training=True)
        assert norm(plain).detach().numpy() == pytest.approx(expected.detach().numpy(), abs=1e-4)
        before = norm(plain).detach()
        small.settle(norm, plain.detach())
        assert norm(plain).detach().numpy() == pytest.approx(before.numpy(), abs=1e-5)


@pytest.mark.slow
def test_deep_relu_heads_fall_to_zero_from_small_weights(real_networks, monkeypatch):
    """From torch's first weights, and not from He's, at a lambda at which zero is far from the optimum."""
    module = example("real_zero", monkeypatch)
    setup = real_networks.Setup("digits", "MLP", "UFM-style", 300, 3)
    assert module.threshold(5) > 20 * 2**-9
    assert (module.at_zero(setup, 5, False), module.at_zero(setup, 5, True)) == (3, 0)


@pytest.mark.slow
def test_pages_of_two_networks(tmp_path, monkeypatch, capsys):
    module = example("network_report", monkeypatch)
    module.main(tmp_path, 60, (3, 1), search=False)
    for name in ("collapsed", "ordinary"):
        page = (tmp_path / f"report_{name}.html").read_text()
        assert "Would more depth or decay change that?" in page
    assert capsys.readouterr().out.count("What would be optimal?") == 2


def test_found_and_predicted_ranks_of_the_kept_rows_are_by_one_rule(real_networks):
    figure, kept = sys.modules["real_figure"], (EXAMPLES / f"real_networks{kind}.csv" for kind in ("", ".logits"))
    rows, logits = map(real_networks.read, kept)
    first = [row for row in rows if row["seed"] == 0]
    assert len(first) == 72
    for row in first:
        own = [each for each in logits if all(each[name] == row[name] for name in ("data", "body", "decay"))]
        for which, name in (("found", "rank"), ("predicted", "predicted_rank")):
            means = figure.means_of(own, row["head"], row["depth"], which)
            assert row[name] == sys.modules["real_rows"].rank(means)

"""The examples with real networks, at sizes that take seconds."""

import importlib.util
import sys
from pathlib import Path

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


@pytest.mark.slow
def test_real_networks_are_trained_measured_and_drawn(tmp_path, monkeypatch):
    module = example("real_networks", monkeypatch)
    monkeypatch.setattr(module, "SAMPLES", 3)
    monkeypatch.setattr(module, "WIDTH", 12)
    setups = (
        module.Setup("digits", "MLP", "UFM-style", 1, 1, 20),
        module.Setup("digits", "ResNet", "standard", 1, 0, 5),
        module.Setup("mnist1d", "ResNet", "UFM-style", 1, 0, 5),
    )
    monkeypatch.setattr(module, "SETUPS", setups)
    module.main(tmp_path, setups, (2,))
    runs = module.read(tmp_path / "real_networks.csv")
    layers = module.read(tmp_path / "real_networks.layers.csv")
    assert [(row["data"], row["head"]) for row in runs] == [
        ("digits", "linear"), ("digits", "relu"), ("digits", "linear"), ("mnist1d", "linear"),
    ]  # fmt: skip
    for row in runs:
        assert row["loss"] >= row["predicted_loss"] * (1 - 1e-9)
        assert row["heads_for_loss"] <= row["loss"] * (1 + 1e-9)
    bounded = [row for row in layers if row["within"] is not None]
    assert len(bounded) >= 2 * len(runs)
    for row in bounded:
        assert row["distance_to_bounded_rank"] <= row["within"] + row["excess"] + 1e-6
    assert (tmp_path / "real_networks.png").stat().st_size > 10_000


@pytest.mark.slow
def test_pages_of_two_networks(tmp_path, monkeypatch, capsys):
    module = example("network_report", monkeypatch)
    module.main(tmp_path, 60, (3, 1), search=False)
    for name in ("collapsed", "ordinary"):
        page = (tmp_path / f"report_{name}.html").read_text()
        assert "Would more depth or decay change that?" in page
    assert capsys.readouterr().out.count("What would be optimal?") == 2

"""The spectra that are recorded during training: those of the factors then, and those predicted at the end."""

import json

import numpy as np
import pytest
from models import random_factors

from optima import DeepUFM, spectrum, train
from optima.cli import main
from optima.training.layer_spectra import measure_spectra, predicted_layers

SMALL = DeepUFM(3, 3, 1e-2, 4, width=6, loss="mse")


@pytest.mark.parametrize("activation", ["linear", "relu"])
@pytest.mark.parametrize("loss", ["ce", "mse"])
def test_by_their_definitions(activation, loss):
    problem = DeepUFM(3, 3, 0.1, (1, 2, 3), width=5, loss=loss, activation=activation)
    factors = random_factors(problem, np.random.default_rng(0))
    found = measure_spectra(problem, factors)
    for layer in range(1, 4):
        at = spectrum(problem, factors=factors, layer=layer)
        wanted = np.concatenate([at.values, np.zeros(12)])[:12]
        assert np.allclose(found["hessian_eigenvalues"][layer - 1], wanted, atol=1e-12 * at.top)
        aligned = at.alignment()
        assert found["gradient_in_outliers"][layer - 1] == pytest.approx(aligned.in_outliers)
        assert found["gradient_eigenvector"][layer - 1] == pytest.approx(aligned.eigenvector)
        H = sum(
            v * np.outer(m, m) for v, m in ((v, at.vectors.matrix(i).ravel()) for i, v in enumerate(at.vectors.values))
        )
        for c, after in enumerate(at.point.means(layer + 1).T):
            for other, before in enumerate(at.point.means(layer).T):
                v = np.outer(after, before).ravel()
                below = (v @ v) * np.sum((H @ v) ** 2)
                f = (v @ H @ v) ** 2 / below if below > 1e-30 else 0.0
                assert found["product_eigenvectors"][layer - 1, c, other] == pytest.approx(f, abs=1e-9)
    assert found["negative_share"].shape == (2,)


def test_training_follows_them_to_the_prediction():
    training = train(SMALL, seeds=2, steps=4000, record="spectrum")
    for run in training.runs:
        predicted = predicted_layers(SMALL, run.structure)
        history = run.history
        assert history["hessian_eigenvalues"].shape == (len(history["step"]), 3, 12)
        for layer in range(3):
            last = history["hessian_eigenvalues"][-1, layer]
            assert last[:9] == pytest.approx(np.full(9, predicted[layer][0].value), rel=1e-3)
            assert last[9:].max() < 1e-5 * last[0]
            assert history["gradient_in_outliers"][-1, layer] == pytest.approx(1, abs=1e-6)
        assert history["product_eigenvectors"][-1].min() > 0.999 > 0.9 > history["product_eigenvectors"][0, 1].max()
        assert history["gram_distance"][-1].max() < 1e-3
    # The picture of a run that recorded spectra is of them.
    assert [axes.get_title() for axes in training.plot().axes[:3]] == ["layer 1", "layer 2", "layer 3"]


def test_logits_without_a_name_have_no_prediction():
    assert predicted_layers(SMALL, "unnamed (rank 2)") == []


def test_what_is_too_large_or_unknown_is_refused():
    wide = DeepUFM(10, 3, 1e-3, 50, width=70, activation="relu")
    with pytest.raises(ValueError, match="matrices of order 4900"):
        train(wide, seeds=1, steps=10, record="spectrum")
    with pytest.raises(ValueError, match="record is"):
        train(SMALL, seeds=1, steps=10, record="spectra")


COMMAND = ["train", "--classes", "3", "--depth", "2", "--width", "4", "--reg", "0.01", "--loss", "mse", "--seeds", "1"]


def test_the_command(capsys, tmp_path):
    more = ["--steps", "100", "--record", "spectrum", "--no-polish"]
    assert main([*COMMAND, *more, "--json", "--plot", str(tmp_path / "layers.png")]) == 0
    (followed,) = json.loads(capsys.readouterr().out)["spectra"]
    assert [each["layer"] for each in followed["layers"]] == [1, 2]
    assert len(followed["layers"][0]["hessian_eigenvalues"]) == len(followed["step"])
    top = followed["layers"][0]["predicted"][0]
    assert (top["known"], top["multiplicity"]) == ("closed form", 9)
    assert (tmp_path / "layers.png").stat().st_size > 10_000
    assert main([*COMMAND, *more]) == 0
    assert "its 9 largest eigenvalues" in capsys.readouterr().out

"""Recorded measures: zero at collapse, their stated values elsewhere."""

import numpy as np
import pytest
from models import random_factors

from optima import DeepUFM
from optima.reduction import class_means
from optima.training.initial import Initialisation
from optima.training.measures import measure

PROBLEM = DeepUFM(6, 3, 2**-10, 4, width=9)


def test_collapse_measures_vanish_at_the_simplex():
    found = measure(PROBLEM, Initialisation(PROBLEM, "simplex", 1e-12).factors(0))
    assert found["dnc1"] == pytest.approx(np.zeros(3), abs=1e-12)
    assert found["dnc2"] == pytest.approx(np.zeros(3), abs=1e-6)
    assert found["dnc3"] == pytest.approx(np.zeros(3), abs=1e-6)
    spectra = found["factor_singular_values"]
    assert spectra[:, :5] == pytest.approx(np.full((4, 5), spectra[0, 0]), rel=1e-6)
    assert spectra[:, 5:] == pytest.approx(np.zeros((4, 2)), abs=1e-9)


def test_they_do_not_vanish_at_pairs():
    found = measure(PROBLEM, Initialisation(PROBLEM, "pairs", 1e-12).factors(0))
    assert found["dnc1"] == pytest.approx(np.zeros(3), abs=1e-12)
    assert (found["dnc2"] > 0.5).all()


@pytest.mark.parametrize("activation", ["linear", "relu"])
def test_by_their_definitions(activation):
    problem = DeepUFM(3, 2, 0.1, (1, 2, 3), width=4, activation=activation)
    W1, W2, H = random_factors(problem, np.random.default_rng(0))
    found = measure(problem, [W1, W2, H])
    X = W1 @ H if activation == "linear" else np.maximum(W1 @ H, 0)
    for layer, weight, index in ((H, W1, 0), (X, W2, 1)):
        blocks = [layer[:, :1], layer[:, 1:3], layer[:, 3:]]
        mu = np.stack([block.mean(axis=1) for block in blocks], axis=1)
        C = mu - mu.mean(axis=1, keepdims=True)
        within = sum(np.sum((block - m[:, None]) ** 2) for block, m in zip(blocks, mu.T, strict=True)) / 6
        assert found["dnc1"][index] == pytest.approx(within / (np.sum(C**2) / 3))
        for name, A, B in (("dnc2", C.T @ C, np.eye(3) - 1 / 3), ("dnc3", weight.T @ weight, C @ C.T)):
            distance = np.linalg.norm(A / np.linalg.norm(A) - B / np.linalg.norm(B))
            assert found[name][index] == pytest.approx(distance, rel=1e-9)
    Z = W2 @ X
    margins = [Z[c, i] - max(Z[j, i] for j in range(3) if j != c) for i, c in enumerate(problem.labels)]
    assert found["margin"] == pytest.approx(min(margins))
    assert class_means(H, problem.class_sizes)[:, 1] == pytest.approx(H[:, 1:3].mean(axis=1))


def test_dead_features():
    problem = DeepUFM(3, 2, 0.1, width=4)
    found = measure(problem, [np.zeros((4, 4)), np.zeros((3, 4)), np.zeros((4, 3))])
    assert found["dnc1"].tolist() == [0, 0]
    assert found["dnc2"] == pytest.approx(np.full(2, np.sqrt(2)))

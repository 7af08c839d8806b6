"""Starting points: their scale, their spectra, their logits."""

import numpy as np
import pytest

from optima import DeepUFM, Reduction, recognise, structure_losses, train
from optima.training.initial import Initialisation

WIDE = DeepUFM(8, 3, 2**-8, 2, width=60)


def test_gaussian_entries_have_the_stated_deviation():
    factors = Initialisation(WIDE, "gaussian", 3.0).factors(0)
    assert [factor.shape for factor in factors] == [(60, 60), (60, 60), (8, 60), (60, 16)]
    for factor in factors:
        assert np.std(factor) == pytest.approx(3 / np.sqrt(60), rel=0.1)


def test_seeds_repeat_and_differ():
    init = Initialisation(WIDE)
    assert all(np.array_equal(a, b) for a, b in zip(init.factors(3), init.factors(3), strict=True))
    assert not np.array_equal(init.factors(3)[0], init.factors(4)[0])


@pytest.mark.parametrize("kind", ["spectral", "hadamard"])
def test_spectral_factors_are_balanced_and_aligned(kind):
    factors = Initialisation(WIDE, kind, 0.5).factors(1)
    spectra = [np.linalg.svd(factor, compute_uv=False)[:7] for factor in factors]
    for spectrum in spectra:
        assert spectrum == pytest.approx(spectra[0], rel=1e-12)
        assert (spectrum >= 0.25 * (1 - 1e-9)).all()
        assert (spectrum <= 0.5 * (1 + 1e-9)).all()
    means = Reduction(WIDE).project(factors)
    assert np.linalg.svd(means * np.sqrt(2), compute_uv=False)[:7] == pytest.approx(spectra[0] ** 4, rel=1e-9)
    assert np.abs(means.sum(axis=0)).max() < 1e-12


def test_hadamard_logits_stay_diagonal_in_the_hadamard_basis():
    from scipy.linalg import hadamard

    basis = hadamard(8) / np.sqrt(8)
    run = train(WIDE, lr=0.1, steps=200, seeds=1, init="hadamard").runs[0]
    inside = basis.T @ run.means @ basis
    assert np.abs(inside - np.diag(np.diag(inside))).max() < 1e-10 * np.abs(inside).max()


@pytest.mark.parametrize("name", ["simplex", "pairs", "simplex(4)+pairs(2)", "cube"])
def test_near_a_structure(name):
    factors = Initialisation(WIDE, name, 1e-6).factors(0)
    assert recognise(Reduction(WIDE).project(factors)).name == name
    assert WIDE.objective(factors) == pytest.approx(structure_losses(WIDE, [name])[name].loss, rel=1e-6)


def test_near_given_logits():
    means = np.diag([3.0, 2.0, 1.0])
    problem = DeepUFM(3, 2, 0.01, width=4)
    factors = Initialisation(problem, means, 1e-9).factors(0)
    assert Reduction(problem).project(factors) == pytest.approx(means, abs=1e-7)


def test_what_cannot_begin():
    with pytest.raises(ValueError, match="not a power of two"):
        Initialisation(DeepUFM(6, 2, 0.1, width=6), "hadamard")
    with pytest.raises(ValueError, match="needs activation='linear'"):
        Initialisation(DeepUFM(4, 2, 0.1, width=6, activation="relu"), "pairs")
    with pytest.raises(ValueError, match="has rank 3"):
        Initialisation(DeepUFM(4, 2, 0.1, width=2), np.diag([1.0, 2.0, 3.0, 0.0]))

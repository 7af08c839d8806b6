"""Penalties at the ends of the floats: a bound that is checked, or one sentence; no warnings, no words of LAPACK."""

import numpy as np
import pytest

from optima import DeepUFM, zero_threshold
from optima.proofs.prove import cheap_certificate, prove

SIZES = [(2, 1), (2, (1, 5)), (3, 1), (3, 1000), (3, (1, 2, 5)), (4, 1000), (4, (1, 2, 3, 4)), (6, 7)]


def logits(K: int, reg: float) -> np.ndarray:
    """Good ones: zero or a simplex of the scale at which its fit is about the penalty."""
    return max(-np.log(reg), 0.0) * (np.eye(K) - 1 / K)


@pytest.mark.parametrize("reg", [5e-324, 1e-300, 1e-150, 1e-60])
@pytest.mark.parametrize("L", [1, 3, 10])
def test_weak_penalties(capfd, reg: float, L: int) -> None:
    for K, samples in SIZES:
        for loss in ("ce", "mse"):
            problem = DeepUFM(K, L, reg, samples=samples, loss=loss)
            means = logits(K, reg)
            for certificate in (cheap_certificate(problem, means), prove(problem, means, 1e-4)):
                assert 0 <= certificate.lower <= certificate.upper
                answer = certificate.verify()
                assert answer, answer.reason
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("reg", [1e3, 1e150, 1e304])
def test_strong_penalties_make_zero_global(capfd, reg: float) -> None:
    for K, samples in SIZES:
        certificate = prove(DeepUFM(K, 3, reg, samples=samples), np.zeros((K, K)), 1e-6)
        assert certificate.verify()
        if samples != (1, 2, 3, 4):
            assert certificate.gap <= 1e-6
    assert capfd.readouterr() == ("", "")


def test_a_penalty_beyond_the_floats_is_one_sentence(capfd) -> None:
    for K, samples in SIZES:
        problem = DeepUFM(K, 3, 1e308, samples=samples)
        with pytest.raises(ValueError, match="pass a smaller reg"):
            prove(problem, np.zeros((K, K)))
    assert capfd.readouterr() == ("", "")


def test_the_threshold_of_many_samples() -> None:
    one, many = (zero_threshold(DeepUFM(2, 3, 1e-300, samples=n), tolerance=5e-2) for n in (1, 1000))
    # c n^(1/(L+1)) decides.
    assert many.certified * 1000**0.25 == pytest.approx(one.certified, rel=0.1)

"""The fit of logits against sums written out in many digits, also where the loss is tiny."""

import mpmath
import numpy as np
import pytest

from optima.model.fit import Fit

CLASSES, LABELS = 3, np.array([0, 0, 1, 2])
WEIGHT = np.array([0.1, 0.3, 0.2, 0.4])
RNG = np.random.default_rng(0)
ONE_HOT = np.equal.outer(np.arange(CLASSES), LABELS).astype(float)
LOGITS = {
    "random": RNG.normal(size=(CLASSES, LABELS.size)),
    "confident": 40.0 * ONE_HOT + RNG.normal(size=ONE_HOT.shape),
    "certain": 600.0 * ONE_HOT + RNG.normal(size=ONE_HOT.shape),
    "wrong": -2000.0 * ONE_HOT + RNG.normal(size=ONE_HOT.shape),
}


def fit_of(loss):
    return Fit(loss, CLASSES, LABELS, WEIGHT)


def slow_value(loss, logits):
    with mpmath.workdps(700):
        total = mpmath.mpf(0)
        for column, label, weight in zip(logits.T.tolist(), LABELS, WEIGHT.tolist(), strict=True):
            z = [mpmath.mpf(entry) for entry in column]
            if loss == "ce":
                total += weight * mpmath.log(mpmath.fsum(mpmath.exp(entry - z[label]) for entry in z))
            else:
                total += weight * mpmath.fsum((entry - (j == label)) ** 2 for j, entry in enumerate(z)) / 2
        return float(total)


def softmax(column):
    odds = [mpmath.exp(entry) for entry in map(mpmath.mpf, column.tolist())]
    return [each / mpmath.fsum(odds) for each in odds]


def slow_slope(loss, logits):
    if loss == "mse":
        return (logits - ONE_HOT) * WEIGHT
    with mpmath.workdps(2000):
        columns = [
            [float(weight * (q - (j == label))) for j, q in enumerate(softmax(column))]
            for column, label, weight in zip(logits.T, LABELS, WEIGHT.tolist(), strict=True)
        ]
    return np.array(columns).T


def slow_curvature(loss, logits, direction):
    if loss == "mse":
        return direction * WEIGHT
    columns = []
    with mpmath.workdps(2000):
        for column, move, weight in zip(logits.T, direction.T.tolist(), WEIGHT.tolist(), strict=True):
            q = softmax(column)
            mean = mpmath.fsum(share * v for share, v in zip(q, move, strict=True))
            columns.append([float(weight * share * (v - mean)) for share, v in zip(q, move, strict=True)])
    return np.array(columns).T


@pytest.mark.parametrize("loss", ["ce", "mse"])
@pytest.mark.parametrize("logits", LOGITS.values(), ids=LOGITS)
def test_value_slope_and_curvature_keep_their_digits(loss, logits):
    fit, direction = fit_of(loss), np.random.default_rng(1).normal(size=logits.shape)
    assert fit.value(logits) == pytest.approx(slow_value(loss, logits), rel=1e-13, abs=0)
    np.testing.assert_allclose(fit.slope(logits), slow_slope(loss, logits), rtol=1e-12, atol=1e-300)
    slow = slow_curvature(loss, logits, direction)
    np.testing.assert_allclose(fit.curvature(logits, direction), slow, rtol=1e-11, atol=1e-290)


@pytest.mark.parametrize("loss", ["ce", "mse"])
def test_batches_are_taken_matrix_by_matrix(loss):
    fit, batch = fit_of(loss), np.stack(list(LOGITS.values()))
    np.testing.assert_allclose(fit.value(batch), [fit.value(each) for each in batch], rtol=1e-15)
    np.testing.assert_allclose(fit.slope(batch), [fit.slope(each) for each in batch], rtol=1e-14)
    bent = fit.curvature(batch[0], batch)
    np.testing.assert_allclose(bent, [fit.curvature(batch[0], each) for each in batch], rtol=1e-13)


def test_a_softmax_less_one_would_be_seen():
    logits = LOGITS["confident"]
    naive = (np.exp(logits) / np.exp(logits).sum(axis=0) - ONE_HOT) * WEIGHT
    assert not np.allclose(naive, slow_slope("ce", logits), rtol=1e-12, atol=1e-300)

"""The regularisation from which zero is the global minimum."""

import pytest

from optima import DeepUFM, solve
from optima.zero_region import zero_threshold


@pytest.mark.parametrize(("K", "L"), [(2, 3), pytest.param(3, 2, marks=pytest.mark.slow)])
def test_certified_meets_refuted_for_few_classes(K: int, L: int) -> None:
    threshold = zero_threshold(DeepUFM(K, L, 1.0), tolerance=1e-2)
    assert threshold.refuted < threshold.certified <= 1.03 * threshold.refuted
    assert solve(DeepUFM(K, L, threshold.refuted)).rank > 0
    assert solve(DeepUFM(K, L, threshold.certified)).rank == 0


@pytest.mark.slow
def test_more_classes_leave_an_open_interval() -> None:
    threshold = zero_threshold(DeepUFM(6, 3, 1.0), tolerance=5e-2)
    assert threshold.refuted < threshold.certified
    assert solve(DeepUFM(6, 3, 1.01 * threshold.certified)).rank == 0


@pytest.mark.parametrize("problem", [DeepUFM(3, 1, 1.0), DeepUFM(3, 2, 1.0, loss="mse")])
def test_other_models_are_refused(problem: DeepUFM) -> None:
    with pytest.raises(ValueError, match="balanced linear cross-entropy"):
        zero_threshold(problem)

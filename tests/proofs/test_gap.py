"""The gap asked for, the gap at which a search ends and the gap that is printed are one."""

import math
import sys
from dataclasses import replace

import numpy as np
import pytest

from optima import DeepUFM, certify, solve
from optima.proofs.gap import gap_of_search, relative_gap
from optima.proofs.invariant.certificate import certify_invariant
from optima.proofs.prove import prove

GAPS = [1e-3, 1e-6, 1e-8]
CELLS = [
    DeepUFM(2, 9, 1e-4, samples=(2, 7)),
    DeepUFM(3, 2, 2e-3),
    pytest.param(DeepUFM(3, 3, 5e-3, samples=(3, 3, 8)), marks=pytest.mark.slow),
    DeepUFM(3, 2, 1e-12),
    pytest.param(DeepUFM(3, 3, 1e-20), marks=pytest.mark.slow),
    DeepUFM(3, 4, 5.0),
    DeepUFM(4, 1, 1e-2),
    DeepUFM(5, 3, 1e-3, loss="mse"),
]


@pytest.mark.parametrize("problem", CELLS, ids=str)
def test_the_gap_printed_is_at_most_the_gap_asked_for(problem: DeepUFM) -> None:
    solution = solve(problem, effort="quick")
    for gap in GAPS:
        proved = certify(solution, gap=gap)
        certificate = proved.certificate
        assert proved.gap == certificate.gap == 1 - proved.lower_bound / proved.loss
        assert proved.gap == proved.as_dict()["gap"] <= gap
        assert certificate.ended == f"the gap of {gap:g} is reached"
        assert f"(gap {proved.gap:.2g} = 1 - bound / loss)" in str(proved)
        assert certificate.verify()


@pytest.mark.parametrize("gap", [1e-3, 1e-5, 1e-8])
def test_the_same_holds_of_invariant_logits(gap: float) -> None:
    certificate = certify_invariant(DeepUFM(6, 4, 2e-3), (6,), gap)
    assert certificate.gap <= gap
    assert certificate.ended == f"the gap of {gap:g} is reached"


@pytest.mark.parametrize(("lost", "reached"), [(1e-10, True), (1e-8, False)])
def test_what_the_checker_takes_off_counts(monkeypatch, lost: float, reached: bool) -> None:
    problem = DeepUFM(3, 2, 2e-3)
    means = solve(problem, effort="quick").means
    module = sys.modules["optima.proofs.certificate"]
    right, most = module.verify, []

    def stricter(problem, lower, *rest):
        """A check that proves a little less than the first claim."""
        most.append(lower * (1 - lost))
        answer = right(problem, lower, *rest)
        return replace(answer, valid=answer.valid and lower <= most[0], lower=most[0])

    monkeypatch.setattr(module, "verify", stricter)
    certificate = prove(problem, means, 1e-6)
    assert len(most) == 2
    assert (certificate.gap <= 1e-6) == reached == ("is reached" in certificate.ended)


def test_early_ends_do_not_claim_the_gap() -> None:
    proved = certify(DeepUFM(4, 2, 1e-2), gap=1e-3, boxes=30)
    assert proved.gap > 1e-3
    assert "is reached" not in str(proved)
    assert "stopped after" in str(proved)


def test_searches_leave_room_for_rounding() -> None:
    rng = np.random.default_rng(0)
    for _ in range(1000):
        upper, gap = 10 ** rng.uniform(-20, 3), 10 ** rng.uniform(-10.9, -0.01)
        lower = upper * (1 - gap_of_search(gap)) * (1 - 1e-12)
        assert 0.99 * gap - 1e-12 < relative_gap(lower, upper) <= gap
    assert relative_gap(0.0, 0.0) == 0


@pytest.mark.parametrize("gap", [1e-12, 0.0, 1.0, -1.0, math.nan])
def test_gaps_that_floats_cannot_tell_are_refused(gap: float) -> None:
    with pytest.raises(ValueError, match="at least 1e-11"):
        certify(DeepUFM(3, 3, 1e-3), gap=gap)
    with pytest.raises(ValueError, match="at least 1e-11"):
        certify_invariant(DeepUFM(3, 3, 1e-3), gap=gap)

"""Bounds between two lambda by concavity: below the minimum, proved again, and refused where anything is amiss."""

from dataclasses import replace

import numpy as np
import pytest

from optima import DeepUFM, solve
from optima.proofs.budget import Budget
from optima.proofs.certificate import Certificate
from optima.proofs.chord import best_chord
from optima.proofs.claims import Claims
from optima.proofs.prove import prove

LOW, HERE, HIGH = 0.1, 0.12, 0.14


def proof_at(problem: DeepUFM) -> Certificate:
    return prove(problem, solve(problem, effort="quick").means, 1e-4, Budget(3_000))


@pytest.fixture(scope="module")
def ends() -> list[Certificate]:
    return [proof_at(DeepUFM(2, 3, reg)) for reg in (LOW, HIGH)]


@pytest.fixture(scope="module")
def found(ends: list[Certificate]) -> Certificate:
    problem = DeepUFM(2, 3, HERE)
    chord = best_chord(problem, solve(problem, effort="quick").means, ends)
    assert chord is not None
    return chord


def test_a_chord_is_below_the_minimum_and_near_it(found: Certificate, ends: list[Certificate]) -> None:
    minimum = proof_at(found.problem)
    assert found.lower <= minimum.upper
    assert found.gap < 0.01
    assert found.lower == pytest.approx((ends[0].lower + ends[1].lower) / 2, rel=1e-9)


@pytest.mark.parametrize("intervals", [False, True])
def test_the_checker_proves_it_again(found: Certificate, intervals: bool) -> None:
    assert found.method == "chord"
    answer = found.verify(intervals)
    assert answer, answer.reason


def test_the_best_of_several_chords_counts(found: Certificate, ends: list[Certificate]) -> None:
    far = [proof_at(DeepUFM(2, 3, reg)) for reg in (0.05, 0.2)]
    again = best_chord(found.problem, found.means, [*far, *ends])
    assert again is not None
    assert again.lower == found.lower
    assert best_chord(found.problem, found.means, far).lower < found.lower  # type: ignore[union-attr]


def test_no_chord_without_two_sides_of_one_problem(found: Certificate, ends: list[Certificate]) -> None:
    assert best_chord(found.problem, found.means, ends[:1]) is None
    other = replace(found.problem, depth=4)
    assert best_chord(other, found.means, ends) is None
    # One that is not enough is not worked for.
    assert best_chord(found.problem, found.means, ends, found.lower * 1.01) is None
    # Of another method.
    instant = [Claims.of(end.problem, end.means).one_direction() for end in ends]
    assert best_chord(found.problem, found.means, instant) is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"reg_0": 0.11}, "form"),
        ({"reg_1": 0.2}, "form"),
        ({"reg_0": np.nan}, "an end of the chord"),
        ({"wanted_1": 2.0}, "too small"),
        ({"reg_2": 0.2}, "two ends, not 3"),
        ({"wanted_0": None}, "lacks wanted"),
    ],
)
def test_what_is_amiss_is_refused(found: Certificate, changes: dict, reason: str) -> None:
    data = {name: value for name, value in {**found.data, **changes}.items() if value is not None}
    answer = replace(found, data=data).verify()
    assert not answer
    assert reason in answer.reason


@pytest.mark.parametrize("reg", [0.09, 0.15])
def test_no_chord_goes_beyond_its_ends(found: Certificate, reg: float) -> None:
    problem = replace(found.problem, reg=reg)
    assert "not between" in replace(found, problem=problem, upper=1.0).verify().reason


def test_a_higher_bound_is_refused(found: Certificate) -> None:
    assert "is proved" in replace(found, lower=found.verify().lower * (1 + 1e-9)).verify().reason


def test_a_chord_is_for_one_regularisation(found: Certificate) -> None:
    several = replace(found.problem, reg=(HERE, HERE, HERE, HERE * (1 + 1e-15)))
    assert "one regularisation" in replace(found, problem=several, upper=1.0).verify().reason

"""The convex solver of others against ours: both agree where they should, and what is wrong is noticed."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from optima import DeepUFM, Reduction, certify, solve
from optima.proofs.box_bound import BoxBound
from optima.proofs.certificate import Certificate
from optima.proofs.convex import compare, least_on_box, minimum, solver
from optima.proofs.convex.box_program import bound_at
from optima.proofs.convex.depth_one import dual_bound
from optima.proofs.convex.sampled import sampled
from optima.proofs.dual import FitDual
from optima.proofs.form import centred_basis

DEPTH_ONE = [
    DeepUFM(2, 1, 1e-2),
    DeepUFM(5, 1, 1e-3),
    DeepUFM(4, 1, 1e-5),
    DeepUFM(4, 1, (1e-2, 4e-2), samples=3, width=3),
    DeepUFM(4, 1, 2e-2, samples=(3, 1, 2, 1)),
    DeepUFM(3, 1, 10.0),
    DeepUFM(4, 1, 1e-2, loss="mse"),
    DeepUFM(4, 1, 1e-2, samples=(1, 2, 3, 40), loss="mse"),
]


@pytest.fixture(scope="module")
def proved():
    """Certificates of problems, made once."""
    made = {}

    def of(problem, gap=1e-3, boxes=2000):
        if problem not in made:
            made[problem] = certify(problem, gap=gap, boxes=boxes).certificate
        return made[problem]

    return of


@pytest.mark.parametrize("problem", DEPTH_ONE, ids=lambda problem: problem.summary)
def test_the_minimum_at_depth_one(problem):
    found, ours = minimum(problem), solve(problem, effort="quick").loss
    assert found.value == Reduction(problem).value(found.means)
    assert found.lower * (1 - 1e-14) <= ours <= found.value * (1 + 1e-14)
    assert found.value == pytest.approx(ours, rel=1e-7)
    assert found.lower == pytest.approx(ours, rel=1e-6)
    assert (found.solver, found.status) == ("CLARABEL", "optimal")


@pytest.mark.parametrize("problem", [p for p in DEPTH_ONE if p.loss == "ce"], ids=lambda problem: problem.summary)
def test_the_bound_of_its_dual_point_is_a_certificate_to_the_checker(problem):
    found = minimum(problem)
    claim = Certificate(problem, found.lower, found.value, found.means, "depth one", "", 0.0, {"slope": found.slope})
    assert claim.verify()
    assert not replace(claim, lower=found.lower * (1 + 1e-4)).verify()


@pytest.mark.parametrize("loss", ["ce", "mse"])
def test_any_dual_point_bounds_any_logits(loss):
    rng = np.random.default_rng(0)
    problem = DeepUFM(4, 1, 2e-2, samples=(1, 2, 3, 4), loss=loss)
    least = solve(problem, effort="quick").loss
    slopes = [scale * rng.standard_normal((4, 4)) for scale in (1e-3, 1e-2, 0.1, 1.0, 10.0) for _ in range(20)]
    bounds = [dual_bound(problem, slope) for slope in slopes]
    assert max(bounds) <= least
    best = minimum(problem).slope
    near = [dual_bound(problem, best + 1e-4 * slope) for slope in slopes[20:40]]
    assert 0.9 * least < max(near) <= least


@pytest.mark.parametrize("problem", [DEPTH_ONE[1], DEPTH_ONE[4], DEPTH_ONE[7]], ids=lambda problem: problem.summary)
def test_a_wrong_minimum_is_refused(problem, proved):
    right = proved(problem)
    assert compare(right).agrees
    assert abs(compare(right).difference) < 1e-7 * right.upper
    low = compare(replace(right, upper=right.upper * (1 - 1e-4), lower=right.lower * (1 - 1e-4)))
    assert "which its dual point proves to be a bound" in low.objection
    high = compare(replace(right, upper=right.upper * (1 + 1e-4)))
    assert "is above" in high.objection
    assert not low.agrees
    assert not high.agrees
    assert not compare(replace(right, lower=right.lower * (1 + 1e-4))).agrees


BOXES = [
    DeepUFM(2, 3, 1e-2),
    DeepUFM(3, 2, 1e-2),
    DeepUFM(3, 4, 1e-3),
    DeepUFM(3, 3, 1e-3, samples=(1, 2, 3)),
    DeepUFM(5, 3, 1e-3, samples=(1, 1, 80, 90, 100)),
    DeepUFM(3, 10, 1e-3),
    pytest.param(DeepUFM(3, 2, 1e-5), marks=pytest.mark.slow),
    pytest.param(DeepUFM(4, 3, 1e-3), marks=pytest.mark.slow),
]


@pytest.mark.parametrize("problem", BOXES, ids=lambda problem: problem.summary)
def test_bounds_of_boxes_are_the_values_of_convex_programs(problem, proved):
    certificate = proved(problem)
    found = compare(certificate)
    assert found.agrees
    assert found.compared == "boxes"
    assert found.boxes[0].node == 0
    assert 3 <= len(found.boxes) <= min(6, found.of)
    for box in found.boxes:
        assert box.bound <= box.value
        assert box.dual <= box.value
        assert box.dual == pytest.approx(box.value, abs=1e-5 * certificate.upper)
    assert any(box.bound > 0.9 * sampled(certificate).target for box in found.boxes)


@pytest.mark.slow
@pytest.mark.parametrize("problem", [DeepUFM(4, 2, 1e-2), DeepUFM(6, 3, 1e-3)], ids=lambda problem: problem.summary)
def test_bounds_of_four_classes(problem, proved):
    found = compare(proved(problem, gap=0.1, boxes=3000))
    assert found.agrees
    assert all(box.best <= box.value for box in found.boxes)


def test_a_bound_by_one_direction_has_boxes_of_two_classes():
    certificate = solve(DeepUFM(6, 3, 1e-3), effort="quick").certificate
    assert certificate.method == "one direction"
    assert sampled(certificate).boxes.dimension == 1
    assert compare(certificate).agrees


@pytest.mark.parametrize("part", [1e-3, -1e-3])
def test_a_wrong_bound_is_noticed(part, proved, monkeypatch):
    certificate = proved(BOXES[1])
    least = BoxBound.least
    monkeypatch.setattr(BoxBound, "least", lambda self, E: least(self, E) + part * certificate.upper)
    found = compare(certificate)
    assert not found.agrees
    assert ("is above" if part > 0 else "is below the least value") in found.objection


def test_a_wrong_fit_is_noticed(proved, monkeypatch):
    bound = FitDual.bound
    monkeypatch.setattr(FitDual, "bound", lambda self, S, E, x: ((found := bound(self, S, E, x))[0] * 1.001, found[1]))
    assert "is above" in compare(proved(BOXES[2])).objection


@pytest.mark.parametrize("problem", [BOXES[3], DeepUFM(3, 10, 1e-3)], ids=lambda problem: problem.summary)
def test_sampled_boxes_are_those_of_the_proof(problem, proved):
    certificate = proved(problem)
    taken, compared = sampled(certificate), compare(certificate)
    leaves = [i for i, node in enumerate(taken.node) if certificate.data["axis"][node] < 0]
    assert leaves
    for i in leaves:
        # Also where multipliers are nearly singular.
        assert compared.boxes[i].bound >= taken.target * (1 - 1e-9)
        # The corners matter: on the first box the same multiplier does not reach the target.
        assert bound_at(taken.boxes, taken.dual, taken.low[0], taken.high[0], taken.multiplier[i], np.zeros((3, 2))) < (
            taken.target
        )


@pytest.mark.parametrize("problem", [BOXES[1], BOXES[3]], ids=lambda problem: problem.summary)
def test_the_least_value_is_below_all_logits_of_the_box(problem, proved):
    taken, rng = sampled(proved(problem)), np.random.default_rng(0)
    form, basis = taken.boxes.form, centred_basis(3)
    for low, high in zip(taken.low, taken.high, strict=True):
        found = least_on_box(taken.boxes, taken.dual, low, high)
        lowest = np.inf
        for _ in range(300):
            *t, theta = low + rng.uniform(size=3) * (high - low)
            t = np.sort(t)[::-1]
            turn = np.array([[np.cos(theta), -np.sin(theta)], [np.sin(theta), np.cos(theta)]])
            # Any logits of this M; those along the basis are good.
            way = basis.T if rng.uniform() < 0.5 else np.linalg.qr(rng.standard_normal((3, 2)))[0].T
            Z = basis @ (turn * np.array(t) ** ((problem.depth + 1) / 2)) @ turn.T @ way / np.sqrt(form.count)
            lowest = min(lowest, form.fit(Z) + form.strength * sum(t))
        assert found.dual <= lowest
    assert found.value > 0.5 * lowest


@pytest.mark.parametrize(
    ("problem", "message"),
    [
        (DeepUFM(41, 1, 1e-2), "at most 40 classes"),
        (DeepUFM(4, 1, 1e-2, width=2), "pass a width of at least 3"),
        (DeepUFM(4, 1, 1e-2, width=3, loss="mse"), "pass a width of at least 4"),
        (DeepUFM(4, 2, 1e-2), "pass depth 1, not 2"),
        (DeepUFM(4, 2, 1e-2, activation="relu"), "depth"),
        (DeepUFM(4, 1, 1e-15), "leaves no point"),
    ],
)
def test_what_cannot_be_solved_is_refused(problem, message):
    with pytest.raises(ValueError, match=message):
        minimum(problem)


def test_a_certificate_of_no_box_is_not_compared(proved):
    certificate = proved(DeepUFM(3, 3, 1e-60))
    assert certificate.method != "branch and bound"
    found = compare(certificate)
    assert not found.agrees
    assert "tells nothing" in str(found)
    assert found.as_dict()["value"] is None
    with pytest.raises(ValueError, match="closed form"):
        compare(solve(DeepUFM(3, 2, 1e-3, loss="mse")).certificate)


def test_the_solver_is_imported_when_it_is_asked_for():
    code = "import optima.proofs.convex, optima.cli.certify, sys; print('cvxpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_the_same_comparison_twice(proved):
    assert compare(proved(BOXES[1])) == compare(proved(BOXES[1]))


def test_json_of_a_comparison_is_json(proved):
    json.dumps(compare(proved(BOXES[1])).as_dict(), allow_nan=False)


class _Stalls:
    """A program whose solver calls its point optimal with one of the settings only."""

    def __init__(self, good):
        self.good, self.asked, self.status = good, [], None

    def variables(self):
        return []

    def solve(self, solver, **settings):
        self.asked.append(settings)
        self.status = "optimal" if settings == self.good else "optimal_inaccurate"


@pytest.mark.parametrize("good", range(3))
def test_a_point_that_the_solver_calls_inaccurate_is_solved_again(good):
    program = _Stalls(solver.SETTINGS[good])
    assert solver.run(program).status == "optimal"
    assert program.asked == list(solver.SETTINGS[: good + 1])


def test_where_no_setting_helps_the_last_point_is_that_of_its_own():
    program = _Stalls(None)
    assert solver.run(program).status == "optimal_inaccurate"
    assert program.asked[-1] == {}
